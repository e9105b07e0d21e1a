/* What compiled code and its caller agree on. C, and nothing but fixed-width integers.
 *
 * A compiled entry is `void NAME_step(const DescentCall*)`. It allocates nothing and calls nothing but
 * `threads->run`; memory it touches is the arena, the inputs and the outputs. */
#ifndef DESCENT_RUNTIME_ABI_H
#define DESCENT_RUNTIME_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Iterations begin, begin + step, … < end of a parallel loop; begin is a multiple of step from the loop's own begin. */
typedef void (*DescentPart)(const void* frame, int64_t begin, int64_t end);

/* Runs `part` over [begin, end), cut at multiples of `step` from `begin`, and returns when all parts are done.
 * `work` is an estimate of the whole loop's cost in floating-point operations. */
typedef struct DescentThreads {
  void (*run)(void* pool, DescentPart part, const void* frame, int64_t begin, int64_t end, int64_t step, int64_t work);
  void* pool;
} DescentThreads;

/* How far an input or output lies from where it lay before, in bytes. */
typedef struct DescentMotion {
  int64_t by_batch; /* from one batch to the next in memory */
  int64_t by_turn;  /* from one turn to the next */
} DescentMotion;

/* Of an entry that runs many steps in one call: in turn t, 0 <= t < count, each input and output lies
 * order[t] * by_batch + t * by_turn bytes behind its pointer in the call. */
typedef struct DescentTurns {
  int64_t count;               /* at least 1 */
  const int64_t* order;        /* one number per turn */
  const DescentMotion* inputs; /* one per input */
  const DescentMotion* outputs;
} DescentTurns;

typedef struct DescentCall {
  unsigned char* arena;          /* 64-byte aligned; its size is a constant of the program */
  const void* const* inputs;     /* one per input of the entry, row-major, 4-byte aligned at least */
  void* const* outputs;          /* one per output of the entry */
  int64_t batch;                 /* 1 ≤ batch ≤ the program's largest */
  const DescentThreads* threads; /* null: one thread */
  const DescentTurns* turns;     /* of an entry with turns; other entries do not look at it */
} DescentCall;

typedef void (*DescentEntry)(const DescentCall*);

#ifdef __cplusplus
}
#endif
#endif
