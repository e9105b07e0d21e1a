// A model of descent/builder.h → its text with the place of every line, and from there as any model file.
#include <algorithm>

#include "driver/builder_parts.h"
#include "driver/program.h"
#include "fmt/format.h"

namespace descent::builder {

namespace ast = frontend::ast;

namespace {

using Kind = ast::Define::Kind;

ast::Identifier identifier(std::string_view name) { return {std::string(name), {}}; }

// A place in the C++ program, and below the message what stands there.
Span span_of(const Origin& at, std::string_view shown) {
  const auto end = static_cast<std::uint32_t>(std::min<std::size_t>(shown.size(), 200));
  return {std::make_shared<const Source>(Source{at.file, std::string(shown), {at}}), 0, end};
}

ast::Target target_of(std::string_view name, bool next = false) { return {identifier(name), next, false, {}}; }

ast::Target target_of(const ast::Subscript& left) {
  ast::Target target{left.base, left.next, true, {}};
  for (const ast::ExpressionRef& at : left.at) {
    const auto* bound = std::get_if<ast::Binary>(&at->node);
    if (bound && bound->sign == "<") {
      target.at.push_back({bound->left, bound->right});
    } else {
      target.at.push_back({at, nullptr});
    }
  }
  return target;
}

// The lines of `text`, all from one place.
void append(Source& source, const std::string& text, const Origin& at) {
  source.text += text;
  if (!text.empty() && text.back() != '\n') source.text += '\n';
  const auto lines = static_cast<std::size_t>(std::count(source.text.begin(), source.text.end(), '\n'));
  source.origins.resize(lines, at);
}

// A block opens and closes where it begins; each statement is a line.
void append(std::vector<Origin>& lines, const Origin& block, const std::vector<Origin>& statements) {
  lines.push_back(block);
  lines.insert(lines.end(), statements.begin(), statements.end());
  lines.push_back(block);
}

void append(std::vector<Origin>& lines, const TrainParts& train) {
  lines.push_back(train.at);
  for (std::size_t i = 0; i < train.settings.size(); ++i) {
    const ast::Setting& setting = train.tree.settings[i];
    if (setting.value) {
      lines.push_back(train.settings[i]);
    } else {
      append(lines, train.settings[i], setting.keys[0].text == "data" ? train.data : train.test);
    }
  }
  lines.push_back(train.at);
}

// The block `data` or `test` of a train block, made where it is first wanted.
ast::Setting& block_of(TrainParts& train, std::string_view name, const Origin& at) {
  auto& settings = train.tree.settings;
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const ast::Setting& one) { return !one.value && one.keys[0].text == name; });
  if (found != settings.end()) return *found;
  ast::Setting block;
  block.keys.push_back(identifier(name));
  settings.push_back(std::move(block));
  train.settings.push_back(at);
  return settings.back();
}

ast::Setting setting_of(std::string_view name, const Expression& value) {
  ast::Setting setting;
  setting.keys.push_back(identifier(name));
  setting.value = tree_of(value);
  return setting;
}

void add_source(BuilderParts& model, TrainParts& train, std::string_view block, std::string_view input,
                const Expression& source, const Origin& at) {
  const MistakeRef wrong = check_name(input);
  if (!model.accept(wrong ? wrong : source.parts().mistake, at, input)) return;
  block_of(train, block, at).block.push_back(setting_of(input, source));
  (block == "data" ? train.data : train.test).push_back(at);
}

}  // namespace

bool BuilderParts::accept(const MistakeRef& mistake, const Origin& place, std::string_view name) {
  if (!mistake) return true;
  // A value with a mistake takes it along to wherever it is used: said once.
  const bool known = std::any_of(mistakes.begin(), mistakes.end(), [&](const Diagnostic& one) {
    return !mistake->shown.empty() && one.message == mistake->message;
  });
  if (known) return false;
  const std::string_view shown = mistake->shown.empty() ? name : std::string_view(mistake->shown);
  mistakes.push_back({mistake->id, span_of(place, shown), mistake->message, {}});
  return false;
}

void BuilderParts::add(decltype(ast::Statement::node) statement, const Origin& place) {
  (open.empty() ? model.body : open.back()).push_back({std::move(statement), {}});
  lines.push_back(place);
}

void BuilderParts::close(decltype(ast::Statement::node) statement, const Origin& place) {
  open.pop_back();
  add(std::move(statement), place);
}

void BuilderParts::define(const ast::Subscript& left, const Expression& value, const Origin& place) {
  Kind kind = Kind::binding;
  for (Announced& one : announced) {
    if (one.name != left.base.text || one.defined) continue;
    kind = one.kind;
    one.defined = true;
    break;
  }
  add(ast::Define{kind, {target_of(left)}, tree_of(value)}, place);
}

Source source_of(const BuilderParts& parts) {
  Source source{parts.model.name.text, {}, {}};
  for (const auto& [text, at] : parts.texts) append(source, text + "\n", at);
  ast::File file;
  file.functions.push_back(parts.model);
  append(source.origins, parts.at, parts.lines);
  for (const TrainParts& train : parts.trains) {
    file.trains.push_back(train.tree);
    source.origins.push_back(train.at);  // the empty line before it
    append(source.origins, train);
  }
  source.text += ast::print(file);
  return source;
}

// -- train blocks ----------------------------------------------------------------------------------------------------

Train& Train::set(std::string_view setting, const Expression& value, Place at) {
  const bool reserved = setting == "optimizer" || setting == "batch";  // words that are settings all the same
  const MistakeRef wrong = reserved ? nullptr : check_name(setting);
  if (!model_->accept(wrong ? wrong : value.parts().mistake, origin_of(at), setting)) return *this;
  TrainParts& train = model_->trains[block_];
  train.tree.settings.push_back(setting_of(setting, value));
  train.settings.push_back(origin_of(at));
  return *this;
}

Train& Train::optimizer(std::initializer_list<std::string_view> patterns, const Expression& call, Place at) {
  std::vector<Expression> texts;
  for (const std::string_view pattern : patterns) texts.push_back(text(pattern));
  const MistakeRef wrong = mistake_in(texts);
  const std::size_t known = model_->trains[block_].tree.settings.size();
  if (wrong && !model_->accept(wrong, origin_of(at), "optimizer")) return *this;
  set("optimizer", call, at);
  std::vector<ast::Setting>& settings = model_->trains[block_].tree.settings;
  if (settings.size() == known) return *this;
  for (const std::string_view pattern : patterns) settings.back().patterns.push_back(identifier(pattern));
  return *this;
}

Train& Train::data(std::string_view input, const Expression& source, Place at) {
  add_source(*model_, model_->trains[block_], "data", input, source, origin_of(at));
  return *this;
}

Train& Train::test(std::string_view input, const Expression& source, Place at) {
  add_source(*model_, model_->trains[block_], "test", input, source, origin_of(at));
  return *this;
}

// -- the model -------------------------------------------------------------------------------------------------------

Builder::Builder(std::string_view name, Place at) : parts_(std::make_shared<BuilderParts>()) {
  parts_->model.kind = ast::Function::Kind::model;
  parts_->model.name = identifier(name);
  parts_->at = origin_of(at);
  parts_->accept(check_name(name), parts_->at, name);
}

void Builder::define(std::string_view text, Place at) { parts_->texts.emplace_back(text, origin_of(at)); }

Value Builder::value(std::string_view name) const { return Value(std::string(name), false, parts_); }

Value Builder::size(std::string_view name, std::optional<std::int64_t> otherwise, Place at) {
  ast::Parameter size{identifier(name), false, false, tree_of(Type{"size", false, {}, {}}), nullptr, nullptr};
  if (otherwise) size.otherwise = tree_of(Expression(*otherwise));
  if (parts_->accept(check_name(name), origin_of(at), name)) parts_->model.parameters.push_back(std::move(size));
  return value(name);
}

Value Builder::input(std::string_view name, const Type& type, Place at) {
  const MistakeRef wrong = check_name(name);
  if (parts_->accept(wrong ? wrong : mistake_in(expressions_of(type)), origin_of(at), name)) {
    parts_->add(ast::DeclareInput{{identifier(name)}, tree_of(type)}, origin_of(at));
  }
  return value(name);
}

Value Builder::declare_param(std::string_view name, const Type& type, const Expression& initial, bool frozen,
                             const Origin& at) {
  std::vector<Expression> expressions = expressions_of(type);
  expressions.push_back(initial);
  const MistakeRef wrong = check_name(name);
  if (parts_->accept(wrong ? wrong : mistake_in(expressions), at, name)) {
    parts_->add(ast::DeclareParam{{identifier(name), true, frozen, tree_of(type), nullptr, tree_of(initial)}}, at);
  }
  return value(name);
}

Value Builder::param(std::string_view name, const Type& type, const Expression& initial, Place at) {
  return declare_param(name, type, initial, false, origin_of(at));
}

Value Builder::frozen_param(std::string_view name, const Type& type, const Expression& initial, Place at) {
  return declare_param(name, type, initial, true, origin_of(at));
}

namespace {

void add_define(BuilderParts& parts, Kind kind, const std::vector<std::string>& names, const Expression& value,
                const Origin& at) {
  ast::Define define{kind, {}, tree_of(value)};
  MistakeRef wrong = value.parts().mistake;
  for (const std::string& name : names) {
    if (!wrong) wrong = check_name(name);
    define.targets.push_back(target_of(name));
  }
  if (parts.accept(wrong, at, names.empty() ? "" : names[0])) parts.add(std::move(define), at);
}

void announce(BuilderParts& parts, Kind kind, std::string_view name, const Origin& at) {
  if (parts.accept(check_name(name), at, name)) parts.announced.push_back({std::string(name), at, kind, false});
}

}  // namespace

Value Builder::let(std::string_view name, const Expression& expression, Place at) {
  add_define(*parts_, Kind::binding, {std::string(name)}, expression, origin_of(at));
  return value(name);
}

Value Builder::output(std::string_view name, const Expression& expression, Place at) {
  add_define(*parts_, Kind::output, {std::string(name)}, expression, origin_of(at));
  return value(name);
}

Value Builder::loss(std::string_view name, const Expression& expression, Place at) {
  add_define(*parts_, Kind::loss, {std::string(name)}, expression, origin_of(at));
  return value(name);
}

Value Builder::metric(std::string_view name, const Expression& expression, Place at) {
  add_define(*parts_, Kind::metric, {std::string(name)}, expression, origin_of(at));
  return value(name);
}

Value Builder::let(std::string_view name, Place at) {
  announce(*parts_, Kind::binding, name, origin_of(at));
  return value(name);
}

Value Builder::output(std::string_view name, Place at) {
  announce(*parts_, Kind::output, name, origin_of(at));
  return value(name);
}

void Builder::define_all(const std::vector<std::string>& names, const Expression& value, Place at) {
  add_define(*parts_, Kind::binding, names, value, origin_of(at));
}

Value Builder::let(const Value& next, const Expression& value, Place at) {
  const MistakeRef wrong = next.parts().mistake ? next.parts().mistake : value.parts().mistake;
  if (parts_->accept(wrong, origin_of(at), next.name_)) {
    parts_->add(ast::Define{Kind::binding, {target_of(next.name_, next.next_)}, tree_of(value)}, origin_of(at));
  }
  return next;
}

Value Builder::yield(std::string_view name, const Expression& expression, Place at) {
  add_define(*parts_, Kind::yield, {std::string(name)}, expression, origin_of(at));
  return value(name);
}

Value Builder::yield(std::string_view name, Place at) {
  announce(*parts_, Kind::yield, name, origin_of(at));
  return value(name);
}

// -- blocks ----------------------------------------------------------------------------------------------------------

namespace {

std::vector<ast::Carry> carries_of(BuilderParts& parts, const std::vector<Carry>& carries, const Origin& at) {
  std::vector<ast::Carry> trees;
  for (const Carry& carry : carries) {
    std::vector<Expression> expressions = carry.type ? expressions_of(*carry.type) : std::vector<Expression>{};
    expressions.push_back(carry.initial);
    const MistakeRef wrong = check_name(carry.name);
    parts.accept(wrong ? wrong : mistake_in(expressions), at, carry.name);
    ast::Carry tree{identifier(carry.name), std::nullopt, tree_of(carry.initial)};
    if (carry.type) tree.type = tree_of(*carry.type);
    trees.push_back(std::move(tree));
  }
  return trees;
}

}  // namespace

void Builder::open_block(Place at) {
  parts_->open.emplace_back();
  parts_->lines.push_back(origin_of(at));
}

void Builder::close_scan(const Bounded& axis, const std::vector<Carry>& carries, Place at) {
  const Origin place = origin_of(at);
  const std::optional<ast::IndexBinder> binder = binder_of(axis);
  parts_->accept(axis.parts().mistake, place, "scan");
  ast::Scan scan{binder.value_or(ast::IndexBinder{}), carries_of(*parts_, carries, place), parts_->open.back()};
  parts_->close(std::move(scan), place);
}

void Builder::close_repeat(const Expression& count, std::string_view as, const std::vector<Carry>& carries, Place at) {
  const Origin place = origin_of(at);
  const MistakeRef wrong = as.empty() ? nullptr : check_name(as);
  parts_->accept(wrong ? wrong : count.parts().mistake, place, as);
  ast::Repeat repeat{tree_of(count), std::nullopt, carries_of(*parts_, carries, place), parts_->open.back()};
  if (!as.empty()) repeat.as = identifier(as);
  parts_->close(std::move(repeat), place);
}

Train Builder::train(std::string_view name, Place at) {
  parts_->accept(check_name(name), origin_of(at), name);
  TrainParts train;
  train.tree.name = identifier(name);
  train.tree.model = parts_->model.name;
  train.at = origin_of(at);
  parts_->trains.push_back(std::move(train));
  return Train(parts_, parts_->trains.size() - 1);
}

std::string to_string(const Builder& model) { return source_of(model.parts()).text; }

Result<Program> compile(const Builder& model, const CompileOptions& options) {
  Diagnostics mistakes = model.parts().mistakes;
  for (const Announced& one : model.parts().announced) {
    if (one.defined) continue;
    mistakes.push_back({"never-defined",
                        span_of(one.at, one.name),
                        fmt::format("expected a definition of '{}', as {}(i) = value, found none", one.name, one.name),
                        {}});
  }
  if (!mistakes.empty()) return mistakes;
  return compile_source(std::make_shared<const Source>(source_of(model.parts())), "", options);
}

}  // namespace descent::builder
