// Text → Program: the front end or a printed IR's parser, then passes and lowering, each timed.
#include "driver/program.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "codegen/llvm.h"
#include "codegen/stopwatch.h"
#include "driver/ports.h"
#include "fmt/format.h"
#include "passes/pipeline.h"
#include "passes/plan_memory.h"
#include "runtime/data/file.h"

namespace descent {
namespace {

constexpr std::int64_t largest_text = std::int64_t{64} << 20;  // bytes
constexpr std::int64_t default_batch = 64;
constexpr std::int64_t batch_limit = std::int64_t{1} << 24;

std::string folder_of(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }

// Bytes that no text holds, and that a terminal would obey when a diagnostic shows their line.
bool is_control(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return (value < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || value == 0x7f;
}

Result<Machine> machine_for(const CompileOptions& options) {
  if (options.triple.empty() && options.cpu.empty()) return codegen::host_machine();
  return codegen::named_machine(options.triple.empty() ? codegen::host_machine().triple : options.triple, options.cpu);
}

Result<frontend::Compilation> compile_model(const SourceRef& source, const std::string& folder,
                                            const CompileOptions& options, std::vector<std::string>& files) {
  frontend::Options wanted;
  wanted.only = options.train;
  for (const auto& [name, value, option] : options.set) wanted.set.push_back({name, value, option});
  wanted.read_import = [folder, &files](const std::string& path) {
    files.push_back((std::filesystem::path(folder) / path).string());
    return read_source(files.back());
  };
  return frontend::compile(source, wanted);
}

Diagnostics parse_graph(Program::Parts& parts) {
  Result<Model> model = parse_model(parts.source);
  if (!model) return model.errors();
  if (Diagnostics wrong = verify(*model); !wrong.empty()) return wrong;
  parts.graph = std::move(*model);
  return {};
}

Diagnostics parse_loop(Program::Parts& parts, const CompileOptions& options) {
  Result<loop::Program> program = loop::parse_program(parts.source);
  if (!program) return program.errors();
  const bool unplanned = std::any_of(program->buffers.begin(), program->buffers.end(), [](const loop::Buffer& buffer) {
    const bool in_arena =
        buffer.storage == loop::Buffer::Storage::state || buffer.storage == loop::Buffer::Storage::arena;
    return in_arena && buffer.offset < 0;
  });
  if (unplanned) program = plan_memory(std::move(*program));
  if (!program) return program.errors();
  if (Diagnostics wrong = loop::verify(*program); !wrong.empty()) return wrong;
  if (options.largest_batch > 0 && options.largest_batch != program->largest_batch) {
    return {diagnostic("batch-limit", {},
                       fmt::format("'{}' is a printed Loop program for at most {} rows, found --batch {}; give --batch "
                                   "where it is printed",
                                   parts.source->name, program->largest_batch, options.largest_batch))};
  }
  parts.loop = std::move(*program);
  return {};
}

Diagnostics parse(Program::Parts& parts, const CompileOptions& options) {
  const TextKind kind = kind_of(parts.source->text);
  if (kind != TextKind::model && (!options.set.empty() || !options.train.empty())) {
    return {
        diagnostic("not-a-model-file", {},
                   fmt::format("'{}' is a printed {} without sizes, settings or train blocks: nothing to choose or set",
                               parts.source->name, kind == TextKind::graph ? "Graph" : "Loop program"))};
  }
  if (kind == TextKind::graph) return parse_graph(parts);
  if (kind == TextKind::loop) return parse_loop(parts, options);
  Result<frontend::Compilation> compilation = compile_model(parts.source, parts.folder, options, parts.files);
  if (!compilation) return compilation.errors();
  parts.graph = compilation->model;
  parts.compilation = std::move(*compilation);
  return {};
}

Result<std::int64_t> batch_for(const Program::Parts& parts, const CompileOptions& options) {
  const bool has_block = parts.compilation && parts.compilation->train;
  const std::int64_t batch = options.largest_batch > 0 ? options.largest_batch
                             : has_block               ? parts.compilation->train->batch
                                                       : default_batch;
  if (batch >= 1 && batch <= batch_limit) return batch;
  return diagnostic("batch-limit", has_block ? parts.compilation->train->at : Span{},
                    fmt::format("a batch is between 1 and {} rows, found {}", batch_limit, batch));
}

}  // namespace

LowerOptions lower_options(const Program::Parts& parts, std::int64_t largest_batch) {
  return {parts.machine, largest_batch, parts.lanes, /*fuse=*/true, /*whole_loop=*/true};
}

namespace {

// The rest of the road, for texts that begin with a Graph.
Diagnostics lower_graph(Program::Parts& parts, const CompileOptions& options) {
  Result<std::int64_t> batch = batch_for(parts, options);
  if (!batch) return batch.errors();
  Stopwatch watch;
  const auto note = [&](const Pass& pass, const Model&, const Model&, double seconds) {
    parts.timings.passes.emplace_back(pass.name, seconds);
  };
  if (options.watch) parts.watched = descent::watch(*parts.graph);
  Result<Model> step = run_passes(parts.watched ? std::exchange(parts.watched->model, {}) : *parts.graph, note);
  if (!step) return step.errors();
  parts.step = std::move(step).value();
  watch.lap();
  Result<loop::Program> program = lower(*parts.step, lower_options(parts, *batch));
  if (!program) return program.errors();
  parts.loop = std::move(*program);
  parts.timings.lower = watch.lap();
  return {};
}

bool same_machine(const Machine& a, const Machine& b) {
  return a.triple == b.triple && a.cpu == b.cpu && a.features == b.features;
}

// Whether everything behind the front end would come out as it did for `other`: Graphs that print alike are the same
// computation, and its text, kernel comments included, is made from the same source.
bool lowers_alike(const Program::Parts& parts, const CompileOptions& options, const Program& other) {
  const Program::Parts& known = other.parts();
  if (!known.graph || !known.step || known.source->text != parts.source->text) return false;
  if (options.watch != known.watched.has_value() || options.lanes != known.lanes ||
      !same_machine(parts.machine, known.machine))
    return false;
  Result<std::int64_t> batch = batch_for(parts, options);
  return batch && *batch == known.loop.largest_batch && print(*parts.graph) == print(*known.graph);
}

void take_lowered(Program::Parts& parts, const Program::Parts& known) {
  parts.step = known.step;
  parts.watched = known.watched;
  parts.loop = known.loop;
  parts.code = known.code;
}

Result<Program> compile(SourceRef source, std::string folder, const CompileOptions& options,
                        const Program* like = nullptr) {
  auto parts = std::make_shared<Program::Parts>();
  parts->source = std::move(source);
  parts->files = {parts->source->name};
  parts->folder = std::move(folder);
  Result<Machine> machine = machine_for(options);
  if (!machine) return machine.errors();
  parts->machine = std::move(*machine);
  parts->lanes = options.lanes;
  Stopwatch watch;
  if (Diagnostics wrong = parse(*parts, options); !wrong.empty()) return wrong;
  parts->timings.parse = watch.lap();
  if (parts->compilation) {
    parts->timings.elaborate = parts->timings.parse - parts->compilation->parse_seconds;
    parts->timings.parse = parts->compilation->parse_seconds;
  }
  if (parts->graph) {
    if (like && lowers_alike(*parts, options, *like)) {
      take_lowered(*parts, like->parts());
    } else if (Diagnostics wrong = lower_graph(*parts, options); !wrong.empty()) {
      return wrong;
    }
    const std::vector<frontend::Rate> none;
    parts->entries = ports_of(*parts->step, parts->compilation ? parts->compilation->rates : none);
  } else {
    parts->entries = ports_of(parts->loop);
  }
  return Program(std::move(parts));
}

}  // namespace

TextKind kind_of(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    line.remove_prefix(first);
    if (line.starts_with("descent graph")) return TextKind::graph;
    return line.starts_with("descent loop") ? TextKind::loop : TextKind::model;
  }
  return TextKind::model;
}

Result<SourceRef> text_source(std::string name, std::string text) {
  const auto control = std::find_if(text.begin(), text.end(), is_control);
  if (control != text.end()) {
    return diagnostic("unreadable-file", {},
                      fmt::format("{}: expected a text, found the byte {:#04x} at offset {}", name,
                                  static_cast<unsigned char>(*control), control - text.begin()));
  }
  return std::make_shared<const Source>(Source{std::move(name), std::move(text)});
}

Result<SourceRef> read_source(const std::string& path) {
  data::Expected<data::Bytes> bytes = data::read_file(path, largest_text);
  if (!bytes) return diagnostic("unreadable-file", {}, data::to_string(bytes.error()));
  return text_source(path, std::string(data::text_of(*bytes)));
}

Result<Program> compile_source(SourceRef source, std::string folder, const CompileOptions& options) {
  return compile(std::move(source), std::move(folder), options);
}

Result<Program> compile_file(const std::string& path, const CompileOptions& options) {
  Result<SourceRef> source = read_source(path);
  if (!source) return source.errors();
  return compile(*source, folder_of(path), options);
}

Result<Program> compile_file(const std::string& path, const CompileOptions& options, const Program& like) {
  Result<SourceRef> source = read_source(path);
  if (!source) return source.errors();
  return compile(*source, folder_of(path), options, &like);
}

Result<Program> compile_text(std::string name, std::string text, const CompileOptions& options) {
  std::string folder = folder_of(name);
  return compile(std::make_shared<const Source>(Source{std::move(name), std::move(text)}), std::move(folder), options);
}

Result<std::vector<std::string>> train_blocks(const std::string& path) {
  Result<SourceRef> source = read_source(path);
  if (!source) return source.errors();
  if (kind_of((*source)->text) != TextKind::model) return std::vector<std::string>{};
  Result<frontend::ast::File> file = frontend::parse(*source);
  if (!file) return file.errors();
  return frontend::train_blocks(*file);
}

Diagnostics MachineCode::make(const loop::Program& program, const Machine& machine,
                              const std::vector<codegen::Wanted>& wanted, Timings& timings) {
  const std::lock_guard lock(mutex_);
  if (!jit_) {
    auto created = codegen::Jit::create(program, machine);
    if (!created) return created.errors();
    jit_ = std::move(*created);
  }
  const Result<codegen::JitReport> report = jit_->make(wanted);
  if (!report) return report.errors();
  timings.emit += report->emit;
  timings.optimise += report->optimise;
  timings.codegen += report->generate;
  timings.code_bytes = report->code_bytes;
  return {};
}

DescentEntry MachineCode::entry(std::string_view name) const { return jit_ ? jit_->entry(name) : nullptr; }

double Timings::all_passes() const {
  double sum = 0;
  for (const auto& [pass, seconds] : passes) sum += seconds;
  return sum;
}

const EntryPorts* Program::Parts::entry(std::string_view name) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const EntryPorts& e) { return e.entry == name; });
  return found == entries.end() ? nullptr : &*found;
}

const std::string& Program::name() const { return parts_->loop.name; }
std::int64_t Program::largest_batch() const { return parts_->loop.largest_batch; }
const std::vector<std::string>& Program::files() const { return parts_->files; }
std::int64_t Program::arena_bytes() const { return parts_->loop.arena_bytes; }
const Timings& Program::timings() const { return parts_->timings; }
bool Program::has(std::string_view entry) const { return parts_->entry(entry) != nullptr; }

const std::vector<Port>& Program::inputs(std::string_view entry) const {
  static const std::vector<Port> none;
  const EntryPorts* ports = parts_->entry(entry);
  return ports ? ports->inputs : none;
}
const std::vector<Port>& Program::outputs(std::string_view entry) const {
  static const std::vector<Port> none;
  const EntryPorts* ports = parts_->entry(entry);
  return ports ? ports->outputs : none;
}

const Model* Program::graph() const { return parts_->graph ? &*parts_->graph : nullptr; }
const Model* Program::step() const { return parts_->step ? &*parts_->step : nullptr; }
const loop::Program& Program::loop() const { return parts_->loop; }
const frontend::TrainBlock* Program::train() const {
  return parts_->compilation && parts_->compilation->train ? &*parts_->compilation->train : nullptr;
}

std::vector<Note> did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  if (near.empty()) return {};
  return {{{}, fmt::format("did you mean '{}'?", near)}};
}

std::string describe(data::DType dtype, const data::Shape& shape) {
  return std::string(data::name_of(dtype)) + data::to_string(shape);
}

std::string describe(const data::Array& array) { return describe(array.dtype, array.shape); }

}  // namespace descent
