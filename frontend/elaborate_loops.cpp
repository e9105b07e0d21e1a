// scan and repeat: a block becomes the body of a Scan, a Graph of its own.
//
//   scan t < 4 carry h : f32[batch, 2] = 0 {            %h, %y = scan [t < 4] {
//     next h[b, j]     = h[b, j] + x[b, t, j]    →        carry %h = %0   capture %x = %x
//     yield y[b, t, j] = next h[b, j]                     … next %h = %n   yield %n
//   }                                                   } and a view of %y with t in its place
//
// What the block uses from outside is captured when its name is first read. Inside a repeat a parameter has a value for
// each turn: one state with the turns as its first axis, its path with `*` for the turn's number.
#include <algorithm>

#include "frontend/elaborator.h"
#include "frontend/entries.h"
#include "ir/match.h"

namespace descent::frontend {

namespace {

bool has_input(const Graph& graph, const std::string& name) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    const auto* input = std::get_if<Input>(&node.op);
    return input && input->name == name;
  });
}

}  // namespace

// -- levels: the entry's Graph, and that of each block being read ----------------------------------------------------

// Returns the level left.
std::size_t Elaborator::go_to(std::size_t level) {
  const std::size_t before = level_;
  level_ = level;
  graph_ = &graph_at(level);
  return before;
}

Extent Elaborator::extent_of(AxisId axis, const OpenSweep& sweep) const {
  if (axis >= 0) return sweep.axes[static_cast<std::size_t>(axis)].extent;
  return loops_[level_ - static_cast<std::size_t>(-axis)]->axis.extent;
}

// A value of the Graph `from` levels deep, as an input of every block from there to here.
ValueId Elaborator::captured(ValueId value, std::size_t from) {
  for (std::size_t level = from; level < level_; ++level) {
    OpenLoop& loop = *loops_[level];
    const auto known = std::find_if(loop.captured.begin(), loop.captured.end(),
                                    [&](const auto& capture) { return capture.first == value; });
    if (known != loop.captured.end()) {
      value = known->second;
      continue;
    }
    const Value& outside = graph_at(level).graph().value(value);
    const ValueId inside = loop.body.input(outside.name + "." + std::to_string(loop.captured.size()), outside.type);
    loop.body.rename(inside, outside.name);
    loop.captured.emplace_back(value, inside);
    value = inside;
  }
  return value;
}

bool Elaborator::is_from_outside(ValueId value) const {
  if (level_ == 0) return false;
  const auto& captures = loops_[level_ - 1]->captured;
  return std::any_of(captures.begin(), captures.end(), [&](const auto& capture) { return capture.second == value; });
}

// What a name given `from` levels deep means here.
Operand Elaborator::imported(const Operand& operand, std::size_t from) {
  if (from == level_ || operand.get<Integer>() || operand.get<Batch>() || constant(operand)) return operand;
  if (from > level_) {
    return poison("initial-value", frame().call,
                  "expected an initial value that does not depend on what a loop computes");
  }
  const auto shift = static_cast<AxisId>(level_ - from);
  return match(
      operand.is, [](const Poison& poison) { return Operand{poison}; },
      [](const Integer& integer) { return Operand{integer}; }, [](const Batch& batch) { return Operand{batch}; },
      [&](const Real& real) {
        const std::size_t here = go_to(from);
        const ValueId value = materialise(operand, numbers_.type(real.id), {});
        go_to(here);
        return Operand{Real{numbers_.read({captured(value, from), {}, {}}, numbers_.type(real.id)), {}}};
      },
      [&](const Form& form) {
        return Operand{Form{substitute(form.form, [&](AxisId axis) { return Affine::axis(axis - shift); })}};
      },
      [](const Point&) -> Operand { DESCENT_CHECK(false, "an element is seen from within a loop"); },
      [&](const Whole& whole) { return Operand{Whole{captured(whole.id, from)}}; },
      [&](const Tuple& tuple) {
        Tuple inside;
        for (const Operand& part : tuple.parts) inside.parts.push_back(imported(part, from));
        return Operand{std::move(inside)};
      });
}

// -- the turns of repeats --------------------------------------------------------------------------------------------

Shape Elaborator::stacking() const {
  Shape turns;
  for (std::size_t level = 0; level < level_; ++level) {
    if (loops_[level]->stacks) turns.push_back(loops_[level]->axis.extent);
  }
  return turns;
}

// A state as the block at hand sees it: in a repeat, the value of this turn. Its first `stacked` axes are turns of the
// open repeats behind the outermost `around`.
Operand Elaborator::state_here(ValueId state, std::size_t stacked, std::size_t around) {
  const ValueId whole = captured(state, 0);
  if (stacked == 0) return {Whole{whole}};
  Read read{whole, {}, {}};
  for (std::size_t level = 0; level < level_ && read.at.size() < stacked; ++level) {
    if (!loops_[level]->stacks || around > 0) {
      around -= loops_[level]->stacks ? 1 : 0;
      continue;
    }
    read.at.push_back({Affine::axis(static_cast<AxisId>(level) - static_cast<AxisId>(level_)), no_scalar});
  }
  const TensorType type = graph_->type(whole);
  const Shape shape(type.shape.begin() + static_cast<std::ptrdiff_t>(stacked), type.shape.end());
  const ValueId slice = graph_->elementwise(
      shape,
      [&](BodyBuilder& body, const std::vector<Affine>& axes) {
        for (const Affine& axis : axes) read.at.push_back({axis, no_scalar});
        return body.read(std::move(read), type.dtype);
      },
      graph_->graph().value(whole).name);
  return {Whole{slice}};
}

// -- scan and repeat -------------------------------------------------------------------------------------------------

void Elaborator::scan(const ast::Scan& node, const Span& at) {
  const std::optional<Extent> extent = turns(node);
  if (!extent) return poison_names(node.carries, node.body);
  read_loop({node.carries, node.body, at, {node.axis.name.text, *extent}, node.axis.name, {}});
}

void Elaborator::repeat(const ast::Repeat& node, const Span& at) {
  const std::optional<Extent> extent = fixed(this->extent(*node.count, "the number of turns"), node.count->at);
  if (!extent) return poison_names(node.carries, node.body);
  const std::string name = node.as ? node.as->text : node.carries[0].name.text;
  read_loop({node.carries, node.body, at, {name, *extent}, {}, name});
}

std::optional<Extent> Elaborator::fixed(std::optional<Extent> extent, const Span& at) {
  if (!extent || !extent->is_batch()) return extent;
  error("bad-extent", at, "expected a number of turns known while compiling, found batch");
  return std::nullopt;
}

// As written, or that of the axes whose subscript the index is in the block.
std::optional<Extent> Elaborator::turns(const ast::Scan& node) {
  const ast::Identifier& name = node.axis.name;
  if (node.axis.extent) {
    return fixed(extent(*node.axis.extent, "the extent of index " + quoted(name.text)), node.axis.extent->at);
  }
  IndexSet indices;
  indices.indices.push_back({name, {}, false, {}, {}});
  const std::size_t errors = errors_;
  for (const ast::Statement& statement : node.body) {
    const auto* define = std::get_if<ast::Define>(&statement.node);
    if (!define) continue;
    infer_extents(*define->value, indices, [this](const std::string& base) { return tensor_type(base); }, reporting());
  }
  const std::optional<Extent> found = indices.indices[0].extent;
  if (errors_ != errors) return std::nullopt;
  if (!found) error("unknown-extent", name.at, "the number of turns is unknown; write " + name.text + " < n");
  return fixed(found, name.at);
}

void Elaborator::read_loop(const LoopText& text) {
  if (frame().elements) {
    error("not-an-element", text.at,
          "expected a function of single elements within index notation, found one with a loop; call it on the whole "
          "tensor above");
    return poison_names(text.carries, text.body);
  }
  std::vector<OpenLoop::Carried> carried;
  for (const ast::Carry& carry : text.carries) {
    if (std::optional<OpenLoop::Carried> one = start_of(carry)) carried.push_back(std::move(*one));
  }
  if (carried.size() != text.carries.size()) return poison_names(text.carries, text.body);

  const auto names = frame().names;
  const std::string path = frame().path;
  OpenLoop* const around = frame().loop;
  open_loop(text.axis, !text.index, std::move(carried));
  const OpenLoop& loop = *loops_.back();
  frame().loop = loops_.back().get();
  if (!text.part.empty()) {
    frame().outer_paths.push_back(path);
    frame().path = path_of(text.part) + ".*";
  }
  for (const OpenLoop::Carried& one : loop.carried) bind(one.name, {Whole{graph_->input(one.name.text, one.type)}});
  if (text.index) bind(*text.index, {Form{Affine::axis(-1)}});
  const std::size_t errors = errors_;
  run(text.body);
  const bool good = give_next(text.at) && errors_ == errors;

  if (!text.part.empty()) frame().outer_paths.pop_back();
  frame().names = names;
  frame().path = path;
  frame().loop = around;
  const std::unique_ptr<OpenLoop> closed = std::move(loops_.back());
  loops_.pop_back();
  go_to(level_ - 1);
  if (!good) return poison_names(text.carries, text.body);
  bind_results(*closed, close_loop(*closed, text.at), text.at);
}

void Elaborator::open_loop(Axis axis, bool stacks, std::vector<OpenLoop::Carried> carried) {
  loops_.push_back(
      std::make_unique<OpenLoop>(OpenLoop{GraphBuilder("body"), std::move(axis), stacks, std::move(carried)}));
  go_to(level_ + 1);
}

// What is carried into the first turn.
std::optional<OpenLoop::Carried> Elaborator::start_of(const ast::Carry& carry) {
  frame().binding = carry.name.text;
  hint_ = path_of("");
  std::optional<TensorType> type = carry.type ? tensor_type(*carry.type) : std::nullopt;
  Operand initial = value_of(*carry.initial);
  frame().binding.clear();
  if ((carry.type && !type) || initial.poisoned()) return std::nullopt;
  if (!type && is_number(initial)) type = TensorType{DType::f32, {}, {}};
  if (!type && initial.get<Whole>()) {
    type = graph_->type(initial.get<Whole>()->id);
    type->range.reset();
  }
  if (!type) {
    error("value-count", carry.initial->at, "expected one tensor to carry, found " + describe(initial));
    return std::nullopt;
  }
  initial = conform(initial, *type, carry.initial->at, quoted(carry.name.text));
  const Whole* whole = initial.get<Whole>();
  if (!whole || !stays_in(*type, whole->id, carry.initial->at, quoted(carry.name.text))) return std::nullopt;
  return OpenLoop::Carried{carry.name, *type, whole->id, -1};
}

// Integers that are carried with a range keep within it.
bool Elaborator::stays_in(const TensorType& type, ValueId value, const Span& at, const std::string& what) {
  const std::optional<Range> found = graph_->type(value).range;
  if (!type.range || (found && found->low >= type.range->low && found->high <= type.range->high)) return true;
  error("range-mismatch", at, "expected " + what + " to be " + to_string(type) + ", found " + describe({Whole{value}}));
  return false;
}

// The end of a turn: every carried name has its next value.
bool Elaborator::give_next(const Span& at) {
  bool good = true;
  for (OpenLoop::Carried& one : frame().loop->carried) {
    const auto next = frame().names.find("next " + one.name.text);
    if (next == frame().names.end()) {
      error("no-next", one.name.at, "expected 'next " + one.name.text + " = …' in the block, found none",
            {{at, "this block"}});
      good = false;
      continue;
    }
    const Whole* whole = next->second.value.get<Whole>();
    good = good && whole;
    if (whole) one.next = whole->id;
  }
  return good;
}

// The block is read: the scan.
std::vector<ValueId> Elaborator::close_loop(const OpenLoop& loop, const Span& at) {
  Scan scan{loop.axis, false, {}, {}, nullptr};
  std::vector<TensorType> types;
  std::vector<std::string> carried;
  std::vector<Output> outputs;
  for (const OpenLoop::Carried& one : loop.carried) {
    scan.initial.push_back(one.initial);
    types.push_back(one.type);
    carried.push_back(one.name.text);
    outputs.push_back({Output::Kind::output, "next." + one.name.text, one.next});
  }
  const auto stack = [&](const std::string& name, ValueId value) {
    types.push_back(loop.body.type(value));
    types.back().shape.insert(types.back().shape.begin(), loop.axis.extent);
    outputs.push_back({Output::Kind::output, name, value});
  };
  for (const OpenLoop::Yielded& one : loop.yields) stack(one.name.text, one.value);
  for (const auto& [state, value] : loop.updates) stack(state, value);
  Graph body = keep_needed(loop.body.graph(), carried, outputs);
  for (const auto& [outside, inside] : loop.captured) {
    if (has_input(body, std::get<Input>(loop.body.graph().node_of(inside).op).name)) scan.captured.push_back(outside);
  }
  scan.body = std::make_shared<const Graph>(std::move(body));
  const std::vector<ValueId> results = graph_->add(std::move(scan), types, loop.axis.name, origin(at));
  const std::size_t updates = loop.carried.size() + loop.yields.size();
  for (std::size_t i = 0; i < loop.updates.size(); ++i) {
    update_state(loop.updates[i].first, results[updates + i], at);
  }
  return results;
}

// What the names of the block mean behind it.
void Elaborator::bind_results(const OpenLoop& loop, const std::vector<ValueId>& results, const Span& at) {
  for (std::size_t i = 0; i < loop.carried.size(); ++i) give_after(loop.carried[i].name, results[i]);
  for (std::size_t i = 0; i < loop.yields.size(); ++i) {
    const OpenLoop::Yielded& one = loop.yields[i];
    hint_ = one.name.text;
    give_after(one.name, turn_behind(results[loop.carried.size() + i], one.behind, at));
  }
}

// The new value of a state; in a repeat, of this turn's part.
void Elaborator::update_state(const std::string& path, ValueId value, const Span& at) {
  if (level_ == 0) return graph_->update(path, value, origin(at));
  loops_.back()->updates.emplace_back(path, value);
}

void Elaborator::give_after(const ast::Identifier& name, ValueId value) {
  frame().binding = name.text;
  graph_->rename(value, path_of(""));
  frame().binding.clear();
  bind(name, {Whole{value}});
}

// [turns, a, b] → [a, turns, b] for one axis behind.
ValueId Elaborator::turn_behind(ValueId stack, std::size_t behind, const Span& at) {
  const TensorType type = graph_->type(stack);
  const std::size_t place = type.shape.size() - 1 - behind;
  if (place == 0) return stack;
  Shape shape = type.shape;
  std::rotate(shape.begin(), shape.begin() + 1, shape.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  return graph_->elementwise(
      shape,
      [&](BodyBuilder& body, const std::vector<Affine>& axes) {
        Read read{stack, {{axes[place], no_scalar}}, {}};
        for (std::size_t i = 0; i < axes.size(); ++i) {
          if (i != place) read.at.push_back({axes[i], no_scalar});
        }
        return body.read(std::move(read), type.dtype);
      },
      hint_, origin(at));
}

// -- statements of a block -------------------------------------------------------------------------------------------

// The carried value that `next NAME` renews.
const OpenLoop::Carried* Elaborator::carried_by(const ast::Target& target) {
  if (!frame().loop) {
    error("misplaced-statement", target.name.at, "'next' stands in the block of a scan or a repeat");
    return nullptr;
  }
  std::vector<std::string> names;
  for (const OpenLoop::Carried& one : frame().loop->carried) {
    if (one.name.text == target.name.text) return &one;
    names.push_back(one.name.text);
  }
  error("not-carried", target.name.at,
        "expected a name that this block carries after 'next', found " + quoted(target.name.text) +
            suggestion(target.name.text, names));
  return nullptr;
}

// `yield y[b, t, j] = e`: the turn's index stands where the turns will; without indices they come first.
void Elaborator::yield(const ast::Define& node, const Span& at) {
  OpenLoop* const loop = frame().loop;
  if (!loop) return error("misplaced-statement", at, "'yield' stands in the block of a scan or a repeat");
  if (node.targets.size() != 1 || node.targets[0].next) {
    return error("value-count", node.targets[0].name.at, "expected one name on the left of a yield");
  }
  ast::Target target = node.targets[0];
  const bool has_turn = target.indexed && !loop->stacks;
  std::optional<std::size_t> place;
  for (std::size_t i = 0; has_turn && i < target.at.size(); ++i) {
    const auto* name = std::get_if<ast::Name>(&target.at[i].index->node);
    if (!place && name && name->text == loop->axis.name && !target.at[i].extent) place = i;
  }
  if (has_turn && !place) {
    return error("yield-index", target.name.at,
                 "expected the index " + quoted(loop->axis.name) + " alone among those of " + quoted(target.name.text));
  }
  if (place) target.at.erase(target.at.begin() + static_cast<std::ptrdiff_t>(*place));
  Operand value = target.indexed ? indexed_definition(target, *node.value, nullptr) : value_of(*node.value);
  if (is_number(value)) value = {Whole{materialise(value, DType::f32, at)}};
  const Whole* whole = value.get<Whole>();
  if (!whole) {
    if (!value.poisoned()) error("value-count", at, "expected one tensor, found " + describe(value));
    return;
  }
  const std::size_t rank = graph_->type(whole->id).shape.size();
  std::size_t behind = rank;
  if (place) {
    const bool leads = *place > 0 && std::holds_alternative<ast::Ellipsis>(target.at[0].index->node);
    behind = leads ? target.at.size() - *place : rank - *place;
  }
  loop->yields.push_back({target.name, whole->id, behind});
}

// What a block would have given, so that later lines say nothing about it.
void Elaborator::poison_names(const std::vector<ast::Carry>& carries, const ast::Block& body) {
  for (const ast::Carry& carry : carries) bind(carry.name, {Poison{}});
  for (const ast::Statement& statement : body) {
    const auto* define = std::get_if<ast::Define>(&statement.node);
    if (define && define->kind == ast::Define::Kind::yield) bind(define->targets[0].name, {Poison{}});
  }
}

}  // namespace descent::frontend
