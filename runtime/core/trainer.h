// A compiled model at work in one block of memory: what the functions of runtime/model.h share.
#pragma once

#include "runtime/model.h"

namespace descent::runtime {

class ThreadPool;

// The words of the last mistake, cut off where the room ends.
class Message {
 public:
  void clear() { size_ = 0; }
  Message& operator<<(const char* text);
  Message& operator<<(int64_t number);
  const char* text() const { return text_; }

 private:
  char text_[256] = {};
  int32_t size_ = 0;
};

inline constexpr int64_t size_of_type[] = {4, 8, 4, 1, 1};  // by DESCENT_F32 …

// Elements of a shape with `rows` for batch.
int64_t count(const int64_t* shape, int32_t rank, int64_t rows);

// Rows of a whole set: from `first` on, or those whose numbers stand in `order` from there on.
struct Rows {
  int64_t all = 0;  // of the caller's arrays
  int64_t first = 0;
  int64_t count = 0;  // of this batch
  const uint32_t* order = nullptr;
};

}  // namespace descent::runtime

struct DescentTrainer {
  const DescentModel* model = nullptr;
  descent::runtime::ThreadPool* pool = nullptr;
  DescentThreads threads = {};
  descent::runtime::Message message;
  int64_t epoch = 0;   // the next one's number, for the order of its rows
  bool owned = false;  // the memory is given back by destroy
  int32_t seed = 0, step = 0, steps = 0;
  int64_t sum_rows = 0;

  template <class T>
  T* at(int64_t offset) {
    return reinterpret_cast<T*>(reinterpret_cast<unsigned char*>(this) + offset);
  }
  template <class T>
  const T* at(int64_t offset) const {
    return reinterpret_cast<const T*>(reinterpret_cast<const unsigned char*>(this) + offset);
  }
  descent::runtime::Message& complain() {
    message.clear();
    return message;
  }
};
static_assert(sizeof(DescentTrainer) <= DESCENT_HEAD_BYTES);

namespace descent::runtime {

// What the two builds of this library differ in: the bare one has neither memory to give nor threads nor files.
void* allocate_trainer(int64_t bytes);
void free_trainer(void* memory);
void start_threads(DescentTrainer& trainer, int32_t threads);
void stop_threads(DescentTrainer& trainer);

// Whether every input of the caller is there and in its range, over all rows; else a status and a message.
int32_t check_inputs(DescentTrainer& trainer, const DescentFunction& function, int64_t rows, const void* const* inputs);
// Whether an input of the caller serves where it lies, for these rows.
bool serves_in_place(const DescentPort& port, const void* values, const Rows& rows);
// Copies rows of an input to `to`, which is laid out for the largest batch; rows of an output back.
void gather_rows(const DescentPort& port, int64_t largest, const Rows& rows, const void* values, unsigned char* to);
void scatter_rows(const DescentPort& port, int64_t largest, const Rows& rows, const unsigned char* from, void* values);

double number_at(const void* value, int32_t type);
void set_number(void* to, int32_t type, double value);

// Where bytes of weights come from and go to: memory or a file. False: it failed.
struct Source {
  void* handle;
  int64_t size;
  bool (*read)(void* handle, int64_t offset, void* to, int64_t bytes);
};
struct Sink {
  void* handle;
  bool (*write)(void* handle, const void* from, int64_t bytes);
};
bool write_weights(const DescentTrainer& trainer, const Sink& sink);
int32_t read_weights(DescentTrainer& trainer, const Source& source);

}  // namespace descent::runtime
