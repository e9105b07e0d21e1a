// Runs a compiled model: points its entries at the caller's rows, batch by batch, and joins what they give.
#include "runtime/core/trainer.h"

#include "runtime/core/float_mode.h"
#include "runtime/core/memory.h"
#include "runtime/core/shuffle.h"

namespace descent::runtime {

Message& Message::operator<<(const char* text) {
  while (*text != '\0' && size_ + 1 < static_cast<int32_t>(sizeof text_)) text_[size_++] = *text++;
  text_[size_] = '\0';
  return *this;
}

Message& Message::operator<<(int64_t number) {
  char digits[24];
  char* at = digits + sizeof digits;
  *--at = '\0';
  uint64_t rest = number < 0 ? uint64_t{0} - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  do *--at = static_cast<char>('0' + rest % 10);
  while ((rest /= 10) != 0);
  if (number < 0) *--at = '-';
  return *this << at;
}

namespace {

// Where an input that the caller does not give stands.
const void* fixed_input(DescentTrainer& trainer, const DescentPort& port) {
  if (port.kind == DESCENT_PORT_RATE) return trainer.at<double>(trainer.model->rates_at) + port.which;
  if (port.kind == DESCENT_PORT_PART) return trainer.at<void>(port.at);
  return port.which == 0 ? &trainer.seed : port.which == 1 ? &trainer.step : &trainer.steps;
}

void run(DescentTrainer& trainer, const DescentFunction& function, int64_t rows, const DescentTurns* turns) {
  const DescentModel& model = *trainer.model;
  const DescentCall call{trainer.at<unsigned char>(model.arena_at),
                         trainer.at<const void*>(model.inputs_at),
                         trainer.at<void*>(model.outputs_at),
                         rows,
                         trainer.pool == nullptr || turns != nullptr ? nullptr : &trainer.threads,
                         turns};
  descent_run(function.run, &call);
}

// Points an entry at these rows, in place where they serve, and at its own outputs.
void point(DescentTrainer& trainer, const DescentFunction& function, const Rows& rows, const void* const* inputs) {
  const DescentModel& model = *trainer.model;
  const void** in = trainer.at<const void*>(model.inputs_at);
  for (int32_t i = 0; i < function.input_count; ++i) {
    const DescentPort& port = function.inputs[i];
    if (port.kind != DESCENT_PORT_DATA) {
      in[i] = fixed_input(trainer, port);
    } else if (const void* values = inputs[port.which]; serves_in_place(port, values, rows)) {
      const bool by_row = port.rank > 0 && port.shape[0] == 0;
      const int64_t row_bytes = by_row ? size_of_type[port.type] * count(port.shape + 1, port.rank - 1, 1) : 0;
      in[i] = static_cast<const unsigned char*>(values) + rows.first * row_bytes;
    } else {
      gather_rows(port, model.largest_batch, rows, values, trainer.at<unsigned char>(port.at));
      in[i] = trainer.at<void>(port.at);
    }
  }
  void** out = trainer.at<void*>(model.outputs_at);
  for (int32_t i = 0; i < function.output_count; ++i) out[i] = trainer.at<void>(function.outputs[i].at);
}

// Σ rows·value and Σ rows, in the order in which batches come.
void begin_sums(DescentTrainer& trainer, const DescentFunction& function) {
  double* sums = trainer.at<double>(trainer.model->sums_at);
  for (int32_t i = 0; i < function.output_count; ++i) sums[i] = 0;
  trainer.sum_rows = 0;
}

void add_to_sums(DescentTrainer& trainer, const DescentFunction& function, int64_t rows, int64_t turn = 0) {
  double* sums = trainer.at<double>(trainer.model->sums_at);
  for (int32_t i = 0; i < function.output_count; ++i) {
    const DescentPort& port = function.outputs[i];
    if (port.kind != DESCENT_PORT_NUMBER) continue;
    const void* value = trainer.at<unsigned char>(port.at) + turn * size_of_type[port.type];
    sums[i] += static_cast<double>(rows) * number_at(value, port.type);
  }
  trainer.sum_rows += rows;
}

double mean_of(const DescentTrainer& trainer, int32_t output) {
  return trainer.at<double>(trainer.model->sums_at)[output] / static_cast<double>(trainer.sum_rows);
}

void give_means(const DescentTrainer& trainer, const DescentFunction& function, double* numbers) {
  if (numbers == nullptr) return;
  for (int32_t i = 0; i < function.output_count; ++i) {
    const DescentPort& port = function.outputs[i];
    if (port.kind == DESCENT_PORT_NUMBER && port.which >= 0) numbers[port.which] = mean_of(trainer, i);
  }
}

int32_t check_call(DescentTrainer& trainer, const DescentFunction& function, int64_t rows, int64_t most,
                   const void* const* inputs) {
  if (rows < 1 || rows > most) {
    trainer.complain() << "expected 1 to " << most << " rows, found " << rows;
    return DESCENT_BAD_CALL;
  }
  return check_inputs(trainer, function, rows, inputs);
}

// Of a set: numbers of its elements stay numbers.
constexpr int64_t most_rows = int64_t{1} << 32;

// What trains: without `step` the entry with turns, which has its ports.
const DescentFunction& update_of(const DescentModel& model) {
  return model.functions[model.functions[DESCENT_STEP].run != nullptr ? DESCENT_STEP : DESCENT_STEPS];
}

int32_t check_update(DescentTrainer& trainer, int64_t rows, int64_t most, const void* const* inputs) {
  const DescentModel& model = *trainer.model;
  if (model.functions[DESCENT_STEP].run == nullptr && rows % model.largest_batch != 0) {
    trainer.complain() << "expected whole batches of " << model.largest_batch << " rows, found " << rows
                       << ": the model was built without its entry 'step'";
    return DESCENT_BAD_CALL;
  }
  return check_call(trainer, update_of(model), rows, most, inputs);
}

int32_t check_steps(DescentTrainer& trainer, int64_t more) {
  if (more >= 1 && more <= INT32_MAX - int64_t{trainer.step}) return DESCENT_DONE;
  trainer.complain() << "expected 1 to " << INT32_MAX - int64_t{trainer.step} << " more steps, found " << more;
  return DESCENT_BAD_CALL;
}

void take_step(DescentTrainer& trainer, const Rows& rows, const void* const* inputs) {
  ++trainer.step;
  point(trainer, trainer.model->functions[DESCENT_STEP], rows, inputs);
  run(trainer, trainer.model->functions[DESCENT_STEP], rows.count, nullptr);
}

// Of a step that takes several batches, one before the last.
void accumulate(DescentTrainer& trainer, const Rows& rows, const void* const* inputs) {
  point(trainer, trainer.model->functions[DESCENT_ACCUMULATE], rows, inputs);
  run(trainer, trainer.model->functions[DESCENT_ACCUMULATE], rows.count, nullptr);
}

int64_t steps_of_epoch(const DescentModel& model, int64_t rows) {
  const int64_t batches = (rows + model.largest_batch - 1) / model.largest_batch;
  return (batches + model.accumulate - 1) / model.accumulate;
}

// What the last call of such an entry gave.
void give_losses(const DescentTrainer& trainer, const DescentFunction& taken, double* losses) {
  if (losses == nullptr) return;
  for (int32_t i = 0; i < taken.output_count; ++i) {
    const DescentPort& port = taken.outputs[i];
    if (port.kind == DESCENT_PORT_NUMBER) losses[port.which] = number_at(trainer.at<void>(port.at), port.type);
  }
}

bool knows_batch(const DescentPort& port) {
  for (int32_t axis = 0; axis < port.rank; ++axis) {
    if (port.shape[axis] == 0) return true;
  }
  return false;
}

// Bytes of a whole batch of an input, 0 where one value serves all batches.
int64_t batch_bytes(const DescentModel& model, const DescentPort& port) {
  return knows_batch(port) ? size_of_type[port.type] * count(port.shape, port.rank, model.largest_batch) : 0;
}

// The whole loop: many whole batches in one call.
class Turns {
 public:
  Turns(DescentTrainer& trainer, const void* const* inputs, const Rows& set)
      : trainer_(trainer), model_(*trainer.model), inputs_(inputs), set_(set) {}

  // As many as one call takes; the batches of a set that lies in place come around and around.
  int64_t most() const { return in_place() ? model_.turns : model_.blocks; }
  bool in_place() const {
    for (int32_t i = 0; i < model_.functions[DESCENT_STEPS].input_count; ++i) {
      const DescentPort& port = model_.functions[DESCENT_STEPS].inputs[i];
      if (port.kind != DESCENT_PORT_DATA) continue;
      const bool steps_evenly = batch_bytes(model_, port) % 4 == 0;
      if (!steps_evenly || !serves_in_place(port, inputs_[port.which], set_)) return false;
    }
    return true;
  }
  void take(int64_t first, int64_t count) {
    const bool lies_well = in_place();
    const int64_t batches = set_.all / model_.largest_batch;
    int64_t* order = trainer_.at<int64_t>(model_.order_at);
    int32_t* clock = trainer_.at<int32_t>(model_.clock_at);
    for (int64_t turn = 0; turn < count; ++turn) {
      order[turn] = lies_well ? (first + turn) % batches : turn;
      clock[turn] = trainer_.step + 1 + static_cast<int32_t>(turn);
    }
    point_inputs(lies_well, first, count);
    point_outputs();
    const auto* motions = trainer_.at<const DescentMotion>(model_.motions_at);
    const DescentTurns turns{count, order, motions, motions + model_.functions[DESCENT_STEPS].input_count};
    run(trainer_, model_.functions[DESCENT_STEPS], model_.largest_batch, &turns);
    trainer_.step += static_cast<int32_t>(count);
  }

 private:
  void point_inputs(bool lies_well, int64_t first, int64_t count) {
    auto* motions = trainer_.at<DescentMotion>(model_.motions_at);
    const void** in = trainer_.at<const void*>(model_.inputs_at);
    for (int32_t i = 0; i < model_.functions[DESCENT_STEPS].input_count; ++i) {
      const DescentPort& port = model_.functions[DESCENT_STEPS].inputs[i];
      motions[i] = {0, 0};
      if (port.kind == DESCENT_PORT_CLOCK && port.which == 1) {
        in[i] = trainer_.at<int32_t>(model_.clock_at);
        motions[i].by_turn = sizeof(int32_t);
      } else if (port.kind != DESCENT_PORT_DATA) {
        in[i] = fixed_input(trainer_, port);
      } else {
        motions[i].by_batch = batch_bytes(model_, port);
        in[i] = lies_well ? inputs_[port.which] : gather(port, first, count);
      }
    }
  }
  const void* gather(const DescentPort& port, int64_t first, int64_t count) {
    const int64_t bytes = batch_bytes(model_, port), blocks = bytes == 0 ? 1 : count;
    for (int64_t block = 0; block < blocks; ++block) {
      Rows rows = set_;
      rows.first = (first + block) * model_.largest_batch;
      rows.count = model_.largest_batch;
      gather_rows(port, model_.largest_batch, rows, inputs_[port.which],
                  trainer_.at<unsigned char>(port.at) + block * bytes);
    }
    return trainer_.at<void>(port.at);
  }
  void point_outputs() {
    auto* motions = trainer_.at<DescentMotion>(model_.motions_at) + model_.functions[DESCENT_STEPS].input_count;
    void** out = trainer_.at<void*>(model_.outputs_at);
    for (int32_t i = 0; i < model_.functions[DESCENT_STEPS].output_count; ++i) {
      const DescentPort& port = model_.functions[DESCENT_STEPS].outputs[i];
      out[i] = trainer_.at<void>(port.at);
      motions[i] = {0, port.kind == DESCENT_PORT_NUMBER ? size_of_type[port.type] : 0};
    }
  }

  DescentTrainer& trainer_;
  const DescentModel& model_;
  const void* const* inputs_;
  const Rows set_;
};

// One pass over all rows: whole batches in turns where the model has them, the rest step by step.
void train_epoch(DescentTrainer& trainer, int64_t rows, const void* const* inputs, const uint32_t* order) {
  const DescentModel& model = *trainer.model;
  Turns turns(trainer, inputs, {rows, 0, model.largest_batch, order});
  begin_sums(trainer, update_of(model));
  for (int64_t begin = 0; begin < rows;) {
    const int64_t whole = (rows - begin) / model.largest_batch;
    if (model.turns > 0 && whole > 0) {
      const int64_t most = turns.most(), taken = whole < most ? whole : most;
      turns.take(begin / model.largest_batch, taken);
      for (int64_t turn = 0; turn < taken; ++turn)
        add_to_sums(trainer, model.functions[DESCENT_STEPS], model.largest_batch, turn);
      begin += taken * model.largest_batch;
    } else {
      const int64_t left = rows - begin, taken = left < model.largest_batch ? left : model.largest_batch;
      const bool is_last = left == taken || (begin / model.largest_batch + 1) % model.accumulate == 0;
      is_last ? take_step(trainer, {rows, begin, taken, order}, inputs)
              : accumulate(trainer, {rows, begin, taken, order}, inputs);
      add_to_sums(trainer, model.functions[is_last ? DESCENT_STEP : DESCENT_ACCUMULATE], taken);
      begin += taken;
    }
  }
}

// Epochs over few batches that lie in place: calls that go around them, as long as a call may be.
bool train_around(DescentTrainer& trainer, int64_t epochs, int64_t rows, const void* const* inputs) {
  const DescentModel& model = *trainer.model;
  const int64_t batches = rows / model.largest_batch, all = epochs * batches;
  Turns turns(trainer, inputs, {rows, 0, model.largest_batch, nullptr});
  if (model.turns == 0 || rows % model.largest_batch != 0 || !turns.in_place()) return false;
  begin_sums(trainer, model.functions[DESCENT_STEPS]);
  for (int64_t done = 0; done < all;) {
    const int64_t taken = all - done < model.turns ? all - done : model.turns;
    turns.take(done % batches, taken);
    for (int64_t turn = 0; turn < taken; ++turn) {
      if (done + turn >= all - batches) add_to_sums(trainer, model.functions[DESCENT_STEPS], model.largest_batch, turn);
    }
    done += taken;
  }
  return true;
}

// The outputs for all rows, batch by batch; each batch is read before its outputs are written.
int32_t give_outputs(DescentTrainer& trainer, const DescentFunction& function, int64_t rows, const void* const* inputs,
                     void* const* outputs) {
  const int64_t largest = trainer.model->largest_batch;
  if (int32_t wrong = check_call(trainer, function, rows, most_rows, inputs)) return wrong;
  for (int64_t begin = 0; begin < rows; begin += largest) {
    const Rows batch{rows, begin, rows - begin < largest ? rows - begin : largest, nullptr};
    point(trainer, function, batch, inputs);
    run(trainer, function, batch.count, nullptr);
    for (int32_t i = 0; i < function.output_count; ++i) {
      const DescentPort& port = function.outputs[i];
      if (port.which < 0 || outputs[port.which] == nullptr) continue;
      scatter_rows(port, largest, batch, trainer.at<unsigned char>(port.at), outputs[port.which]);
    }
  }
  return DESCENT_DONE;
}

}  // namespace
}  // namespace descent::runtime

using namespace descent::runtime;

extern "C" {

uint64_t descent_1_contract(const DescentModel* model) { return model->contract; }

DescentTrainer* descent_1_create(const DescentModel* model, uint64_t contract, void* memory, int32_t threads) {
  if (contract != model->contract) return nullptr;
  const bool owned = memory == nullptr;
  if (owned) memory = allocate_trainer(model->memory_bytes);
  if (memory == nullptr || reinterpret_cast<uintptr_t>(memory) % 64 != 0) return nullptr;
  memset(memory, 0, static_cast<size_t>(model->memory_bytes));
  auto* trainer = static_cast<DescentTrainer*>(memory);
  trainer->model = model;
  trainer->owned = owned;
  double* rates = trainer->at<double>(model->rates_at);
  for (int32_t i = 0; i < model->rate_count; ++i) rates[i] = model->rates[i];
  start_threads(*trainer, threads);
  return trainer;
}

void descent_1_destroy(DescentTrainer* trainer) {
  if (trainer == nullptr) return;
  stop_threads(*trainer);
  if (trainer->owned) free_trainer(trainer);
}

const char* descent_1_error(const DescentTrainer* trainer) { return trainer->message.text(); }

int32_t descent_1_init(DescentTrainer* trainer, int64_t seed) {
  const DescentModel& model = *trainer->model;
  if (seed < 0 || seed > INT32_MAX) {
    trainer->complain() << "a seed is between 0 and " << INT32_MAX << ", found " << seed;
    return DESCENT_BAD_CALL;
  }
  trainer->seed = static_cast<int32_t>(seed);
  trainer->step = 0;
  trainer->epoch = 0;
  memset(trainer->at<void>(model.arena_at), 0, static_cast<size_t>(model.arena_bytes));
  if (model.functions[DESCENT_INIT].run == nullptr) return DESCENT_DONE;
  point(*trainer, model.functions[DESCENT_INIT], {1, 0, 1, nullptr}, nullptr);
  run(*trainer, model.functions[DESCENT_INIT], 1, nullptr);
  return DESCENT_DONE;
}

int32_t descent_1_step(DescentTrainer* trainer, int64_t rows, const void* const* inputs, double* losses) {
  const DescentModel& model = *trainer->model;
  if (int32_t wrong = check_update(*trainer, rows, model.largest_batch, inputs)) return wrong;
  if (int32_t wrong = check_steps(*trainer, 1)) return wrong;
  if (trainer->steps == 0) trainer->steps = 1;
  const bool is_turn = model.turns > 0 && rows == model.largest_batch;
  const DescentFunction& taken = model.functions[is_turn ? DESCENT_STEPS : DESCENT_STEP];
  if (is_turn) {
    Turns(*trainer, inputs, {rows, 0, rows, nullptr}).take(0, 1);
  } else {
    take_step(*trainer, {rows, 0, rows, nullptr}, inputs);
  }
  give_losses(*trainer, taken, losses);
  return DESCENT_DONE;
}

int32_t descent_1_accumulate(DescentTrainer* trainer, int64_t rows, const void* const* inputs, double* losses) {
  const DescentModel& model = *trainer->model;
  const DescentFunction& accumulates = model.functions[DESCENT_ACCUMULATE];
  if (int32_t wrong = check_call(*trainer, accumulates, rows, model.largest_batch, inputs)) return wrong;
  accumulate(*trainer, {rows, 0, rows, nullptr}, inputs);
  give_losses(*trainer, accumulates, losses);
  return DESCENT_DONE;
}

int32_t descent_1_train(DescentTrainer* trainer, int64_t epochs, int64_t rows, const void* const* inputs,
                        uint32_t* order, double* losses) {
  const DescentModel& model = *trainer->model;
  if (int32_t wrong = check_update(*trainer, rows, most_rows, inputs)) return wrong;
  const int64_t per_epoch = steps_of_epoch(model, rows);
  if (epochs < 1 || epochs > INT32_MAX) {
    trainer->complain() << "expected 1 to " << INT32_MAX << " epochs, found " << epochs;
    return DESCENT_BAD_CALL;
  }
  if (int32_t wrong = check_steps(*trainer, epochs * per_epoch)) return wrong;
  if (trainer->steps == 0) trainer->steps = trainer->step + static_cast<int32_t>(epochs * per_epoch);
  if (order != nullptr || !train_around(*trainer, epochs, rows, inputs)) {
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
      if (order != nullptr) {
        fill_permutation(order, rows, static_cast<uint64_t>(trainer->seed),
                         static_cast<uint64_t>(trainer->epoch + epoch));
      }
      train_epoch(*trainer, rows, inputs, order);
    }
  }
  trainer->epoch += epochs;
  give_means(*trainer, update_of(model), losses);
  return DESCENT_DONE;
}

int32_t descent_1_evaluate(DescentTrainer* trainer, int64_t rows, const void* const* inputs, double* metrics) {
  const DescentModel& model = *trainer->model;
  if (int32_t wrong = check_call(*trainer, model.functions[DESCENT_EVALUATE], rows, most_rows, inputs)) return wrong;
  begin_sums(*trainer, model.functions[DESCENT_EVALUATE]);
  for (int64_t begin = 0; begin < rows; begin += model.largest_batch) {
    const int64_t left = rows - begin, taken = left < model.largest_batch ? left : model.largest_batch;
    point(*trainer, model.functions[DESCENT_EVALUATE], {rows, begin, taken, nullptr}, inputs);
    run(*trainer, model.functions[DESCENT_EVALUATE], taken, nullptr);
    add_to_sums(*trainer, model.functions[DESCENT_EVALUATE], taken);
  }
  give_means(*trainer, model.functions[DESCENT_EVALUATE], metrics);
  if (model.functions[DESCENT_REPORT].run == nullptr) return DESCENT_DONE;
  for (int32_t i = 0; i < model.functions[DESCENT_REPORT].input_count; ++i) {
    const DescentPort& port = model.functions[DESCENT_REPORT].inputs[i];
    if (port.kind == DESCENT_PORT_PART)
      set_number(trainer->at<void>(port.at), port.type, mean_of(*trainer, port.which));
  }
  point(*trainer, model.functions[DESCENT_REPORT], {1, 0, 1, nullptr}, nullptr);
  run(*trainer, model.functions[DESCENT_REPORT], 1, nullptr);
  begin_sums(*trainer, model.functions[DESCENT_REPORT]);
  add_to_sums(*trainer, model.functions[DESCENT_REPORT], 1);
  give_means(*trainer, model.functions[DESCENT_REPORT], metrics);
  return DESCENT_DONE;
}

int32_t descent_1_predict(DescentTrainer* trainer, int64_t rows, const void* const* inputs, void* const* outputs) {
  return give_outputs(*trainer, trainer->model->functions[DESCENT_PREDICT], rows, inputs, outputs);
}

int32_t descent_1_advance(DescentTrainer* trainer, int64_t rows, const void* const* inputs, void* const* outputs) {
  return give_outputs(*trainer, trainer->model->functions[DESCENT_ADVANCE], rows, inputs, outputs);
}

void descent_1_set_total_steps(DescentTrainer* trainer, int64_t steps) {
  trainer->steps = static_cast<int32_t>(steps < 1 ? 1 : steps > INT32_MAX ? INT32_MAX : steps);
}

int64_t descent_1_steps_taken(const DescentTrainer* trainer) { return trainer->step; }

void descent_1_set_rate(DescentTrainer* trainer, double value, int32_t rate) {
  trainer->at<double>(trainer->model->rates_at)[rate] = value;
}

double descent_1_rate(const DescentTrainer* trainer, int32_t rate) {
  return trainer->at<double>(trainer->model->rates_at)[rate];
}

}  // extern "C"
