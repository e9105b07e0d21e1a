// Mistakes in a model written in C++ that its text could not hold, so that the builder itself reports them.
#include <cmath>

#include "descent/builder.h"
#include "tests/support/error_goldens.h"

namespace descent::test {

using namespace descent::builder;

ConstructedMistake mistakes_of_a_builder() {
  return {"builder", [] {
#line 1 "host.cpp"
            Builder model("two words");
            const auto x = model.input("next", f32[{batch, 4}]);
            const auto y = model.input("y", f32[{batch, 4}]);
            model.let("a\nb", x + y);
            model.let("c\nd", y);
            model.let("nan", std::nan("") * y);
            model.let("p", y.path("linear..weight"));
            model.let("q", call("linear(", y));
            model.let("r", sum({y + 1}, y));
            model.train("fit").data("x", call("csv", text("\"")));
            model.train("more").optimizer({"a\nb"}, call("sgd"));
            model.output("never");
            const Result<Program> program = compile(model);
            return program ? Diagnostics{} : program.errors();
          }};
}

}  // namespace descent::test
