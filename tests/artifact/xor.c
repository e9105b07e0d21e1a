/* Trains the XOR network through its header, in C99: some epochs in whole loops, a short batch, two trainers at once,
 * one of them in memory of this program's. Writes the weights and prints what the test compares. */
#include "xor.h"

#include <stdio.h>
#include <string.h>

static long allocations = 0;

/* The linker sends calls of malloc and its like here (--wrap). */
void* __real_malloc(size_t size);
void* __wrap_malloc(size_t size);
void* __wrap_malloc(size_t size) {
  ++allocations;
  return __real_malloc(size);
}
int __real_posix_memalign(void** memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void** memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void** memory, size_t alignment, size_t size) {
  ++allocations;
  return __real_posix_memalign(memory, alignment, size);
}

static const float x[8] = {0, 0, 0, 1, 1, 0, 1, 1};
static const float y[4] = {0, 1, 1, 0};
static union {
  unsigned char bytes[XOR_MEMORY_BYTES];
  long double aligned;
} room[2];

static int failed(xor_trainer* trainer) {
  printf("failed: %s\n", xor_error(trainer));
  return 1;
}

int main(int count, char** arguments) {
  unsigned char* memory = room[0].bytes;
  xor_trainer *first, *second;
  xor_losses losses;
  xor_metrics metrics;
  float guess[4];
  uint32_t order[4];
  long before;
  if (count < 3) return 1;
  while ((uintptr_t)memory % XOR_MEMORY_ALIGNMENT != 0) ++memory;
  first = xor_create(XOR_CONTRACT, NULL, 1);
  second = xor_create(XOR_CONTRACT, memory, 2);
  if (first == NULL || second == NULL || xor_contract() != XOR_CONTRACT) return 1;
  if (xor_create(XOR_CONTRACT + 1, NULL, 1) != NULL) return 1;
  before = allocations;
  if (xor_init(first, 3) || xor_init(second, 4)) return failed(first);
  if (xor_train(first, 100, 4, x, y, NULL, &losses)) return failed(first);
  if (xor_train(second, 5, 4, x, y, order, NULL)) return failed(second);
  xor_set_rate(first, 0.5);
  if (xor_step(first, 3, x, y, &losses) || xor_step(first, 4, x, y, &losses)) return failed(first);
  if (xor_evaluate(first, 4, x, y, &metrics) || xor_predict(first, 4, x, guess)) return failed(first);
  printf("allocations %ld\n", allocations - before);
  printf("steps %d rate %g loss %.17g error %.17g guess %.9g\n", (int)xor_steps_taken(first), xor_get_rate(first),
         losses.half_squares, metrics.error, (double)guess[2]);
  if (xor_step(first, 5, x, y, NULL) != DESCENT_BAD_CALL) return 1;
  printf("%s\n", xor_error(first));
  if (strcmp(xor_states[XOR_HIDDEN_LINEAR_WEIGHT].name, "hidden.linear.weight") != 0) return 1;
  if (xor_save(first, arguments[1]) || xor_save(second, arguments[2])) return failed(first);
  if (xor_load(second, arguments[1])) return failed(second);
  if (xor_load(second, "/nowhere/at all") != DESCENT_BAD_FILE) return 1;
  printf("%s\n", xor_error(second));
  xor_destroy(first);
  xor_destroy(second);
  return 0;
}
