// A checkpoint, by a Trainer: one that is refused changes nothing, one that is taken is what the Trainer saves.
#include "driver/checkpoint.h"

#include <sys/mman.h>
#include <unistd.h>

#include <optional>

#include "descent/descent.h"
#include "tests/fuzz/target.h"

namespace descent::fuzz {
namespace {

// The model of the seeds (seeds.cpp).
constexpr const char* model = R"(model m() {
  input x : f32[batch, 2]
  param w : f32[2] ~ zeros
  loss l = mean[b](sum[i](x[b, i] * w[i]))
}
train it = m() {
  batch = 2
  optimizer = momentum(rate = 0.1)
}
)";

Trainer& trainer() {
  static std::optional<Result<Trainer>> made;
  if (!made) {
    Result<Program> program = compile_text("model", model);
    DESCENT_CHECK(program.ok(), "the model does not compile");
    made = Trainer::create(*program, {.threads = 1});
    DESCENT_CHECK(made->ok(), "there is no trainer");
  }
  return **made;
}

// A file without a place on a disk.
std::string file_of(std::string_view input) {
  static const int memory = ::memfd_create("input", 0);
  DESCENT_CHECK(memory >= 0 && ::ftruncate(memory, 0) == 0, "no memory for a file");
  DESCENT_CHECK(::pwrite(memory, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size()), "a short write");
  return "/proc/self/fd/" + std::to_string(memory);
}

data::Tensors saved() {
  Result<data::Tensors> tensors = checkpoint_of(trainer());
  DESCENT_CHECK(tensors.ok(), "a trainer cannot be saved");
  return std::move(*tensors);
}

}  // namespace

void run(std::string_view input) {
  const data::Tensors before = saved();
  const Diagnostics wrong = trainer().load_checkpoint(file_of(input));
  const data::Tensors after = saved();
  if (!wrong.empty()) {
    check_refusal(wrong);
    DESCENT_CHECK(before.arrays == after.arrays, "a checkpoint that is refused changed the trainer");
    return;
  }
  const auto held = data::parse_safetensors(data::bytes_of_text(input), "input");
  DESCENT_CHECK(held.ok(), "a checkpoint is taken that is no safetensors file");
  for (const auto& [name, array] : after.arrays) {
    DESCENT_CHECK(held->arrays.at(name) == array, "the trainer does not hold what the checkpoint does");
  }
}

}  // namespace descent::fuzz
