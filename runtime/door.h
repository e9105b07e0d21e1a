/* What the headers of all compiled models share: statuses, element types, the table of states. C99.
 * `descent build` copies this text into each NAME.h, so that a model's header stands alone. */
#ifndef DESCENT_DOOR_1
#define DESCENT_DOOR_1

#include <stddef.h>
#include <stdint.h>

/* What a call gives back; NAME_error has the words. */
enum {
  DESCENT_DONE = 0,
  DESCENT_BAD_CALL = 1,  /* a null pointer, a number of rows or a seed that can't be, an index without a state */
  DESCENT_BAD_VALUE = 2, /* an element outside of the range that its input declares; nothing was computed */
  DESCENT_BAD_FILE = 3   /* cannot be read or written, or does not hold this model's weights; nothing was loaded */
};

/* Types of elements; `bool` is a byte, 0 or 1. */
enum { DESCENT_F32 = 0, DESCENT_F64 = 1, DESCENT_I32 = 2, DESCENT_U8 = 3, DESCENT_BOOL = 4 };

/* What survives a step: parameters, moments of the optimizer, running statistics. It lies `offset` bytes behind the
 * begin of the trainer's memory, row-major, or, with panel > 0, with its last axis cut into panels of so many elements,
 * the last one filled up, that lie one behind another: [784, 500] panel 16 lies as [32, 784, 16]. NAME_read and
 * NAME_write copy row-major whatever the panel. */
typedef struct DescentState {
  const char* name;
  const int64_t* shape; /* `rank` numbers */
  int32_t rank;
  int32_t type; /* DESCENT_F32 … */
  int64_t elements;
  int64_t offset;
  int64_t panel;
  int64_t saved; /* 1: NAME_save writes it; 0: it is the optimizer's */
} DescentState;

#endif
