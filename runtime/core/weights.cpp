// States in and out of a trainer, row-major, and as safetensors: eight bytes of header length, a JSON header, elements.
// What a file begins with was written by the compiler; what is read may be any other program's, so its header is parsed
// as it comes, through a small window, and believed only where it says what this model's own would.
#include "runtime/core/memory.h"
#include "runtime/core/trainer.h"

namespace descent::runtime {
namespace {

constexpr int64_t most_header_bytes = int64_t{100} << 20;

int64_t state_bytes(const DescentState& state) { return state.elements * size_of_type[state.type]; }

// Calls move(dense, place, bytes) for runs of values that lie side by side both row-major and in the trainer, in the
// order in which they lie row-major; stops where it gives false.
template <class Move>
bool for_each_run(const DescentState& state, const Move& move) {
  const int64_t size = size_of_type[state.type];
  if (state.panel == 0) return move(int64_t{0}, state.offset, state_bytes(state));
  const int64_t row = state.shape[state.rank - 1], rows = row == 0 ? 0 : state.elements / row;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t begin = 0; begin < row; begin += state.panel) {
      const int64_t run = row - begin < state.panel ? row - begin : state.panel;
      const int64_t place = begin * rows + i * state.panel;
      if (!move((i * row + begin) * size, state.offset + place * size, run * size)) return false;
    }
  }
  return true;
}

// The header of a file, a byte at a time.
class Header {
 public:
  Header(const Source& source, int64_t begin, int64_t end) : source_(source), at_(begin), end_(end) {}

  // The next byte, a NUL where there is none.
  char peek() {
    if (at_ >= end_ || failed_) return '\0';
    if (at_ < window_begin_ || at_ >= window_end_) fill();
    return failed_ ? '\0' : window_[at_ - window_begin_];
  }
  char take() {
    const char byte = peek();
    ++at_;
    return byte;
  }
  char next() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r') take();
    return peek();
  }
  bool accept(char wanted) {
    if (next() != wanted) return false;
    take();
    return true;
  }

  // A string that fits; escapes other than those of quotes, strokes and control characters name no state.
  bool string(char* to, int32_t most) {
    if (!accept('"')) return false;
    int32_t size = 0;
    for (char byte = take(); byte != '"'; byte = take()) {
      if (byte == '\0') return false;
      if (byte == '\\') {
        byte = take();
        if (byte == 'u') byte = '?';
        if (byte == '\0') return false;
      }
      if (size + 1 < most) to[size++] = byte;
    }
    to[size] = '\0';
    return true;
  }
  bool number(int64_t& value) {
    if (next() < '0' || peek() > '9') return false;
    for (value = 0; peek() >= '0' && peek() <= '9';) {
      value = value * 10 + (take() - '0');
      if (value > INT64_MAX / 16) return false;
    }
    return true;
  }

 private:
  void fill() {
    const int64_t left = end_ - at_, size = static_cast<int64_t>(sizeof window_);
    const int64_t bytes = left < size ? left : size;
    failed_ = !source_.read(source_.handle, at_, window_, bytes);
    window_begin_ = at_;
    window_end_ = at_ + bytes;
  }

  const Source& source_;
  int64_t at_, end_;
  int64_t window_begin_ = 0, window_end_ = 0;
  bool failed_ = false;
  char window_[512];
};

bool are_equal(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}

const char* name_of_type(int32_t type) {
  static constexpr char names[][5] = {"F32", "F64", "I32", "U8", "BOOL"};
  return names[type];
}

// Reads what a file says of its tensors and notes where those of the model lie.
class Reader {
 public:
  Reader(DescentTrainer& trainer, const Source& source)
      : trainer_(trainer), model_(*trainer.model), places_(trainer.at<int64_t>(model_.places_at)), source_(source) {}

  bool read() {
    unsigned char length[8] = {};
    if (source_.size < 8 || !source_.read(source_.handle, 0, length, 8)) return cut_short();
    uint64_t header = 0;
    for (int i = 8; i-- > 0;) header = header << 8 | length[i];
    if (header > static_cast<uint64_t>(most_header_bytes) || static_cast<int64_t>(header) > source_.size - 8) {
      return cut_short();
    }
    data_ = 8 + static_cast<int64_t>(header);
    for (int32_t i = 0; i < model_.state_count; ++i) places_[i] = -1;
    Header text(source_, 8, data_);
    return tensors(text) && all_there();
  }

  bool load() {
    for (int32_t i = 0; i < model_.state_count; ++i) {
      if (places_[i] < 0) continue;
      const bool done = for_each_run(model_.states[i], [&](int64_t from, int64_t to, int64_t bytes) {
        return source_.read(source_.handle, places_[i] + from, trainer_.at<void>(to), bytes);
      });
      if (!done) return cut_short();
    }
    return true;
  }

 private:
  bool cut_short() {
    trainer_.complain() << "expected a safetensors file, found one that ends early";
    return false;
  }
  bool no_json() {
    trainer_.complain() << "the header of the safetensors file is no table of tensors";
    return false;
  }

  bool tensors(Header& text) {
    if (!text.accept('{')) return no_json();
    if (text.accept('}')) return true;
    do {
      char name[512];
      if (!text.string(name, sizeof name) || !text.accept(':')) return no_json();
      if (are_equal(name, "__metadata__") ? !metadata(text) : !tensor(text, name)) return false;
    } while (text.accept(','));
    return text.accept('}') || no_json();
  }

  bool metadata(Header& text) {
    if (!text.accept('{')) return no_json();
    if (text.accept('}')) return true;
    char word[8];
    do {
      if (!text.string(word, sizeof word) || !text.accept(':') || !text.string(word, sizeof word)) return no_json();
    } while (text.accept(','));
    return text.accept('}') || no_json();
  }

  bool tensor(Header& text, const char* name) {
    int32_t which = -1;
    for (int32_t i = 0; i < model_.state_count; ++i) {
      if (model_.states[i].saved != 0 && are_equal(model_.states[i].name, name)) which = i;
    }
    if (which < 0 || places_[which] >= 0) {
      trainer_.complain() << "the file holds '" << name
                          << (which < 0 ? "', which this model does not have" : "' twice");
      return false;
    }
    const DescentState& state = model_.states[which];
    int64_t begin = -1, end = -1;
    bool alike = true;
    if (!text.accept('{')) return no_json();
    do {
      char key[16];
      if (!text.string(key, sizeof key) || !text.accept(':')) return no_json();
      if (are_equal(key, "dtype")) {
        char type[8];
        if (!text.string(type, sizeof type)) return no_json();
        alike = alike && are_equal(type, name_of_type(state.type));
      } else if (are_equal(key, "shape")) {
        if (!shape(text, state, alike)) return no_json();
      } else if (are_equal(key, "data_offsets")) {
        if (!text.accept('[') || !text.number(begin) || !text.accept(',') || !text.number(end) || !text.accept(']')) {
          return no_json();
        }
      } else {
        return no_json();
      }
    } while (text.accept(','));
    if (!text.accept('}')) return no_json();
    if (!alike || end - begin != state_bytes(state)) {
      trainer_.complain() << "'" << name << "' in the file is of another type or shape than in the model";
      return false;
    }
    if (begin < 0 || end > source_.size - data_) return cut_short();
    places_[which] = data_ + begin;
    return true;
  }

  bool shape(Header& text, const DescentState& state, bool& alike) {
    if (!text.accept('[')) return false;
    int32_t rank = 0;
    for (bool more = !text.accept(']'); more; ++rank) {
      int64_t extent = 0;
      if (!text.number(extent)) return false;
      alike = alike && rank < state.rank && state.shape[rank] == extent;
      more = text.accept(',');
      if (!more && !text.accept(']')) return false;
    }
    alike = alike && rank == state.rank;
    return true;
  }

  bool all_there() {
    for (int32_t i = 0; i < model_.state_count; ++i) {
      if (model_.states[i].saved == 0 || places_[i] >= 0) continue;
      trainer_.complain() << "the file holds no '" << model_.states[i].name << "'";
      return false;
    }
    return true;
  }

  DescentTrainer& trainer_;
  const DescentModel& model_;
  int64_t* places_;  // in the file, by state; -1: not found
  const Source& source_;
  int64_t data_ = 0;
};

struct Memory {
  unsigned char* at;
};

bool write_to_memory(void* handle, const void* from, int64_t bytes) {
  auto& memory = *static_cast<Memory*>(handle);
  memcpy(memory.at, from, static_cast<size_t>(bytes));
  memory.at += bytes;
  return true;
}

bool read_from_memory(void* handle, int64_t offset, void* to, int64_t bytes) {
  memcpy(to, static_cast<const Memory*>(handle)->at + offset, static_cast<size_t>(bytes));
  return true;
}

const DescentState* find_state(DescentTrainer& trainer, int32_t state, const void* values) {
  if (state >= 0 && state < trainer.model->state_count && values != nullptr) return &trainer.model->states[state];
  trainer.complain() << "expected a state from 0 to " << trainer.model->state_count - 1
                     << " and a place for its values, found " << state;
  return nullptr;
}

}  // namespace

bool write_weights(const DescentTrainer& trainer, const Sink& sink) {
  const DescentModel& model = *trainer.model;
  if (!sink.write(sink.handle, model.weights_header, model.weights_header_bytes)) return false;
  for (int32_t i = 0; i < model.saved_count; ++i) {
    const bool done = for_each_run(model.states[model.saved[i]], [&](int64_t, int64_t from, int64_t bytes) {
      return sink.write(sink.handle, trainer.at<void>(from), bytes);
    });
    if (!done) return false;
  }
  return true;
}

int32_t read_weights(DescentTrainer& trainer, const Source& source) {
  Reader reader(trainer, source);
  return reader.read() && reader.load() ? DESCENT_DONE : DESCENT_BAD_FILE;
}

}  // namespace descent::runtime

using namespace descent::runtime;

extern "C" {

int32_t descent_1_read(DescentTrainer* trainer, int32_t state, void* values) {
  const DescentState* found = find_state(*trainer, state, values);
  if (found == nullptr) return DESCENT_BAD_CALL;
  for_each_run(*found, [&](int64_t to, int64_t from, int64_t bytes) {
    memcpy(static_cast<unsigned char*>(values) + to, trainer->at<void>(from), static_cast<size_t>(bytes));
    return true;
  });
  return DESCENT_DONE;
}

int32_t descent_1_write(DescentTrainer* trainer, int32_t state, const void* values) {
  const DescentState* found = find_state(*trainer, state, values);
  if (found == nullptr) return DESCENT_BAD_CALL;
  for_each_run(*found, [&](int64_t from, int64_t to, int64_t bytes) {
    memcpy(trainer->at<void>(to), static_cast<const unsigned char*>(values) + from, static_cast<size_t>(bytes));
    return true;
  });
  return DESCENT_DONE;
}

int32_t descent_1_pack(DescentTrainer* trainer, void* bytes) {
  if (bytes == nullptr) {
    trainer->complain() << "expected a place for the weights, found a null pointer";
    return DESCENT_BAD_CALL;
  }
  Memory memory{static_cast<unsigned char*>(bytes)};
  write_weights(*trainer, {&memory, write_to_memory});
  return DESCENT_DONE;
}

int32_t descent_1_unpack(DescentTrainer* trainer, const void* bytes, int64_t size) {
  if (bytes == nullptr) {
    trainer->complain() << "expected weights, found a null pointer";
    return DESCENT_BAD_CALL;
  }
  Memory memory{static_cast<unsigned char*>(const_cast<void*>(bytes))};
  return read_weights(*trainer, {&memory, size, read_from_memory});
}

}  // extern "C"
