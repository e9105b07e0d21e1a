#include "passes/pipeline.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "passes/advance.h"
#include "passes/differentiate.h"
#include "passes/gather.h"
#include "passes/graph_tools.h"
#include "passes/order.h"
#include "passes/simplify.h"

namespace descent {

namespace {

constexpr Legality differentiated{.differentiated = true};
constexpr Legality gathered{.differentiated = true, .gathered = true};
constexpr Legality ordered{.differentiated = true, .gathered = true, .ordered = true};

// The whole road. Position is a decision:
constexpr std::array passes{
    // What is simpler has a simpler gradient; what is dead has none.
    Pass{"simplify", "algebra, views, constants, equal and dead nodes", simplify, {}},
    // Gradient nodes become nodes like any other.
    Pass{"differentiate", "gradient nodes become the nodes that compute them", differentiate, differentiated},
    // Before the order is written: which sweep adds what is part of the order.
    Pass{"gather", "sweeps that scatter become sweeps that gather", gather, gathered},
    // Adjoints bring copies, sums with nothing and values that no update wants.
    Pass{"tidy", "simplify once more: what differentiation left behind", tidy, gathered},
    // From logical extents alone; from here on no pass may change a bit.
    Pass{"order", "the order of every reduction, products joined to sums", order, ordered},
    // Behind the order, so that it has the very bits of `predict`.
    Pass{"advance", "the entry that goes on by one place, where `predict` carries what came before", advance, ordered},
};

std::optional<Diagnostic> why_too_large(const Model& model, const std::string& when) {
  for (const Graph& entry : model.entries) {
    if (count_nodes(entry) <= node_limit) continue;
    return Diagnostic{"too-many-nodes",
                      {},
                      "entry '" + entry.name + "' of model '" + model.name + "' has more than " +
                          std::to_string(node_limit) + " nodes " + when + "; make the model smaller",
                      {}};
  }
  return std::nullopt;
}

}  // namespace

std::span<const Pass> graph_passes() { return passes; }

const Pass* find_pass(std::string_view name) {
  auto found = std::find_if(passes.begin(), passes.end(), [&](const Pass& pass) { return pass.name == name; });
  return found == passes.end() ? nullptr : &*found;
}

Result<Model> run_passes(const Model& model, const Observer& observe) {
  if (std::optional<Diagnostic> wrong = why_too_large(model, "as it is written")) return *wrong;
  Model now = model;
  for (const Pass& pass : passes) {
    auto start = std::chrono::steady_clock::now();
    Model next = pass.run(now);
    if (std::optional<Diagnostic> wrong = why_too_large(next, "after " + std::string(pass.name))) return *wrong;
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    Diagnostics broken = verify(next, pass.after);
    DESCENT_CHECK(broken.empty(), "pass '" + std::string(pass.name) + "' broke the Graph:\n" + render(broken));
    if (observe) observe(pass, now, next, seconds.count());
    now = std::move(next);
  }
  return now;
}

}  // namespace descent
