// Between the caller's dense arrays over all rows and an entry's own, which are laid out for the largest batch.
#include "runtime/core/memory.h"
#include "runtime/core/trainer.h"

namespace descent::runtime {
namespace {

constexpr uintptr_t port_alignment = 4;  // runtime/abi.h

// How an axis called batch is gone through: its rows on the caller's side and on the entry's.
struct Walk {
  const DescentPort& port;
  int64_t largest;
  const Rows& rows;
  bool inwards;

  int32_t last_batch() const {
    for (int32_t axis = port.rank; axis-- > 0;) {
      if (port.shape[axis] == 0) return axis;
    }
    return -1;
  }
  void copy(int32_t axis, int32_t last, unsigned char* outer, unsigned char* inner) const {
    const int64_t size = size_of_type[port.type];
    if (axis > last) {
      const int64_t bytes = size * count(port.shape + axis, port.rank - axis, 1);
      memcpy(inwards ? inner : outer, inwards ? outer : inner, static_cast<size_t>(bytes));
      return;
    }
    const bool is_batch = port.shape[axis] == 0;
    const int64_t outer_step = size * count(port.shape + axis + 1, port.rank - axis - 1, rows.all);
    const int64_t inner_step = size * count(port.shape + axis + 1, port.rank - axis - 1, largest);
    if (axis == last && is_batch && rows.order == nullptr) {
      memcpy(inwards ? inner : outer + rows.first * outer_step, inwards ? outer + rows.first * outer_step : inner,
             static_cast<size_t>(rows.count * outer_step));
      return;
    }
    const int64_t trips = is_batch ? rows.count : port.shape[axis];
    for (int64_t i = 0; i < trips; ++i) {
      const int64_t from = !is_batch ? i : rows.order == nullptr ? rows.first + i : rows.order[rows.first + i];
      copy(axis + 1, last, outer + from * outer_step, inner + i * inner_step);
    }
  }
};

bool check_range(DescentTrainer& trainer, const DescentPort& port, int64_t rows, const void* values) {
  if (port.low >= port.high || port.type != DESCENT_I32) return true;
  const auto* numbers = static_cast<const int32_t*>(values);
  const int64_t all = count(port.shape, port.rank, rows);
  for (int64_t i = 0; i < all; ++i) {
    if (numbers[i] >= port.low && numbers[i] < port.high) continue;
    const bool by_row = port.rank > 0 && port.shape[0] == 0;
    const int64_t per_row = by_row ? count(port.shape + 1, port.rank - 1, 1) : 1;
    trainer.complain() << (by_row ? "row " : "element ") << i / per_row << " of input '" << port.name << "' holds "
                       << numbers[i] << ", expected a value in " << port.low << " ..< " << port.high;
    return false;
  }
  return true;
}

}  // namespace

int64_t count(const int64_t* shape, int32_t rank, int64_t rows) {
  int64_t elements = 1;
  for (int32_t axis = 0; axis < rank; ++axis) elements *= shape[axis] == 0 ? rows : shape[axis];
  return elements;
}

int32_t check_inputs(DescentTrainer& trainer, const DescentFunction& function, int64_t rows,
                     const void* const* inputs) {
  for (int32_t i = 0; i < function.input_count; ++i) {
    const DescentPort& port = function.inputs[i];
    if (port.kind != DESCENT_PORT_DATA) continue;
    const void* values = inputs[port.which];
    if (values == nullptr) {
      trainer.complain() << "input '" << port.name << "' is a null pointer";
      return DESCENT_BAD_CALL;
    }
    if (!check_range(trainer, port, rows, values)) return DESCENT_BAD_VALUE;
  }
  return DESCENT_DONE;
}

bool serves_in_place(const DescentPort& port, const void* values, const Rows& rows) {
  int64_t offset = 0;
  for (int32_t axis = 0; axis < port.rank; ++axis) {
    if (port.shape[axis] != 0) continue;
    if (axis > 0 || rows.order != nullptr) return false;
    offset = rows.first * size_of_type[port.type] * count(port.shape + 1, port.rank - 1, 1);
  }
  return (reinterpret_cast<uintptr_t>(values) + static_cast<uintptr_t>(offset)) % port_alignment == 0;
}

void gather_rows(const DescentPort& port, int64_t largest, const Rows& rows, const void* values, unsigned char* to) {
  const Walk walk{port, largest, rows, true};
  walk.copy(0, walk.last_batch(), static_cast<unsigned char*>(const_cast<void*>(values)), to);
}

void scatter_rows(const DescentPort& port, int64_t largest, const Rows& rows, const unsigned char* from, void* values) {
  const Walk walk{port, largest, rows, false};
  walk.copy(0, walk.last_batch(), static_cast<unsigned char*>(values), const_cast<unsigned char*>(from));
}

double number_at(const void* value, int32_t type) {
  if (type == DESCENT_F64) return *static_cast<const double*>(value);
  return static_cast<double>(*static_cast<const float*>(value));
}

void set_number(void* to, int32_t type, double value) {
  if (type == DESCENT_F64) {
    *static_cast<double*>(to) = value;
  } else {
    *static_cast<float*>(to) = static_cast<float>(value);
  }
}

}  // namespace descent::runtime
