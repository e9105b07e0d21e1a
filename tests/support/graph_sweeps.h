// One sweep after another, into one Graph: an entry or a scan's body. A pool keeps the values, each with a bound of its
// magnitude and whether f32 holds it exactly; a sweep reads from the pool and its result joins it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "ir/graph_analysis.h"
#include "tests/support/dice.h"
#include "tests/support/graph_generator.h"

namespace descent {

class SweepFiller {
 public:
  static constexpr double largest_bound = 4;

  struct Entry {
    ValueId id = -1;
    double bound = 1;
    bool exact = false;
  };

  // `loops`: the extents of the enclosing scans, innermost first.
  SweepFiller(Dice& dice, const GeneratorOptions& options, std::string name, std::vector<std::int64_t> loops)
      : dice_(dice), options_(options), builder_(std::move(name)), loops_(std::move(loops)) {}

  GraphBuilder& builder() { return builder_; }
  void know(ValueId id, double bound, bool exact) { pool_.push_back({id, bound, exact}); }
  std::vector<Entry>& pool() { return pool_; }
  const TensorType& type(const Entry& entry) const { return builder_.type(entry.id); }

  void add_sweep();
  // A sweep of this shape in f32 that lands on every place, of bound at most `largest_bound`.
  Entry add_elementwise(const Shape& shape);
  // c/2 + something small of the same type.
  Entry add_next(ValueId carried);

 protected:
  Extent any_extent();

  Dice& dice_;
  const GeneratorOptions& options_;
  GraphBuilder builder_;
  std::vector<std::int64_t> loops_;
  std::vector<Entry> pool_;

 private:
  // A scalar under construction.
  struct Term {
    ScalarId id = no_scalar;
    double bound = 1;
    bool exact = false;
  };
  struct Draft {
    Sweep sweep;
    Shape shape;
    BodyBuilder body;
    bool in_double = false;
  };

  void begin_sweep();
  AxisId add_axis(Extent extent, bool lands);
  void land_again();
  bool has_batch() const;
  double points() const;
  double reduced_points() const;
  Affine any_form(int most_terms);
  Bounds bounds(const Affine& form) const { return bounds_within(form, draft_.sweep, loops_); }
  void add_guard();
  void bend_landing(Combiner& combiner);
  void fold_landing(Index& index, Extent& extent);
  std::size_t reduced_axes_of_draft() const { return draft_.sweep.axes.size() - draft_.shape.size(); }
  void land_through(Index& index, Combiner& combiner);
  void make_body(Combiner combiner);
  void make_integers();
  Entry finish_sweep(Term root, Combiner combiner);
  bool lands_plainly() const;
  DType float_type() const { return draft_.in_double ? DType::f64 : DType::f32; }
  ScalarId number(ScalarId like, double value) { return draft_.body.literal(value, draft_.body.type(like)); }
  Term literal() { return {draft_.body.literal((dice_.below(129) - 64) / 64.0, float_type()), 1, true}; }
  Term as_float(Term term) { return as_float(term, float_type()); }
  Term as_float(Term term, DType type);
  Term scaled(Term term, double count);
  Term clamped(Term term);
  Term near_one(Term term);
  Term call(Op op, const Term& term) { return {draft_.body.apply(op, {term.id}), 1, false}; }
  Term product();
  Term expression(int depth);
  Term leaf();
  Term unary(int depth);
  Term binary(int depth);
  Term choice(int depth);
  Term any_read();
  Term exact_read();
  ScalarId integer_read();
  Term read_of(const Entry& entry, bool through = true);
  AxisId batch_axis();
  AxisId fitting_axis(Extent extent);
  Index index_into(Extent extent, bool through, bool& leaves);

  Draft draft_;
};

}  // namespace descent
