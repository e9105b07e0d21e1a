/* A compiled model as data, and the functions of the core runtime that run one. `descent build` writes the data and,
 * for each function here, one of the model's own name that calls it; its header NAME.h documents them.
 * The number in the functions' names changes with this file, so that parts of two releases do not link. */
#ifndef DESCENT_RUNTIME_MODEL_H
#define DESCENT_RUNTIME_MODEL_H

#include "runtime/abi.h"
#include "runtime/door.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  DESCENT_PORT_DATA = 0,   /* given by the caller */
  DESCENT_PORT_CLOCK = 1,  /* which: 0 seed, 1 step, 2 steps */
  DESCENT_PORT_RATE = 2,   /* which: its number */
  DESCENT_PORT_PART = 3,   /* of `report`; which: the output of `evaluate` whose mean it is */
  DESCENT_PORT_NUMBER = 4, /* a loss or metric of rank 0; which: its place in what the caller gets, -1: in nothing */
  DESCENT_PORT_TENSOR = 5  /* any other output; which: its place among the caller's pointers, -1: in none */
};

/* A value that enters or leaves an entry. */
typedef struct DescentPort {
  const char* name;
  const int64_t* shape; /* 0: batch */
  int32_t rank;
  int32_t type;
  int32_t kind;
  int32_t which;
  int64_t at;        /* where in the trainer's memory its own copy lies */
  int64_t low, high; /* low <= element < high, when low < high */
} DescentPort;

typedef struct DescentFunction {
  DescentEntry run; /* null: the model has no such entry */
  const DescentPort* inputs;
  const DescentPort* outputs;
  int32_t input_count;
  int32_t output_count;
} DescentFunction;

enum {
  DESCENT_INIT,
  DESCENT_STEP,
  DESCENT_STEPS,
  DESCENT_EVALUATE,
  DESCENT_REPORT,
  DESCENT_PREDICT,
  DESCENT_ADVANCE,
  DESCENT_ACCUMULATE
};

/* Offsets are from the begin of a trainer's memory, whose first DESCENT_HEAD_BYTES are the runtime's own. */
enum { DESCENT_HEAD_BYTES = 512 };
typedef struct DescentModel {
  const char* name;
  uint64_t contract;
  int64_t largest_batch;
  int64_t memory_bytes;
  int64_t arena_at, arena_bytes;
  int64_t rates_at;                 /* f64, one per rate */
  int64_t inputs_at;                /* pointers, as many as the entry with most has */
  int64_t outputs_at;               /* likewise */
  int64_t sums_at;                  /* f64, one per output of the entry with most */
  int64_t places_at;                /* i64, one per state */
  int64_t motions_at;               /* DescentMotion, inputs and outputs of the entry with turns */
  int64_t order_at;                 /* i64, `turns` numbers */
  int64_t clock_at;                 /* i32, likewise */
  int64_t turns;                    /* of one call of the entry with turns, at most; 0: there is none */
  int64_t blocks;                   /* batches that the copies of its inputs hold, at least 1 */
  const DescentFunction* functions; /* by DESCENT_INIT … */
  const double* rates;              /* at first */
  const DescentState* states;
  const char* weights_header; /* what a file of weights begins with */
  const int32_t* saved;       /* numbers of states, in the order of the file */
  int64_t weights_header_bytes;
  int32_t rate_count, state_count, saved_count;
  int32_t accumulate; /* batches whose rows make one step in an epoch */
} DescentModel;

typedef struct DescentTrainer DescentTrainer;

uint64_t descent_1_contract(const DescentModel* model);
DescentTrainer* descent_1_create(const DescentModel* model, uint64_t contract, void* memory, int32_t threads);
void descent_1_destroy(DescentTrainer* trainer);
const char* descent_1_error(const DescentTrainer* trainer);
int32_t descent_1_init(DescentTrainer* trainer, int64_t seed);
int32_t descent_1_step(DescentTrainer* trainer, int64_t rows, const void* const* inputs, double* losses);
int32_t descent_1_accumulate(DescentTrainer* trainer, int64_t rows, const void* const* inputs, double* losses);
int32_t descent_1_train(DescentTrainer* trainer, int64_t epochs, int64_t rows, const void* const* inputs,
                        uint32_t* order, double* losses);
int32_t descent_1_evaluate(DescentTrainer* trainer, int64_t rows, const void* const* inputs, double* metrics);
int32_t descent_1_predict(DescentTrainer* trainer, int64_t rows, const void* const* inputs, void* const* outputs);
int32_t descent_1_advance(DescentTrainer* trainer, int64_t rows, const void* const* inputs, void* const* outputs);
void descent_1_set_total_steps(DescentTrainer* trainer, int64_t steps);
int64_t descent_1_steps_taken(const DescentTrainer* trainer);
void descent_1_set_rate(DescentTrainer* trainer, double value, int32_t rate);
double descent_1_rate(const DescentTrainer* trainer, int32_t rate);
int32_t descent_1_read(DescentTrainer* trainer, int32_t state, void* values);
int32_t descent_1_write(DescentTrainer* trainer, int32_t state, const void* values);
int32_t descent_1_pack(DescentTrainer* trainer, void* bytes);
int32_t descent_1_unpack(DescentTrainer* trainer, const void* bytes, int64_t size);
int32_t descent_1_save(DescentTrainer* trainer, const char* path);
int32_t descent_1_load(DescentTrainer* trainer, const char* path);

#ifdef __cplusplus
}
#endif
#endif
