// Reads the text of a Loop program. The grammar rule stands above the function that reads it; a mistake ends its
// kernel, entry or line, and reading goes on at the next one.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ir/loop_parse_kernel.h"

namespace descent::loop {
namespace {

constexpr std::int64_t largest_batch_limit = std::int64_t{1} << 24;
constexpr std::int64_t arena_limit = std::int64_t{1} << 40;

class ProgramParser {
 public:
  explicit ProgramParser(const SourceRef& source) : stream_(source) {}

  Result<Program> run() && {
    header();
    while (!stream_.failed() && !stream_.at_end()) {
      item();
      if (stream_.failed()) next_item();
      if (stream_.hopeless()) break;
    }
    if (!stream_.diagnostics().empty()) return std::move(stream_.diagnostics());
    return std::move(program_);
  }

 private:
  // header = 'descent' 'loop' '1' 'program' name 'batch' integer 'arena' integer
  void header() {
    stream_.expect("descent", "at the beginning");
    stream_.expect("loop", "after 'descent'");
    stream_.expect_integer("version 1 of the form", 1, 1);
    stream_.expect("program", "after the version");
    program_.name = stream_.expect_name("the program's name");
    stream_.expect("batch", "after the name");
    program_.largest_batch = stream_.expect_integer("the largest batch", 1, largest_batch_limit);
    stream_.expect("arena", "after the batch");
    program_.arena_bytes = stream_.expect_integer("the arena's bytes", 0, arena_limit);
  }

  // item = buffer | kernel | entry
  void item() {
    if (stream_.at("buffer")) return buffer();
    if (stream_.at("kernel")) return program_.kernels.push_back(parse_kernel(stream_));
    if (stream_.at("entry")) return entry();
    stream_.fail_expected("'buffer', 'kernel' or 'entry'");
  }

  void next_item() {
    stream_.recover();
    while (!stream_.at_end() && !at_item()) stream_.next();
  }
  bool at_item() const {
    return stream_.peek().first_on_line && !stream_.peek(1).is("[") &&
           (stream_.at("buffer") || stream_.at("kernel") || stream_.at("entry"));
  }

  // buffer = 'buffer' name ':' type ('in' integer '..<' integer)? panel? ('state' | 'input' | 'output' | 'arena') ('at'
  // integer)?
  void buffer() {
    stream_.next();
    Buffer buffer;
    buffer.name = stream_.expect_name("the buffer's name");
    stream_.expect(":", "after the buffer's name");
    const ElementType type = parse_array_type(stream_);
    buffer.type = {type.dtype, type.shape, {}};
    if (stream_.accept("in")) {
      Range range;
      range.low = stream_.expect_integer("the least value", INT32_MIN, INT32_MAX);
      stream_.expect("..<", "in a range");
      range.high = stream_.expect_integer("the end of the range", INT32_MIN, std::int64_t{INT32_MAX} + 1);
      buffer.type.range = range;
    }
    buffer.panel = parse_panel(stream_);
    buffer.storage = storage();
    if (stream_.accept("at")) buffer.offset = stream_.expect_integer("an offset", 0, arena_limit);
    program_.buffers.push_back(std::move(buffer));
  }

  Buffer::Storage storage() {
    if (stream_.accept("state")) return Buffer::Storage::state;
    if (stream_.accept("input")) return Buffer::Storage::input;
    if (stream_.accept("output")) return Buffer::Storage::output;
    if (stream_.accept("arena")) return Buffer::Storage::arena;
    stream_.fail_expected("'state', 'input', 'output' or 'arena'");
    return {};
  }

  // entry = 'entry' name '(' buffers ')' '->' '(' buffers ')' 'turns'? '{' step* '}'
  void entry() {
    stream_.next();
    Entry entry;
    entry.name = stream_.expect_name("the entry's name");
    entry.inputs = buffer_list();
    stream_.expect("->", "after the inputs");
    entry.outputs = buffer_list();
    entry.turns = stream_.accept("turns");
    entry.steps = steps();
    program_.entries.push_back(std::move(entry));
  }

  std::vector<BufferId> buffer_list() {
    std::vector<BufferId> ids;
    stream_.expect("(");
    while (!stream_.at_end() && !stream_.at(")")) {
      if (!ids.empty()) stream_.expect(",", "between buffers");
      ids.push_back(buffer_id());
    }
    stream_.expect(")");
    return ids;
  }

  BufferId buffer_id() {
    const Token token = stream_.peek();
    return named(program_.buffers, token, stream_.expect_name("a buffer"), "unknown-buffer", "buffer");
  }

  // The number of the item of that name.
  template <class Items>
  int named(const Items& items, const Token& token, const std::string& name, DiagnosticId unknown,
            std::string_view what) {
    std::vector<std::string> names;
    for (const auto& item : items) {
      if (item.name == name) return static_cast<int>(&item - items.data());
      names.push_back(item.name);
    }
    const Span at = stream_.span_of(token);
    stream_.fail(at, unknown, fmt::format("there is no {} '{}'", what, name), suggestion(name, names));
    return -1;
  }

  // step = 'call' name '(' buffers and indices ')' | 'repeat' name '<' integer 'reversed'? '{' step* '}'
  Steps steps() {
    const TokenStream::Nesting nesting(stream_);
    Steps result;
    stream_.expect("{");
    while (!stream_.at_end() && !stream_.at("}")) {
      if (stream_.accept("call")) {
        result.push_back(call());
      } else if (stream_.accept("repeat")) {
        result.push_back(repeat());
      } else {
        stream_.fail_expected("'call' or 'repeat'");
      }
    }
    stream_.expect("}", "at the end of the steps");
    return result;
  }

  Call call() {
    Call call;
    const Token token = stream_.peek();
    call.kernel = named(program_.kernels, token, stream_.expect_name("the kernel's name"), "unknown-kernel", "kernel");
    if (stream_.failed()) return call;
    const Kernel& kernel = program_.kernels[static_cast<std::size_t>(call.kernel)];
    stream_.expect("(", "after the kernel's name");
    for (int n = 0; n < kernel.parameters + kernel.indices && !stream_.failed(); ++n) {
      if (n > 0) stream_.expect(",", fmt::format("before argument {} of '{}'", n + 1, kernel.name));
      if (n < kernel.parameters) {
        call.buffers.push_back(buffer_id());
      } else {
        call.indices.push_back(parse_affine(stream_, variables_));
      }
    }
    stream_.expect(")", fmt::format("after the last argument of '{}'", kernel.name));
    return call;
  }

  Repeat repeat() {
    Repeat repeat;
    repeat.variable = stream_.expect_name("the variable");
    stream_.expect("<", "after the variable");
    repeat.count = stream_.expect_integer("the number of turns", 1, index_limit);
    repeat.reversed = stream_.accept("reversed");
    variables_.emplace_back(repeat.variable, static_cast<VariableId>(variables_.size()));
    repeat.steps = steps();
    variables_.pop_back();
    return repeat;
  }

  TokenStream stream_;
  Program program_;
  OpenVariables variables_;  // of the open Repeats
};

}  // namespace

Result<Program> parse_program(const SourceRef& source) { return ProgramParser(source).run(); }

}  // namespace descent::loop
