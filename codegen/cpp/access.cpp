// Places in memory, loads and stores.
//
// What the lanes of a vector loop touch lies in one place, side by side, or anywhere: then each lane has an expression
// of its own, the one that the serial loop would have.
#include <algorithm>
#include <numeric>

#include "codegen/cpp/kernel.h"
#include "ir/loop_layout.h"

namespace descent::codegen::cpp {
namespace {

std::string stored_extent(Extent extent, std::int64_t largest_batch) {
  return "[" + std::to_string(extent.is_batch() ? largest_batch : extent.size) + "]";
}

// All axes but the first, panels included.
std::string inner_axes(const loop::Array& array, std::int64_t largest_batch) {
  std::string text;
  const std::size_t axes = array.shape.size();
  // In panels the first axis is the panel's number, and the last one lies within a panel.
  for (std::size_t axis = array.panel > 0 ? 0 : 1; axis + (array.panel > 0 ? 1 : 0) < axes; ++axis) {
    text += stored_extent(array.shape[axis], largest_batch);
  }
  if (array.panel > 0) text += "[" + std::to_string(array.panel) + "]";
  return text;
}

}  // namespace

bool is_by_value(const loop::Array& array) { return array.role == loop::Array::Role::read && array.shape.empty(); }

std::string pointed_type(const loop::Array& array, std::int64_t largest_batch) {
  return memory_type(array.dtype) + inner_axes(array, largest_batch);
}

std::string pointer_to(const loop::Array& array, std::int64_t largest_batch, const std::string& name, bool constant) {
  const std::string type = (constant ? "const " : "") + memory_type(array.dtype);
  const std::string axes = inner_axes(array, largest_batch);
  return axes.empty() ? type + "* " + name : type + " (*" + name + ")" + axes;
}

std::string local_array(const loop::Array& array, std::int64_t largest_batch, const std::string& name,
                        std::int64_t bytes) {
  const bool in_panels = array.panel > 0;
  std::int64_t each = size_of(array.dtype) * (in_panels ? array.panel : 1);
  for (std::size_t axis = in_panels ? 0 : 1; axis + (in_panels ? 1 : 0) < array.shape.size(); ++axis) {
    each *= array.shape[axis].is_batch() ? largest_batch : array.shape[axis].size;
  }
  const std::int64_t first = each == 0 ? 1 : std::max<std::int64_t>(1, bytes / each);
  return memory_type(array.dtype) + " " + name + "[" + std::to_string(first) + "]" + inner_axes(array, largest_batch);
}

std::string shape_comment(const Shape& shape, std::int64_t panel) {
  return to_string(shape) + (panel > 0 ? " in panels of " + std::to_string(panel) : "");
}

// -- places
// ------------------------------------------------------------------------------------------------------------

std::string KernelPrinter::form(const Affine& form) const {
  return sum_of(form, [this](AxisId id) { return variable(id); });
}

std::int64_t KernelPrinter::divisor_of(const Affine& form) const {
  std::int64_t divisor = form.constant;
  for (const Term& term : form.terms) {
    divisor = std::gcd(divisor, term.coefficient * divisors_[static_cast<std::size_t>(term.axis)]);
  }
  return std::abs(divisor);
}

// Whether the lanes' elements lie within one panel.
bool KernelPrinter::stays_in_panel(const loop::Subscript& subscript, std::int64_t panel) const {
  if (subscript.through != loop::no_temp) return false;
  const std::int64_t divisor = std::gcd(panel, divisor_of(subscript.offset - subscript.offset.constant));
  const std::int64_t first = subscript.offset.constant;
  const std::int64_t last = first + lane_loop_.step(subscript.offset) * (lane_loop_.lanes - 1);
  return (first & -divisor) == (last & -divisor);
}

KernelPrinter::Reach KernelPrinter::reach(loop::ArrayId id, const std::vector<loop::Subscript>& at) const {
  const std::optional<std::int64_t> stride = lane_stride(id, at);
  return !stride ? Reach::scattered : *stride == 0 ? Reach::same : *stride == 1 ? Reach::contiguous : Reach::scattered;
}

// Elements from one lane's to the next one's; null: not the same everywhere.
std::optional<std::int64_t> KernelPrinter::lane_stride(loop::ArrayId id, const std::vector<loop::Subscript>& at) const {
  const loop::Array& place = array(id);
  const loop::Strides strides = loop::strides_of(place.shape, place.panel, largest_batch_);
  std::int64_t stride = 0;
  bool same = true;
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    const std::int64_t step = lane_loop_.step(at[axis].offset);
    const bool by_lane = at[axis].through != loop::no_temp && analysis_.varies(at[axis].through);
    if (by_lane) return std::nullopt;
    if (step == 0) continue;
    same = false;
    if (place.panel > 0 && axis + 1 == at.size() && !stays_in_panel(at[axis], place.panel)) return std::nullopt;
    stride += step * strides.axes[axis];
  }
  return !same && stride == 0 ? std::nullopt : std::optional(stride);
}

// In lanes, of lane 0.
std::string KernelPrinter::subscript(const loop::Subscript& subscript) {
  Affine offset = subscript.offset;
  if (in_lanes()) offset = offset - Affine::axis(lane_loop_.variable(), offset.coefficient(lane_loop_.variable()));
  if (subscript.through == loop::no_temp) return form(offset);
  const std::string through = value(subscript.through).at_least(Rank::sum);
  if (offset == Affine{}) return through;
  const std::string text = form(offset);
  return text[0] == '-' ? through + " - " + text.substr(1) : through + " + " + text;
}

// j → j / panel and j % panel, both simplified where j is a multiple of the panel and a number.
void KernelPrinter::panel_subscripts(const loop::Subscript& at, std::int64_t panel, std::string& which,
                                     std::string& within) {
  const std::string size = std::to_string(panel);
  Affine whole, rest = Affine::of(at.offset.constant);
  const Affine lane = Affine::axis(lane_loop_.loop == nullptr ? -1 : lane_loop_.variable());
  for (const Term& term : at.offset.terms) {
    const bool is_lane = lane_loop_.loop != nullptr && term.axis == lane_loop_.variable();
    if (is_lane && in_lanes()) continue;
    const bool is_whole = !is_lane && term.coefficient * divisors_[static_cast<std::size_t>(term.axis)] % panel == 0;
    (is_whole ? whole : rest) = (is_whole ? whole : rest) + Affine::axis(term.axis, term.coefficient);
  }
  const bool is_number =
      rest.is_constant() || (rest.terms.size() == 1 && lane_loop_.loop != nullptr &&
                             rest.terms[0].axis == lane_loop_.variable() && stays_in_panel(at, panel));
  if (at.through != loop::no_temp || !is_number || rest.constant < 0) {
    const std::string index = subscript(at);
    const bool simple = index.find(' ') == std::string::npos;
    which = (simple ? index : "(" + index + ")") + " / " + size;
    within = (simple ? index : "(" + index + ")") + " % " + size;
    return;
  }
  const std::int64_t panels = rest.constant / panel;
  within = form(rest - panels * panel);
  which = std::to_string(panels);
  if (whole == Affine{}) return;
  const bool scaled = std::all_of(whole.terms.begin(), whole.terms.end(),
                                  [panel](const Term& term) { return term.coefficient % panel == 0; });
  if (scaled) {
    for (Term& term : whole.terms) term.coefficient /= panel;
    which = form(whole + panels);
    return;
  }
  which = (whole.is_axis() ? form(whole) : "(" + form(whole) + ")") + " / " + size;
  if (panels > 0) which += " + " + std::to_string(panels);
}

Expression KernelPrinter::element(loop::ArrayId id, const std::vector<loop::Subscript>& at) {
  const loop::Array& place = array(id);
  const std::string& name = arrays_[static_cast<std::size_t>(id)];
  if (at.empty()) {
    const bool by_name = place.role == loop::Array::Role::local || is_by_value(place);
    return by_name ? Expression{name} : Expression{"*" + name, Rank::unary};
  }
  std::string text = name;
  std::string within;
  if (place.panel > 0) {
    std::string which;
    panel_subscripts(at.back(), place.panel, which, within);
    text += "[" + which + "]";
  }
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    const bool in_panel = place.panel > 0 && axis + 1 == at.size();
    text += "[" + (in_panel ? within : subscript(at[axis])) + "]";
  }
  return {text};
}

// The row of a local in rows that the access is to.
std::string KernelPrinter::row(loop::ArrayId id, const std::vector<loop::Subscript>& at) {
  std::string text = arrays_[static_cast<std::size_t>(id)];
  for (std::size_t axis = 0; axis + 1 < at.size(); ++axis) text += "[" + subscript(at[axis]) + "]";
  return text;
}

// Which lanes of that row, the first and how many; empty: all.
std::string KernelPrinter::slice_of(loop::ArrayId id, const std::vector<loop::Subscript>& at) const {
  if (lane_loop_.lanes == analysis_.lanes_of(id)) return "";
  return std::to_string(at.back().offset.constant) + ", " + std::to_string(lane_loop_.lanes);
}

// Of lane 0's element.
std::string KernelPrinter::address(loop::ArrayId id, const std::vector<loop::Subscript>& at) {
  const std::string text = element(id, at).text;
  const bool begins = text.size() > 3 && text.compare(text.size() - 3, 3, "[0]") == 0;
  return begins ? text.substr(0, text.size() - 3) : "&" + text;
}

// -- loads
// -------------------------------------------------------------------------------------------------------------

std::int64_t KernelPrinter::known_lanes(const loop::Load& load) const {
  if (load.guard == loop::no_temp) return mask_.empty() ? -1 : running_;
  const std::int64_t guarded = known_lanes(load.guard);
  return mask_.empty() ? guarded : both_first(guarded, running_);
}

// What a load's condition is, that of the lanes that run included; empty: none.
std::string KernelPrinter::guard_of(const loop::Load& load) {
  if (const std::int64_t known = known_lanes(load); in_lanes() && known >= 0) return first_lanes(known);
  const std::string running = mask_.empty() || in_lanes() ? mask_ : mask_ + "[" + lane_ + "]";
  if (load.guard == loop::no_temp) return running;
  const bool is_first = in_lanes() && known_lanes(load.guard) >= 0;
  const Expression guard = is_first ? Expression{first_lanes(known_lanes(load.guard))} : value(load.guard);
  return running.empty() ? guard.at_least(Rank::either) : running + " && " + guard.at_least(Rank::comparison);
}

Expression KernelPrinter::load(const loop::Load& load, DType type) {
  if (in_lanes()) return load_lanes(load, type);
  Expression found = element(load.array, load.at);
  if (analysis_.form(load.array) == LaneAnalysis::Form::by_lane) found.text += "[" + lane_ + "]";
  return load_guarded(load, type, found, guard_of(load));
}

// One element, or what stands for it where the guard is false.
Expression KernelPrinter::load_guarded(const loop::Load& load, DType type, const Expression& element,
                                       const std::string& guard) const {
  const bool is_byte = type == DType::boolean && analysis_.form(load.array) == LaneAnalysis::Form::memory &&
                       !is_by_value(array(load.array));
  const Expression found = is_byte ? Expression{element.text + " != 0", Rank::comparison} : element;
  if (guard.empty()) return found;
  return {guard + " ? " + found.at_least(Rank::either) + " : " + literal(load.otherwise, type), Rank::choice};
}

// One lane's element without a branch: where the guard is false another place is read.
Expression KernelPrinter::load_one_guarded(const loop::Load& load, DType type) {
  const bool is_bool = type == DType::boolean;
  const std::string loaded = "load_if(" + guard_of(load) + ", &" + element(load.array, load.at).text + ", " +
                             literal(load.otherwise, is_bool ? DType::u8 : type) + ")";
  return is_bool ? Expression{loaded + " != 0", Rank::comparison} : Expression{loaded};
}

Expression KernelPrinter::load_lanes(const loop::Load& load, DType type) {
  const LaneAnalysis::Form form = analysis_.form(load.array);
  const Reach reach = this->reach(load.array, load.at);
  if (form == LaneAnalysis::Form::by_lane) {
    return reach == Reach::same && load.guard == loop::no_temp ? element(load.array, load.at)
                                                               : load_one_by_one(load, type);
  }
  if (form == LaneAnalysis::Form::rows && reach != Reach::same) {
    if (load.guard != loop::no_temp) return load_one_by_one(load, type);
    const std::string slice = slice_of(load.array, load.at), whole = row(load.array, load.at);
    return {slice.empty() ? whole : "slice<" + slice + ">(" + whole + ")"};
  }
  switch (reach) {
    case Reach::same:
      return load_same(load, type);
    case Reach::contiguous:
      return load_contiguous(load, type);
    case Reach::scattered:
      break;
  }
  // A few registers hold them all, as one row's few numbers beside the next one's.
  constexpr std::int64_t widest_stride = 4;
  const std::int64_t stride = lane_stride(load.array, load.at).value_or(0);
  const bool is_near = form == LaneAnalysis::Form::memory && stride > 1 && stride <= widest_stride;
  if (!is_near || type == DType::boolean || !guard_of(load).empty()) return load_one_by_one(load, type);
  return {"load_every<" + std::to_string(lane_loop_.lanes) + ", " + std::to_string(stride) + ">(" +
          address(load.array, load.at) + ")"};
}

Expression KernelPrinter::load_one_by_one(const loop::Load& load, DType type) {
  one_lane_ = true;
  const bool in_memory = analysis_.form(load.array) == LaneAnalysis::Form::memory;
  const bool is_guarded = in_memory && !load.at.empty() && !guard_of(load).empty();
  const Expression body = is_guarded ? load_one_guarded(load, type) : this->load(load, type);
  one_lane_ = false;
  const bool is_bool = type == DType::boolean;
  const std::string gathered = "gather<" + std::to_string(lane_loop_.lanes) + ">([&](int64_t " + lane_ + ") { return " +
                               (is_bool ? "int32_t(" + body.text + ")" : body.text) + "; })";
  return is_bool ? Expression{gathered + " != 0", Rank::comparison} : Expression{gathered};
}

Expression KernelPrinter::load_contiguous(const loop::Load& load, DType type) {
  const bool is_byte = type == DType::boolean;
  const std::string start = "load<" + std::to_string(lane_loop_.lanes) + ">(" + address(load.array, load.at);
  const auto loaded = [&](const std::string& more) {
    return is_byte ? Expression{start + more + ") != uint8_t(0)", Rank::comparison} : Expression{start + more + ")"};
  };
  const std::string guard = guard_of(load);
  if (guard.empty()) return loaded("");
  if (!mask_.empty() || is_vector(load.guard)) {
    return loaded(", " + guard + ", " + literal(load.otherwise, is_byte ? DType::u8 : type));
  }
  return {guard + " ? " + loaded("").at_least(Rank::either) + " : " + vector_type(type, lane_loop_.lanes) + "(" +
              literal(load.otherwise, type) + ")",
          Rank::choice};
}

// One element for all lanes, touched where any of them needs it.
Expression KernelPrinter::load_same(const loop::Load& load, DType type) {
  const Expression found = element(load.array, load.at);
  const bool is_near = array(load.array).role == loop::Array::Role::local || is_by_value(array(load.array));
  if (load.guard == loop::no_temp && (mask_.empty() || is_near)) return load_guarded(load, type, found, "");
  const bool varies = load.guard != loop::no_temp && is_vector(load.guard);
  const std::string guard = guard_of(load);
  const bool is_surely_there = known_lanes(load) > 0;
  const std::string there = varies || !mask_.empty() ? "any(" + guard + ")" : guard;
  const Expression one = load_guarded(load, type, found, is_surely_there ? "" : there);
  if (!varies) return one;
  const std::string vector = vector_type(type, lane_loop_.lanes);
  return {"select(" + guard + ", " + vector + "(" + one.text + "), " + vector + "(" + literal(load.otherwise, type) +
          "))"};
}

// -- stores
// ------------------------------------------------------------------------------------------------------------

void KernelPrinter::store(const loop::Store& store, int depth) {
  if (in_lanes()) return store_lanes(store, depth);
  if (analysis_.form(store.array) == LaneAnalysis::Form::rows) {
    const std::string place = row(store.array, store.at);
    return line(depth, place + ".set(" + subscript(store.at.back()) + ", " + value(store.value).text + ");");
  }
  assign(store.array, element(store.array, store.at).text, value(store.value).text, depth);
}

void KernelPrinter::store_lanes(const loop::Store& store, int depth) {
  const DType type = type_of(store.value);
  const LaneAnalysis::Form form = analysis_.form(store.array);
  const Reach reach = this->reach(store.array, store.at);
  if (form == LaneAnalysis::Form::by_lane) return store_vector(store, element(store.array, store.at).text, "", depth);
  if (form == LaneAnalysis::Form::rows && reach != Reach::same) {
    return store_vector(store, row(store.array, store.at), slice_of(store.array, store.at), depth);
  }
  if (reach == Reach::same && mask_.empty() && !is_vector(store.value)) {
    if (form == LaneAnalysis::Form::memory) {
      return assign(store.array, element(store.array, store.at).text, value(store.value).text, depth);
    }
    return line(depth, row(store.array, store.at) + ".set(" + subscript(store.at.back()) + ", " +
                           value(store.value).text + ");");
  }
  if (reach != Reach::contiguous) return store_scattered(store, depth);
  std::string stored = vector_of(store.value);
  if (type == DType::boolean) stored = "to<uint8_t>(" + stored + ")";
  line(depth, "store(" + address(store.array, store.at) + ", " + stored + (mask_.empty() ? "" : ", " + mask_) + ");");
}

// To a vector, or to a slice of it.
void KernelPrinter::store_vector(const loop::Store& store, const std::string& vector, const std::string& slice,
                                 int depth) {
  const std::string old = slice.empty() ? vector : "slice<" + slice + ">(" + vector + ")";
  const std::string all = value(store.value).text;
  const std::string stored = mask_.empty() ? all : "select(" + mask_ + ", " + all + ", " + old + ")";
  if (slice.empty()) {
    if (mask_.empty()) return assign(store.array, vector, stored, depth);
    return line(depth, vector + " = " + stored + ";");
  }
  const std::string first = slice.substr(0, slice.find(','));
  const std::string part = is_vector(store.value) || !mask_.empty()
                               ? stored
                               : vector_type(type_of(store.value), lane_loop_.lanes) + "(" + stored + ")";
  line(depth, vector + " = replace<" + first + ">(" + vector + ", " + part + ");");
}

// Lane by lane, in order: of several on one place the last remains.
void KernelPrinter::store_scattered(const loop::Store& store, int depth) {
  const Expression all = value(store.value);
  std::string stored = all.text;
  if (is_vector(store.value)) {
    if (!is_identifier(stored)) {
      stored = names_.take("lanes");
      line(depth, "const auto " + stored + " = " + all.text + ";");
    }
    stored += "[" + lane_ + "]";
  }
  one_lane_ = true;
  const bool in_row = analysis_.form(store.array) == LaneAnalysis::Form::rows;
  const std::string statement =
      in_row ? row(store.array, store.at) + ".set(" + subscript(store.at.back()) + ", " + stored + ");"
             : element(store.array, store.at).text + " = " + stored + ";";
  one_lane_ = false;
  const std::string lanes = std::to_string(lane_loop_.lanes);
  line(depth, "DESCENT_UNROLLED");
  line(depth, "for (int64_t " + lane_ + " = 0; " + lane_ + " < " + lanes + "; ++" + lane_ + ") {");
  line(depth + 1, (mask_.empty() ? "" : "if (" + mask_ + "[" + lane_ + "]) ") + statement);
  line(depth, "}");
}

}  // namespace descent::codegen::cpp
