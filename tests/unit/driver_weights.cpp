// Weights of other programs: names and matrices mapped, .npz beside safetensors, what leads nowhere refused.
#include "runtime/data/npz.h"
#include "tests/support/command.h"

namespace descent::test {
namespace {

const std::string fixtures = source_folder + "/tests/fixtures/";
const std::string three_inputs = R"(model m() {
  input x : f32[batch, 3]
  hidden = relu(linear(x, 4))
  output guess = linear(hidden, 2)
}
)";
const std::vector<std::string> torch_map{"hidden.linear.weight=body.0.weight^T", "hidden.linear.*=body.0.*",
                                         "guess.linear.weight = body.2.weight ^T", "guess.linear.*=body.2.*",
                                         "-=*.num_batches_tracked"};

Trainer trainer_of(const std::string& text) {
  return value_of(Trainer::create(value_of(compile_text("m.descent", text))));
}

// What the script says: 8 out + in, and -out.
void check_weights(const Trainer& trainer) {
  for (const auto& [name, in, out] : {std::tuple("hidden", 3, 4), std::tuple("guess", 4, 2)}) {
    const data::Array weight = value_of(trainer.parameter(std::string(name) + ".linear.weight"));
    const data::Array bias = value_of(trainer.parameter(std::string(name) + ".linear.bias"));
    for (int i = 0; i < in; ++i) {
      for (int o = 0; o < out; ++o) {
        CHECK(weight.as<float>()[static_cast<std::size_t>(i * out + o)] == static_cast<float>(8 * o + i));
      }
    }
    for (int o = 0; o < out; ++o) CHECK(bias.as<float>()[static_cast<std::size_t>(o)] == static_cast<float>(-o));
  }
}

std::string refusal(const std::vector<std::string>& map) {
  Trainer trainer = trainer_of(three_inputs);
  return render(trainer.load_mapped(fixtures + "torch_names.safetensors", map));
}

}  // namespace

TEST_CASE("weights of the Python package are read by a map of names, half floats and doubles converted") {
  Trainer trainer = trainer_of(three_inputs);
  INFO(render(trainer.load_mapped(fixtures + "torch_names.safetensors", torch_map)));
  REQUIRE(trainer.load_mapped(fixtures + "torch_names.safetensors", torch_map).empty());
  check_weights(trainer);
}

TEST_CASE("weights that numpy.savez wrote are read, stored or deflated, and written back") {
  const Folder folder;
  for (const char* name : {"torch_names.npz", "torch_names.deflated.npz"}) {
    INFO(name);
    Trainer trainer = trainer_of(three_inputs);
    REQUIRE(trainer.load(fixtures + name).empty());
    check_weights(trainer);
    for (const char* written : {"again.npz", "again.safetensors"}) {
      REQUIRE(trainer.save(folder.path(written)).empty());
      Trainer other = trainer_of(three_inputs);
      REQUIRE(other.load(folder.path(written)).empty());
      check_weights(other);
    }
    CHECK(read_text(folder.path("again.npz")).starts_with("PK"));
  }
}

TEST_CASE("a map that leads nowhere says which rule") {
  const auto with = [](std::vector<std::string> more) {
    std::vector<std::string> map = torch_map;
    map.insert(map.begin(), more.begin(), more.end());
    return refusal(map);
  };
  CHECK(contains(with({"hidden.linear.bias=body.0.bais"}), "'hidden.linear.bias=body.0.bais': '"));
  CHECK(
      contains(with({"hidden.linear.bias=body.0.bais"}), "holds no 'body.0.bais'\nnote: did you mean 'body.0.bias'?"));
  CHECK(contains(with({"hiden.linear.bias=body.0.bias"}), "has no weight 'hiden.linear.bias'"));
  CHECK(contains(with({"hidden.linear.bias=body.0.bias^T"}), "^T wants a matrix, and 'body.0.bias' is f64[4]"));
  CHECK(contains(with({"hidden.linear.weight=body.0.weight"}), "that an earlier rule has not placed"));
  std::vector<std::string> unturned = torch_map;
  unturned[0] = "hidden.linear.weight=body.0.weight";
  CHECK(contains(refusal(unturned), "'hidden.linear.weight' is f32[3, 4] in model 'm' but f32[4, 3] in '"));
  CHECK(contains(refusal(unturned), "note: transposed it fits: --map 'hidden.linear.weight=hidden.linear.weight^T'"));
  CHECK(contains(refusal({torch_map.begin(), torch_map.end() - 1}), "holds 'norm.num_batches_tracked', which model"));
  for (const char* bad : {"=b", "a=", "a.*=b", "a=b.*", "a.*.*=b.*.*", "-=*.*", "a=^T"}) {
    CHECK(contains(refusal({bad}), "a map wants OURS=THEIRS"));
  }
  CHECK(contains(refusal({"none.txt"}), "none.txt: cannot open"));
}

TEST_CASE("convert, predict and training take other programs' weights") {
  Folder folder;
  folder.write("m.descent", three_inputs);
  std::string lines = "# names of an nn.Sequential\n\n";
  for (const std::string& rule : torch_map) lines += rule + "  # a rule\n";
  folder.write("map.txt", lines);
  const std::string torch = "m.descent --weights " + fixtures + "torch_names.safetensors --map map.txt ";
  const Outcome converted = descent_in(folder, "convert " + torch + "-o w.npz");
  INFO(converted.error);
  REQUIRE(converted.code == 0);
  data::Tensors rows;
  rows.arrays["x"] = data::test::array_of<float>(data::DType::f32, {2, 3}, {1, 2, 3, -1, 0, 1});
  rows.arrays["other"] = data::zeros(data::DType::f32, {1});
  REQUIRE(data::write_npz(folder.path("rows.npz"), rows).ok());
  folder.write("rows.csv", "1,2,3\n-1,0,1\n");
  const Outcome direct = descent_in(folder, "predict " + torch + "--input x=rows.npz");
  CHECK(direct.code == 0);
  CHECK(std::count(direct.out.begin(), direct.out.end(), '\n') == 2);
  CHECK(descent_in(folder, "predict m.descent --weights w.npz --input x=rows.csv").out == direct.out);
  CHECK(descent_in(folder, "predict m.descent --weights w.npz --input x=rows.csv --output guess=y.npz").code == 0);
  CHECK(data::read_npz(folder.path("y.npz"))->arrays.at("guess").shape == data::Shape{2, 2});

  folder.write("t.descent",
               three_inputs.substr(0, three_inputs.rfind('}')) +
                   "  loss l = mean[...](guess[...] ^ 2)\n}\ntrain it = m() {\n  epochs = 0\n  optimizer = "
                   "sgd(rate = 0.1)\n  weights = \"w.npz\"\n  data { x = npz(\"rows.npz\", array = \"x\") "
                   "}\n}\n");
  const Outcome trained = descent_in(folder, "train t.descent");
  INFO(trained.error);
  CHECK(trained.code == 0);
  CHECK(descent_in(folder, "predict t.descent --weights runs/it/weights.safetensors --input x=rows.csv").out ==
        direct.out);
}

}  // namespace descent::test
