#include "driver/watcher.h"

#include <algorithm>
#include <cmath>

#include "driver/program.h"
#include "fmt/format.h"
#include "ir/stack.h"

namespace descent {
namespace {

// Of a parameter: one per turn.
std::size_t parts_of(const WatchedParameter& parameter) {
  return part_names(parameter.name, parameter.type.shape).size();
}

std::vector<std::int64_t> sizes_of(const Shape& shape) {
  std::vector<std::int64_t> sizes;
  for (const Extent extent : shape) sizes.push_back(extent.size);
  return sizes;
}

// The names of an activation's turns.
std::vector<std::string> names_of(const WatchedUnits& units) {
  std::string name = units.name;
  if (name.empty()) name = units.at.source ? fmt::format("line {}", origin_of(units.at).line) : "a value";
  if (stacked_axes(name) == units.turns) return part_names(name, units.shape);
  for (std::size_t turn = 0; turn < units.turns; ++turn) name += ".*";
  return part_names(name, units.shape);
}

std::string short_text(double value) { return std::isnan(value) ? "nan" : fmt::format("{:.3g}", value); }

// "'a'", "'a' and 'b'", "'a', 'b' and 18 more".
std::string listed(const std::vector<std::string>& names) {
  if (names.size() == 1) return fmt::format("'{}'", names[0]);
  if (names.size() == 2) return fmt::format("'{}' and '{}'", names[0], names[1]);
  return fmt::format("'{}', '{}' and {} more", names[0], names[1], names.size() - 2);
}

std::string steps_of(const WatchReport& report) {
  return report.first_step == report.last_step ? fmt::format("step {}", report.first_step)
                                               : fmt::format("steps {} to {}", report.first_step, report.last_step);
}

double root_mean_square(const ParameterWatch& parameter) {
  return parameter.gradient / std::sqrt(static_cast<double>(std::max<std::int64_t>(1, parameter.count())));
}

}  // namespace

std::int64_t ParameterWatch::count() const {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return elements;
}

std::string to_string(Trouble trouble) {
  switch (trouble) {
    case Trouble::none:
      return "";
    case Trouble::not_finite:
      return "not finite";
    case Trouble::vanishing:
      return "vanishing";
    case Trouble::exploding:
      return "exploding";
  }
  return "";
}

Watcher::Watcher(const Watched& watched) : watched_(&watched), lives_(watched.units.size()) {
  std::size_t parts = 0;
  for (const WatchedParameter& parameter : watched.parameters) parts += parts_of(parameter);
  sums_.resize(parts);
}

void Watcher::add(std::int64_t step, std::span<const data::Array> outputs) {
  if (first_step_ == 0) first_step_ = step;
  last_step_ = step;
  auto sums = sums_.begin();
  for (std::size_t p = 0; p < watched_->parameters.size(); ++p) {
    const auto squares = [&](std::size_t which) { return outputs[3 * p + which].as<double>(); };
    const std::span<const double> gradient = squares(0), update = squares(1), weight = squares(2);
    for (std::size_t part = 0; part < gradient.size(); ++part, ++sums) {
      sums->gradient += gradient[part];
      sums->update += update[part];
      sums->weight += weight[part];
      sums->largest = std::max(sums->largest, gradient[part]);
      if (std::isfinite(gradient[part]) || sums->bad_step > 0) continue;
      sums->bad_step = step;
      sums->bad = gradient[part];
    }
  }
  add_units(outputs.subspan(3 * watched_->parameters.size()));
}

void Watcher::add_units(std::span<const data::Array> outputs) {
  for (std::size_t u = 0; u < lives_.size(); ++u) {
    const std::span<const float> now = outputs[u].as<float>();
    lives_[u].resize(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) lives_[u][i] = std::max(lives_[u][i], now[i]);
  }
}

std::optional<WatchReport> Watcher::report() {
  if (first_step_ == 0) return std::nullopt;
  WatchReport report{first_step_, last_step_, {}, {}, {}};
  const auto steps = static_cast<double>(last_step_ - first_step_ + 1);
  auto sums = sums_.begin();
  for (const WatchedParameter& parameter : watched_->parameters) {
    const std::vector<std::int64_t> shape = sizes_of(part_type(parameter.name, parameter.type).shape);
    for (const std::string& name : part_names(parameter.name, parameter.type.shape)) {
      report.parameters.push_back({name, shape, std::sqrt(sums->gradient / steps), std::sqrt(sums->largest),
                                   std::sqrt(sums->update / steps), std::sqrt(sums->weight / steps), Trouble::none});
      ++sums;
    }
  }
  for (std::size_t u = 0; u < lives_.size(); ++u) {
    const std::vector<std::string> names = names_of(watched_->units[u]);
    const std::size_t units = lives_[u].size() / names.size();
    for (std::size_t turn = 0; turn < names.size(); ++turn) {
      const auto begin = lives_[u].begin() + static_cast<std::ptrdiff_t>(turn * units);
      const auto dead = std::count(begin, begin + static_cast<std::ptrdiff_t>(units), 0.0f);
      report.activations.push_back({names[turn], static_cast<std::int64_t>(units), dead});
    }
  }
  find_trouble(report.parameters);
  warn(report);
  first_step_ = last_step_ = 0;
  std::fill(sums_.begin(), sums_.end(), Sums{});
  for (std::vector<float>& lives : lives_) std::fill(lives.begin(), lives.end(), 0.0f);
  return report;
}

void Watcher::find_trouble(std::vector<ParameterWatch>& all) const {
  double largest = 0;
  for (const ParameterWatch& one : all) {
    const double size = root_mean_square(one);
    if (std::isfinite(size)) largest = std::max(largest, size);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    ParameterWatch& one = all[i];
    const double size = root_mean_square(one);
    if (sums_[i].bad_step > 0) {
      one.trouble = Trouble::not_finite;
    } else if (size < vanishing_below && size < vanishing_share * largest) {
      one.trouble = Trouble::vanishing;
    } else if (one.weight > 0 && !(one.relative_update() <= exploding_above)) {
      one.trouble = Trouble::exploding;
    }
  }
}

bool Watcher::is_news(const std::string& key, std::set<std::string> now) {
  std::set<std::string>& told = told_[key];
  const bool news = !std::includes(told.begin(), told.end(), now.begin(), now.end());
  told = std::move(now);
  return news;
}

void Watcher::warn(WatchReport& report) {
  std::vector<std::pair<Span, std::vector<std::size_t>>> places;  // in order, with what they make
  std::size_t next = 0;
  for (const WatchedParameter& parameter : watched_->parameters) {
    auto place = std::find_if(places.begin(), places.end(), [&](const auto& known) {
      return known.first.source == parameter.at.source && known.first.begin == parameter.at.begin;
    });
    if (place == places.end()) place = places.insert(places.end(), {parameter.at, {}});
    for (std::size_t part = 0; part < parts_of(parameter); ++part) place->second.push_back(next++);
  }
  for (const auto& [at, made] : places) {
    for (const Trouble trouble : {Trouble::not_finite, Trouble::vanishing, Trouble::exploding}) {
      warn(at, made, trouble, report);
    }
  }
  std::size_t first = 0;
  for (const WatchedUnits& units : watched_->units) {
    warn(units, first, report);
    first += names_of(units).size();
  }
}

void Watcher::warn(const Span& at, const std::vector<std::size_t>& made, Trouble trouble, WatchReport& report) {
  const std::vector<ParameterWatch>& all = report.parameters;
  // The first that is not finite, the smallest gradient, the largest update.
  const auto is_worse = [&](std::size_t a, std::size_t b) {
    if (trouble == Trouble::not_finite) return sums_[a].bad_step < sums_[b].bad_step;
    if (trouble == Trouble::vanishing) return root_mean_square(all[a]) < root_mean_square(all[b]);
    return all[a].relative_update() > all[b].relative_update();
  };
  std::vector<std::string> names;
  std::size_t worst = made.front();
  for (const std::size_t i : made) {
    if (all[i].trouble != trouble) continue;
    if (names.empty() || is_worse(i, worst)) worst = i;
    names.push_back(all[i].name);
  }
  const std::string key = fmt::format("{} {}", all[made.front()].name, to_string(trouble));
  if (!is_news(key, {names.begin(), names.end()}) || names.empty()) return;
  const ParameterWatch& one = all[worst];
  const bool several = names.size() > 1;
  const std::string shown = several ? fmt::format(" for '{}'", one.name) : "";
  const std::string steps = steps_of(report);
  if (trouble == Trouble::not_finite) {
    const std::string before =
        sums_[worst].bad_step == report.first_step
            ? ""
            : fmt::format(", before that it was up to {} long", short_text(one.largest_gradient));
    report.warnings.push_back(
        diagnostic("gradient-not-finite", at,
                   fmt::format("expected finite gradients of {}, found {} at step {}{}{}", listed(names),
                               std::isnan(sums_[worst].bad) ? "nan" : "inf", sums_[worst].bad_step, shown, before),
                   {{{}, "a smaller rate, clip = global_norm(1.0) or smaller inputs may help"}}));
  } else if (trouble == Trouble::vanishing) {
    const auto largest = std::max_element(all.begin(), all.end(), [](const ParameterWatch& a, const ParameterWatch& b) {
      return root_mean_square(a) < root_mean_square(b);
    });
    report.warnings.push_back(diagnostic(
        "vanishing-gradient", at,
        fmt::format("the gradient{} of {} vanish{}: expected a root mean square of at least {}, found {}{} in "
                    "{}; that of '{}' is {}",
                    several ? "s" : "", listed(names), several ? "" : "es", vanishing_below,
                    short_text(root_mean_square(one)), shown, steps, largest->name,
                    short_text(root_mean_square(*largest))),
        {{{},
          "relu or gelu instead of sigmoid, adding a layer to its input, normalising it, or other initial "
          "values may help"}}));
  } else {
    report.warnings.push_back(diagnostic(
        "exploding-update", at,
        fmt::format("the updates of {} explode: expected about a thousandth of the weight's length, found {} "
                    "times it{} in {}; the gradient is up to {} long",
                    listed(names), short_text(one.relative_update()), shown, steps, short_text(one.largest_gradient)),
        {{{}, "a smaller rate, clip = global_norm(1.0) or smaller initial values may help"}}));
  }
}

void Watcher::warn(const WatchedUnits& units, std::size_t first, WatchReport& report) {
  std::vector<std::string> names;
  std::size_t worst = first;
  for (std::size_t i = first; i < first + names_of(units).size(); ++i) {
    const ActivationWatch& one = report.activations[i];
    if (static_cast<double>(one.dead) < dead_from * static_cast<double>(one.units)) continue;
    if (names.empty() || one.dead > report.activations[worst].dead) worst = i;
    names.push_back(one.name);
  }
  const std::string key = fmt::format("units {}", first);
  if (!is_news(key, {names.begin(), names.end()}) || names.empty()) return;
  const ActivationWatch& one = report.activations[worst];
  const std::string shown = names.size() == 1 ? "" : fmt::format(" of '{}'", one.name);
  report.warnings.push_back(diagnostic(
      "dead-units", units.at,
      fmt::format("{} dead units: in {} the derivative of {} of {} units{} is 0 for every row",
                  listed(names) + (names.size() == 1 ? " has" : " have"), steps_of(report), one.dead, one.units, shown),
      {{{}, "a smaller rate, other initial values, or leaky_relu or gelu in place of relu may help"}}));
}

}  // namespace descent
