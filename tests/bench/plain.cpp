// xor, seed and logreg by hand: fixed shapes, everything inlined, no library. What a compiler should come near.
//
//   plain_peer xor|seed|logreg [--data DIR]
//
// Values lie feature by feature, [feature][row], so that every inner loop runs over the rows of a batch.
#include <array>
#include <cmath>
#include <cstring>

#include "runtime/data/safetensors.h"
#include "tests/bench/protocol.h"

namespace {

using descent::data::Tensors;

template <int Size>
struct Parameter {
  std::array<float, Size> value{}, gradient{}, mean{}, square{};

  void read(const Tensors& tensors, const std::string& name) {
    const auto values = tensors.arrays.at(name).as<float>();
    std::copy(values.begin(), values.end(), value.begin());
  }
};

struct Descend {
  float rate;
  template <int Size>
  void update(Parameter<Size>& p) const {
    for (int i = 0; i < Size; ++i) p.value[i] -= rate * p.gradient[i];
  }
};

struct Adam {
  float rate, unbias;
  Adam(double rate, std::int64_t step)
      : rate(static_cast<float>(rate / (1 - std::pow(0.9, step)))),
        unbias(static_cast<float>(1 / std::sqrt(1 - std::pow(0.999, step)))) {}
  template <int Size>
  void update(Parameter<Size>& p) const {
    for (int i = 0; i < Size; ++i) {
      p.mean[i] = 0.9f * p.mean[i] + 0.1f * p.gradient[i];
      p.square[i] = 0.999f * p.square[i] + 0.001f * p.gradient[i] * p.gradient[i];
      p.value[i] -= rate * p.mean[i] / (std::sqrt(p.square[i]) * unbias + 1e-8f);
    }
  }
};

// z = w x + b
template <int Rows, int In, int Out>
struct Dense {
  Parameter<In * Out> w;
  Parameter<Out> b;

  void read(const Tensors& tensors, int number) {
    const std::string layer = "fc" + std::to_string(number);
    w.read(tensors, layer + ".w");
    b.read(tensors, layer + ".b");
  }
  void forward(const float* x, float* z) const {
    for (int o = 0; o < Out; ++o) {
      float sum[Rows];
      for (int r = 0; r < Rows; ++r) sum[r] = b.value[o];
      for (int i = 0; i < In; ++i) {
        for (int r = 0; r < Rows; ++r) sum[r] += w.value[i * Out + o] * x[i * Rows + r];
      }
      for (int r = 0; r < Rows; ++r) z[o * Rows + r] = sum[r];
    }
  }
  void parameter_gradients(const float* x, const float* dz) {
    for (int o = 0; o < Out; ++o) {
      float sum = 0;
      for (int r = 0; r < Rows; ++r) sum += dz[o * Rows + r];
      b.gradient[o] = sum;
    }
    for (int i = 0; i < In; ++i) {
      for (int o = 0; o < Out; ++o) {
        float sum = 0;
        for (int r = 0; r < Rows; ++r) sum += x[i * Rows + r] * dz[o * Rows + r];
        w.gradient[i * Out + o] = sum;
      }
    }
  }
  void input_gradient(const float* dz, float* dx) const {
    for (int i = 0; i < In; ++i) {
      float sum[Rows] = {};
      for (int o = 0; o < Out; ++o) {
        for (int r = 0; r < Rows; ++r) sum[r] += w.value[i * Out + o] * dz[o * Rows + r];
      }
      for (int r = 0; r < Rows; ++r) dx[i * Rows + r] = sum[r];
    }
  }
};

struct Sigmoid {
  static float value(float z) { return 1 / (1 + std::exp(-z)); }
  static float back(float y, float dy) { return dy * (y * (1 - y)); }  // from the value
};
struct Relu {
  static float value(float z) { return std::fmax(z, 0.0f); }
  static float back(float y, float dy) { return y > 0 ? dy : 0.0f; }
};

// Loss(z, y, dz) gives the batch's loss and its gradient by the last layer's result.
struct SquaredOfSigmoid {
  template <int Rows>
  static float loss(const float* z, const float* y, float* dz) {
    float sum = 0;
    for (int r = 0; r < Rows; ++r) {
      const float p = Sigmoid::value(z[r]), d = p - y[r];
      sum += d * d;
      dz[r] = Sigmoid::back(p, 2.0f / Rows * d);
    }
    return sum / Rows;
  }
};
struct Logit {
  template <int Rows>
  static float loss(const float* z, const float* y, float* dz) {
    float sum = 0;
    for (int r = 0; r < Rows; ++r) {
      const float e = std::exp(-std::fabs(z[r])), p = (z[r] >= 0 ? 1.0f : e) / (1 + e);
      sum += std::fmax(z[r], 0.0f) - z[r] * y[r] + std::log(1 + e);
      dz[r] = (p - y[r]) / Rows;
    }
    return sum / Rows;
  }
};

// Dense layers with activations between them.
template <int Rows, class Activation, class Loss, int In, int Out, int... Rest>
struct Network {
  Dense<Rows, In, Out> layer;
  Network<Rows, Activation, Loss, Out, Rest...> rest;

  void read(const Tensors& tensors, int number) {
    layer.read(tensors, number);
    rest.read(tensors, number + 1);
  }
  float learn(const float* x, const float* y, float* dx) {
    float h[Out * Rows], dh[Out * Rows];
    layer.forward(x, h);
    for (float& value : h) value = Activation::value(value);
    const float loss = rest.learn(h, y, dh);
    for (int i = 0; i < Out * Rows; ++i) dh[i] = Activation::back(h[i], dh[i]);
    layer.parameter_gradients(x, dh);
    if (dx) layer.input_gradient(dh, dx);
    return loss;
  }
  void update(const auto& optimizer) {
    optimizer.update(layer.w);
    optimizer.update(layer.b);
    rest.update(optimizer);
  }
};
template <int Rows, class Activation, class Loss, int In, int Out>
struct Network<Rows, Activation, Loss, In, Out> {
  Dense<Rows, In, Out> layer;

  void read(const Tensors& tensors, int number) { layer.read(tensors, number); }
  float learn(const float* x, const float* y, float* dx) {
    static_assert(Out == 1);
    float z[Rows], dz[Rows];
    layer.forward(x, z);
    const float loss = Loss::template loss<Rows>(z, y, dz);
    layer.parameter_gradients(x, dz);
    if (dx) layer.input_gradient(dz, dx);
    return loss;
  }
  void update(const auto& optimizer) {
    optimizer.update(layer.w);
    optimizer.update(layer.b);
  }
};

// Without this the compiler drops the losses that nobody reads.
void keep(float value) { asm volatile("" : : "x"(value)); }

template <int Rows, int In, class Net, class MakeOptimizer>
void train(const std::string& workload, const Tensors& tensors, const MakeOptimizer& make_optimizer) {
  Net kept;
  kept.read(tensors, 1);
  const auto rows = tensors.arrays.at("x").as<float>(), labels = tensors.arrays.at("y").as<float>();
  const std::int64_t batches = tensors.arrays.at("x").shape[0];
  std::vector<float> features(rows.size());
  for (std::int64_t n = 0; n < batches; ++n) {
    for (int r = 0; r < Rows; ++r) {
      for (int i = 0; i < In; ++i) features[(n * In + i) * Rows + r] = rows[(n * Rows + r) * In + i];
    }
  }
  std::int64_t step = 0;
  descent::bench::serve(workload, descent::bench::now(), [&](std::int64_t n) {
    Net network = kept;  // of this loop alone, so that it may live in registers
    float loss = 0;
    for (const std::int64_t end = step + n; step < end; ++step) {
      const std::int64_t batch = step % batches;
      loss = network.learn(&features[batch * In * Rows], &labels[batch * Rows], nullptr);
      network.update(make_optimizer(step + 1));
      keep(loss);
    }
    kept = network;
    return loss;
  });
}

}  // namespace

int main(int count, char** words) {
  std::string workload, folder = "data";
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--data") == 0 && i + 1 < count) {
      folder = words[++i];
    } else {
      workload = words[i];
    }
  }
  const auto tensors = descent::data::read_safetensors(folder + "/" + workload + ".safetensors");
  if (!tensors) {
    std::fprintf(stderr, "%s\n", descent::data::to_string(tensors.error()).c_str());
    return 1;
  }
  if (workload == "xor") {
    train<4, 2, Network<4, Sigmoid, SquaredOfSigmoid, 2, 3, 1>>(workload, *tensors,
                                                                [](std::int64_t) { return Descend{0.1f}; });
  } else if (workload == "seed") {
    train<32, 10, Network<32, Relu, Logit, 10, 10, 1>>(workload, *tensors,
                                                       [](std::int64_t step) { return Adam(0.01, step); });
  } else if (workload == "logreg") {
    train<100, 2, Network<100, Relu, Logit, 2, 1>>(workload, *tensors, [](std::int64_t) { return Descend{0.01f}; });
  } else {
    std::fprintf(stderr, "expected xor, seed or logreg, found '%s'\n", workload.c_str());
    return 1;
  }
}
