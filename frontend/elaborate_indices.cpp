// Index notation: left sides, reductions, subscripts. One statement is one sweep; a reduction inside a larger
// expression becomes a sweep of its own over the indices it uses.
#include <algorithm>
#include <cmath>
#include <set>

#include "frontend/elaborator.h"
#include "ir/match.h"

namespace descent::frontend {

namespace {

Combiner combiner_of(std::string_view name) {
  if (name == "max") return Combiner::max;
  if (name == "min") return Combiner::min;
  if (name == "prod") return Combiner::product;
  if (name == "argmax" || name == "argmin") return Combiner::argmax;
  return Combiner::sum;  // sum, mean
}

bool is_ellipsis(const ast::Expression& expression) { return std::holds_alternative<ast::Ellipsis>(expression.node); }

// The names an expression uses, with `...` for a subscript that begins with it; names that a reduction inside binds
// are left out.
class Uses {
 public:
  static std::set<std::string> of(const ast::Reduction& reduction) {
    Uses uses;
    uses.visit(reduction);
    return uses.names_;
  }
  static std::set<std::string> of(const ast::Expression& expression) {
    Uses uses;
    uses.visit(expression);
    return uses.names_;
  }

 private:
  void visit(const ast::Reduction& reduction) {
    Uses inner;
    inner.visit(*reduction.body);
    for (const ast::IndexBinder& binder : reduction.over) inner.names_.erase(binder.name.text);
    names_.merge(inner.names_);
  }

  void visit(const ast::Expression& expression) {
    if (const auto* name = std::get_if<ast::Name>(&expression.node)) names_.insert(name->text);
    if (is_ellipsis(expression)) names_.insert("...");
    if (const auto* reduction = std::get_if<ast::Reduction>(&expression.node)) return visit(*reduction);
    ast::for_each_operand(expression, [this](const ast::Expression& operand) { visit(operand); });
  }

  std::set<std::string> names_;
};

}  // namespace

// -- the indices of a left side or a reduction -----------------------------------------------------------------------

bool Elaborator::collect_left(const ast::Target& target, IndexSet& indices) {
  bool good = true;
  for (const ast::LeftIndex& left : target.at) {
    if (is_ellipsis(*left.index)) {
      if (&left != &target.at.front()) {
        error("misplaced-leading", left.index->at, "'...' stands first among subscripts, extents or indices only");
        return false;
      }
      indices.binds_leading = true;
      indices.bound_at = left.index->at;
      continue;
    }
    const auto* name = std::get_if<ast::Name>(&left.index->node);
    const Operand* given = name ? known(name->text) : nullptr;
    if (given && given->get<Integer>()) {
      error("index-is-size", left.index->at, "index " + quoted(name->text) + " has the name of a size");
      return false;
    }
    good &= collect_names(*left.index, indices);
    if (!left.extent) continue;
    IndexBinding* binding = name ? indices.find(name->text) : nullptr;
    if (!binding) {
      error("left-side", left.index->at, "expected an index before '<', found an expression");
      return false;
    }
    binding->extent = extent(*left.extent, "the extent of index " + quoted(name->text));
    binding->fixed = true;
    good &= binding->extent.has_value();
  }
  return good;
}

// Names that are no sizes are indices.
bool Elaborator::collect_names(const ast::Expression& index, IndexSet& indices) {
  if (std::holds_alternative<ast::Number>(index.node)) return true;
  if (const auto* unary = std::get_if<ast::Unary>(&index.node)) return collect_names(*unary->operand, indices);
  if (const auto* binary = std::get_if<ast::Binary>(&index.node)) {
    const bool left = collect_names(*binary->left, indices);
    return collect_names(*binary->right, indices) && left;  // both sides are looked at, whatever the first says
  }
  const auto* name = std::get_if<ast::Name>(&index.node);
  if (!name) {
    error("left-side", index.at, "expected indices and sizes on the left side, found another expression");
    return false;
  }
  const Operand* given = known(name->text);
  if ((given && given->get<Integer>()) || name->text == "batch") return true;
  if (given && given->get<Form>()) {
    error("duplicate-index", index.at, "index " + quoted(name->text) + " runs already");
    return false;
  }
  if (!indices.find(name->text)) indices.indices.push_back({{name->text, index.at}, {}, false, {}, {}});
  return true;
}

// Whether a name in it stands for what was told to be wrong.
bool Elaborator::uses_mistake(const ast::Expression& expression) {
  const auto* name = std::get_if<ast::Name>(&expression.node);
  const auto* subscript = std::get_if<ast::Subscript>(&expression.node);
  const Operand* given = name ? known(name->text) : subscript ? known(subscript->base.text) : nullptr;
  bool uses = given && given->poisoned();
  ast::for_each_operand(expression, [&](const ast::Expression& operand) { uses = uses || uses_mistake(operand); });
  return uses;
}

// The axes of indices whose extents are known by now; reports the others, unless `value` hangs on a
// mistake told before.
bool Elaborator::complete(const IndexSet& indices, const ast::Expression& value, OpenSweep& sweep) {
  bool good = true;
  const bool is_explained = uses_mistake(value);
  if (indices.binds_leading) {
    if (indices.leading) {
      add_leading(*indices.leading, sweep);
    } else {
      if (!is_explained) error("unbound-leading", indices.bound_at, "no subscript tells what '...' stands for");
      good = false;
    }
  }
  for (const IndexBinding& index : indices.indices) {
    const Operand* given = known(index.name.text);
    if (given && given->get<Integer>()) {
      error("index-is-size", index.name.at, "index " + quoted(index.name.text) + " has the name of a size");
      good = false;
    } else if (!index.extent) {
      if (!is_explained) {
        error("unknown-extent", index.name.at,
              "no subscript is " + quoted(index.name.text) + " alone, so its extent is unknown; write " +
                  index.name.text + " < n");
      }
      good = false;
    } else {
      sweep.indices[index.name.text] = static_cast<AxisId>(sweep.axes.size());
      sweep.axes.push_back({index.name.text, *index.extent});
    }
  }
  return good;
}

void Elaborator::add_leading(const Shape& shape, OpenSweep& sweep) {
  sweep.leading.emplace();
  for (const Extent extent : shape) {
    sweep.leading->push_back(static_cast<AxisId>(sweep.axes.size()));
    sweep.axes.push_back({"", extent});
  }
}

// -- left sides ------------------------------------------------------------------------------------------------------

// name[…] = value. `declared`: the result's type, where one is written.
Operand Elaborator::indexed_definition(const ast::Target& target, const ast::Expression& value,
                                       const TensorType* declared) {
  IndexSet indices;
  const std::size_t errors = errors_;
  if (!collect_left(target, indices)) return {Poison{}};
  if (declared) {
    const std::size_t named = target.at.size() - (indices.binds_leading ? 1 : 0);
    const std::size_t rank = declared->shape.size();
    if (named > rank || (!indices.binds_leading && named != rank)) {
      return poison("index-count", target.name.at,
                    "expected " + counted(rank, "index", "indices") + " for the result " + to_string(*declared) +
                        ", found " + std::to_string(named));
    }
    const auto lead = declared->shape.begin() + static_cast<std::ptrdiff_t>(rank - named);
    if (indices.binds_leading) {
      constrain_leading(indices, Shape(declared->shape.begin(), lead), "the result", target.name.at, reporting());
    }
    for (std::size_t i = 0; i < named; ++i) {
      const ast::Expression& index = *target.at[i + target.at.size() - named].index;
      const auto* name = std::get_if<ast::Name>(&index.node);
      IndexBinding* binding = name ? indices.find(name->text) : nullptr;
      if (binding) constrain(*binding, declared->shape[rank - named + i], "the result", index.at, reporting());
    }
  }
  const FindType type_of = [this](const std::string& name) { return tensor_type(name); };
  infer_extents(value, indices, type_of, reporting());
  if (errors_ != errors) return {Poison{}};
  OpenSweep sweep;
  sweep.indexed = true;
  if (!complete(indices, value, sweep)) return {Poison{}};
  Shape shape;
  std::optional<std::vector<Index>> places = landing(target, declared, sweep, shape);
  if (!places) return {Poison{}};
  if (const auto* node = std::get_if<ast::Reduction>(&value.node)) {
    return reduce(*node, std::move(sweep), std::move(*places), std::move(shape), value.at);
  }
  const Operand element = element_of(value, sweep);
  return finish(sweep, element, Combiner::none, std::move(*places), std::move(shape), value.at);
}

// Where a point lands, and the shape of the result: as declared, else just large enough.
std::optional<std::vector<Index>> Elaborator::landing(const ast::Target& target, const TensorType* declared,
                                                      OpenSweep& sweep, Shape& shape) {
  std::vector<Index> result;
  const auto extent_of = [&](AxisId axis) { return this->extent_of(axis, sweep); };
  for (const ast::LeftIndex& left : target.at) {
    if (is_ellipsis(*left.index)) {
      for (const AxisId axis : *sweep.leading) {
        result.push_back({Affine::axis(axis), no_scalar});
        shape.push_back(extent_of(axis));
      }
      continue;
    }
    const Operand operand = element_of(*left.index, sweep);
    const Integer* integer = operand.get<Integer>();
    const Form* form = operand.get<Form>();
    if (!integer && !form) {
      if (!operand.poisoned())
        error("left-side", left.index->at, "expected an affine form of indices on the left side");
      return std::nullopt;
    }
    const Affine place = form ? form->form : Affine::of(integer->value);
    const bool uses_batch = std::any_of(place.terms.begin(), place.terms.end(),
                                        [&](const Term& term) { return extent_of(term.axis).is_batch(); });
    if (uses_batch && !place.is_axis()) {
      error("batch-not-whole", left.index->at, "'batch' is a whole axis only; its index takes no arithmetic");
      return std::nullopt;
    }
    const Bounds bounds = bounds_of(place, [&](AxisId axis) { return extent_of(axis).size - 1; });
    const std::int64_t most =
        declared && !declared->shape[result.size()].is_batch() ? declared->shape[result.size()].size : longest_axis;
    if (!uses_batch && (bounds.low < 0 || bounds.high >= most)) {
      error("index-outside", left.index->at,
            "expected an index from 0" + (declared ? " to " + std::to_string(most - 1) : "") +
                " on the left side, found " + std::to_string(bounds.low) + " to " + std::to_string(bounds.high));
      return std::nullopt;
    }
    shape.push_back(declared ? declared->shape[result.size()] : uses_batch ? Extent::batch() : Extent{bounds.high + 1});
    result.push_back({place, no_scalar});
  }
  return result;
}

// The end of a sweep with indices.
Operand Elaborator::finish(OpenSweep& sweep, const Operand& operand, Combiner combiner, std::vector<Index> landing,
                           Shape shape, const Span& at) {
  if (operand.poisoned()) return operand;
  const std::optional<ScalarId> root = scalar(operand, dtype_of(operand, sweep).value_or(DType::f32), sweep, at);
  if (!root) return {Poison{}};
  const DType type = sweep.body.type(*root);
  if (combiner != Combiner::none && !is_float(type) && type != DType::i32) {
    return poison("wrong-type", at,
                  "a reduction takes f32, f64 or i32, found " + std::string(name_of(type)) + "; convert with f32()");
  }
  if (!fits(shape, at)) return {Poison{}};
  Sweep result;
  result.axes = sweep.axes;
  result.body = sweep.body.finish(*root);
  result.combiner = combiner;
  result.landing = std::move(landing);
  if (combiner == Combiner::none) {
    const std::string reason = why_scatters(result);
    if (!reason.empty()) return poison("not-injective", at, "several points land on one place: " + reason);
  }
  return {Whole{graph_->sweep(std::move(result), std::move(shape), hint_, origin(at))}};
}

// -- reductions ------------------------------------------------------------------------------------------------------

// A reduction inside an expression: a sweep over the indices around it that it uses, read at their place.
Operand Elaborator::reduction(const ast::Reduction& node, OpenSweep& outer, const Span& at) {
  if (frame().elements) {
    return poison("not-an-element", at,
                  "expected a function of single elements within index notation, found one that reduces; call it on "
                  "the whole tensor above");
  }
  const bool all = node.over.size() == 1 && node.over[0].name.text == "..." && !Uses::of(*node.body).contains("...");
  if (all && !outer.indexed) return whole_reduction(node, at);
  const std::set<std::string> used = Uses::of(node);
  OpenSweep inner;
  inner.indexed = true;
  std::vector<Index> inside;
  std::vector<Index> outside;
  Shape shape;
  const auto take = [&](AxisId axis) {
    const Axis& taken = outer.axes[static_cast<std::size_t>(axis)];
    const auto copy = static_cast<AxisId>(inner.axes.size());
    inner.axes.push_back(taken);
    inside.push_back({Affine::axis(copy), no_scalar});
    outside.push_back({Affine::axis(axis), no_scalar});
    shape.push_back(taken.extent);
    return copy;
  };
  if (outer.leading && used.contains("...")) {
    inner.leading.emplace();
    for (const AxisId axis : *outer.leading) inner.leading->push_back(take(axis));
  }
  std::map<AxisId, std::string> in_order;
  for (const auto& [name, axis] : outer.indices) {
    if (used.contains(name)) in_order[axis] = name;
  }
  for (const auto& [axis, name] : in_order) inner.indices[name] = take(axis);
  const std::string hint = hint_;
  hint_ += (hint.empty() ? "" : ".") + node.combiner.text;
  const Operand result = reduce(node, std::move(inner), std::move(inside), std::move(shape), at);
  hint_ = hint;
  const Whole* whole = result.get<Whole>();
  if (!whole || !outer.indexed) return result;
  const DType type = graph_->type(whole->id).dtype;
  return {Point{outer.body.read({whole->id, std::move(outside), {}}, type), {}}};
}

// mean[...](e) where e is made of whole tensors: over every axis of e.
Operand Elaborator::whole_reduction(const ast::Reduction& node, const Span& at) {
  OpenSweep sweep;
  const std::string hint = hint_;
  const Operand body = element_of(*node.body, sweep);
  if (const Point* point = body.get<Point>()) {
    for (const Extent extent : point->shape) sweep.axes.push_back({"", extent});
  }
  hint_ = hint + (hint.empty() ? "" : ".") + node.combiner.text;
  const Operand result = combine(node, sweep, body, 0, {}, {}, at);
  hint_ = hint;
  return result;
}

// The reduced axes join the sweep's own.
Operand Elaborator::reduce(const ast::Reduction& node, OpenSweep sweep, std::vector<Index> landing, Shape shape,
                           const Span& at) {
  IndexSet indices;
  const std::size_t errors = errors_;
  for (const ast::IndexBinder& binder : node.over) {
    const std::string& name = binder.name.text;
    const bool leads = name == "...";
    const Operand* given = known(name);
    if (given && given->get<Form>()) {
      return poison("duplicate-index", binder.name.at, "index " + quoted(name) + " runs already");
    }
    if (leads ? sweep.leading.has_value() || indices.binds_leading
              : sweep.indices.contains(name) || indices.find(name)) {
      return poison("duplicate-index", binder.name.at, "index " + quoted(name) + " runs already");
    }
    if (leads) {
      indices.binds_leading = true;
      indices.bound_at = binder.name.at;
      continue;
    }
    indices.indices.push_back({binder.name, {}, false, {}, {}});
    if (!binder.extent) continue;
    indices.indices.back().extent = extent(*binder.extent, "the extent of index " + quoted(name));
    indices.indices.back().fixed = true;
  }
  infer_extents(*node.body, indices, [this](const std::string& name) { return tensor_type(name); }, reporting());
  const std::size_t first = sweep.axes.size();
  if (errors_ != errors || !complete(indices, *node.body, sweep)) return {Poison{}};
  const Operand body = element_of(*node.body, sweep);
  return combine(node, sweep, body, first, std::move(landing), std::move(shape), at);
}

// The axes from `first` on are reduced.
Operand Elaborator::combine(const ast::Reduction& node, OpenSweep& sweep, Operand body, std::size_t first,
                            std::vector<Index> landing, Shape shape, const Span& at) {
  if (body.poisoned()) return body;
  if (node.combiner.text == "mean") {
    std::vector<AxisId> reduced;
    for (std::size_t axis = first; axis < sweep.axes.size(); ++axis) reduced.push_back(static_cast<AxisId>(axis));
    return mean(sweep, std::move(body), reduced, std::move(landing), std::move(shape), at);
  }
  if (node.combiner.text == "argmin") {
    const std::optional<ScalarId> id = scalar(body, dtype_of(body, sweep).value_or(DType::f32), sweep, at);
    if (!id) return {Poison{}};
    body = apply(Op::neg, {{Point{*id, {}}}}, sweep, at);
  }
  return finish(sweep, body, combiner_of(node.combiner.text), std::move(landing), std::move(shape), at);
}

// Σ e / n. Where n is known the sum is divided; where `batch` is among the axes each term is, because only the sweep
// that runs over an axis knows how many points there are.
Operand Elaborator::mean(OpenSweep& sweep, Operand body, const std::vector<AxisId>& reduced, std::vector<Index> landing,
                         Shape shape, const Span& at) {
  const DType type = dtype_of(body, sweep).value_or(DType::f32);
  if (!is_float(type)) {
    return poison("wrong-type", at,
                  "a mean takes f32 or f64, found " + std::string(name_of(type)) + "; convert with f32()");
  }
  const std::optional<ScalarId> term = scalar(body, type, sweep, at);
  if (!term) return {Poison{}};
  double points = 1;
  std::optional<ScalarId> rows;  // the product of the actual extents of batch axes
  for (const AxisId axis : reduced) {
    const Extent extent = sweep.axes[static_cast<std::size_t>(axis)].extent;
    if (!extent.is_batch()) {
      points *= static_cast<double>(extent.size);
      continue;
    }
    const ScalarId actual = sweep.body.apply(type == DType::f32 ? Op::to_f32 : Op::to_f64, {sweep.body.extent(axis)});
    rows = rows ? sweep.body.apply(Op::mul, {*rows, actual}) : actual;
  }
  if (rows) {
    const ScalarId divisor = sweep.body.apply(Op::mul, {*rows, sweep.body.literal(points, type)});
    const ScalarId share = sweep.body.apply(Op::div, {*term, divisor});
    return finish(sweep, {Point{share, {}}}, Combiner::sum, std::move(landing), std::move(shape), at);
  }
  const std::string hint = hint_;
  hint_ += hint.empty() ? "sum" : ".sum";
  const Operand sum = finish(sweep, {Point{*term, {}}}, Combiner::sum, std::move(landing), std::move(shape), at);
  hint_ = hint;
  OpenSweep division;
  const Operand whole = point_of(sum, division, at);
  const Operand count{Real{numbers_.literal(points, DType::f64), {}}};
  return close(division, apply(Op::div, {whole, count}, division, at), at);
}

// -- subscripts ------------------------------------------------------------------------------------------------------

Operand Elaborator::subscript(const ast::Subscript& node, OpenSweep& sweep, const Span& at) {
  const Operand* base = find(node.next ? "next " + node.base.text : node.base.text);
  if (!base) return node.next ? unknown_next(node.base.text, at) : unknown_name(node.base.text, node.base.at);
  if (base->poisoned()) return *base;
  const Whole* whole = base->get<Whole>();
  if (!whole) {
    return poison("not-a-tensor", node.base.at,
                  "expected a tensor before [ ], found " + describe(*base) + " in " + quoted(node.base.text));
  }
  const TensorType type = graph_->type(whole->id);
  const bool leads = !node.at.empty() && is_ellipsis(*node.at[0]);
  if (leads && !sweep.leading) {
    return poison("unbound-leading", node.at[0]->at, "'...' stands neither on the left side nor in a reduction here");
  }
  const std::size_t lead = leads ? sweep.leading->size() : 0;
  const std::size_t named = node.at.size() - (leads ? 1 : 0);
  if (lead + named != type.shape.size()) {
    return poison("index-count", at, wrong_count(node.base.text, type, lead + named));
  }
  Read read{whole->id, {}, {}};
  for (std::size_t i = 0; i < lead; ++i) read.at.push_back({Affine::axis((*sweep.leading)[i]), no_scalar});
  for (std::size_t i = 0; i < named; ++i) {
    const ast::Expression& expression = *node.at[i + (leads ? 1 : 0)];
    const std::optional<Index> index = index_of(expression, sweep);
    if (!index || !check_reach(node, type.shape[lead + i], *index, sweep, expression.at)) return {Poison{}};
    read.at.push_back(*index);
  }
  if (node.otherwise) {
    const Operand value = element_of(*node.otherwise, sweep);
    const std::optional<double> known = constant(value);
    if (value.poisoned()) return value;
    if (!known || (!is_float(type.dtype) && std::trunc(*known) != *known)) {
      return poison("else-value", node.otherwise->at,
                    "expected a literal of " + std::string(name_of(type.dtype)) + " after 'else'");
    }
    if (!stays_inside(read, sweep)) read.otherwise = double_of(word_of(*known, type.dtype), type.dtype);
  }
  return {Point{sweep.body.read(std::move(read), type.dtype), {}}};
}

// An affine form of indices, plus at most one element of an i32 tensor.
std::optional<Index> Elaborator::index_of(const ast::Expression& expression, OpenSweep& sweep) {
  const auto* binary = std::get_if<ast::Binary>(&expression.node);
  if (binary && (binary->sign == "+" || binary->sign == "-")) {
    const std::optional<Index> left = index_of(*binary->left, sweep);
    const std::optional<Index> right = left ? index_of(*binary->right, sweep) : std::nullopt;
    if (!left || !right) return std::nullopt;
    if (right->through != no_scalar && (left->through != no_scalar || binary->sign == "-")) {
      error("bad-index", expression.at, "expected at most one element of a tensor in an index, and that one added");
      return std::nullopt;
    }
    const Affine offset = binary->sign == "+" ? left->offset + right->offset : left->offset - right->offset;
    return Index{offset, left->through != no_scalar ? left->through : right->through};
  }
  const Operand operand = element_of(expression, sweep);
  if (operand.poisoned()) return std::nullopt;
  if (const Integer* integer = operand.get<Integer>()) return Index{Affine::of(integer->value), no_scalar};
  if (const Form* form = operand.get<Form>()) return Index{form->form, no_scalar};
  if (const Point* point = operand.get<Point>()) {
    const bool is_read = std::holds_alternative<Read>(sweep.body[point->id].node);
    if (is_read && sweep.body.type(point->id) == DType::i32) return Index{{}, point->id};
    error("bad-index", expression.at,
          "expected an affine form of indices or an element of an i32 tensor, found another " +
              std::string(name_of(sweep.body.type(point->id))) + " expression; name it as a tensor first");
    return std::nullopt;
  }
  error("bad-index", expression.at, "expected an index, found " + describe(operand));
  return std::nullopt;
}

// The values the index takes; nothing when it goes through integers of unknown range.
std::optional<Bounds> Elaborator::bounds_at(const Index& index, const OpenSweep& sweep) const {
  const auto last = [&](AxisId axis) { return extent_of(axis, sweep).size - 1; };
  const Bounds bounds = bounds_of(index.offset, last);
  if (index.through == no_scalar) return bounds;
  const ValueId through = std::get<Read>(sweep.body[index.through].node).tensor;
  const std::optional<Range> range = graph_->type(through).range;
  if (!range) return std::nullopt;
  return Bounds{bounds.low + range->low, bounds.high + range->high - 1};
}

// Does the index stay inside the axis it is used on? With `else` it may leave.
bool Elaborator::check_reach(const ast::Subscript& node, Extent extent, const Index& index, const OpenSweep& sweep,
                             const Span& at) {
  const std::string base = quoted(node.base.text);
  const bool uses_batch = std::any_of(index.offset.terms.begin(), index.offset.terms.end(),
                                      [&](const Term& term) { return extent_of(term.axis, sweep).is_batch(); });
  if (uses_batch || extent.is_batch()) {
    if (uses_batch && extent.is_batch() && index.offset.is_axis() && index.through == no_scalar) return true;
    error("batch-not-whole", at,
          "'batch' is a whole axis only: expected a batch index alone on a batch axis of " + base);
    return false;
  }
  if (node.otherwise) return true;
  const std::optional<Bounds> bounds = bounds_at(index, sweep);
  if (!bounds) {
    const ValueId through = std::get<Read>(sweep.body[index.through].node).tensor;
    error("unknown-range", at,
          "the range of " + quoted(graph_->graph().value(through).name) + " is unknown, so it may leave " + base +
              "; declare it with in 0 ..< " + std::to_string(extent.size) + ", or give the value outside with else");
    return false;
  }
  if (bounds->low >= 0 && bounds->high < extent.size) return true;
  error("index-outside", at,
        "expected an index from 0 to " + std::to_string(extent.size - 1) + " into " + base + ", found " +
            std::to_string(bounds->low) + " to " + std::to_string(bounds->high) + "; give the value outside with else");
  return false;
}

// Whether a read with `else` never needs it.
bool Elaborator::stays_inside(const Read& read, const OpenSweep& sweep) const {
  const Shape& shape = graph_->type(read.tensor).shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i].is_batch()) continue;
    const std::optional<Bounds> bounds = bounds_at(read.at[i], sweep);
    if (!bounds || bounds->low < 0 || bounds->high >= shape[i].size) return false;
  }
  return true;
}

}  // namespace descent::frontend
