// The library's functions, optimizers and schedules as C++ functions, for descent/builder.h:
//
//   using namespace descent::builder::library;
//   model.let("hidden", relu(linear(x, 64)));
//   model.train("fit").optimizer(adam({"rate", cosine(1e-3, {"warmup", 200})}));
//
// frontend/std/README.md describes each; arguments are given by place or by name as there.
#pragma once

#include "descent/builder.h"

namespace descent::builder::library {

// Activations.
inline constexpr Function relu("relu"), leaky_relu("leaky_relu"), elu("elu"), gelu("gelu"), gelu_tanh("gelu_tanh"),
    silu("silu"), softplus("softplus"), softmax("softmax"), log_softmax("log_softmax");

// Initial values.
inline constexpr Function zeros("zeros"), ones("ones"), constant("constant"), normal("normal"),
    glorot_uniform("glorot_uniform"), glorot_normal("glorot_normal"), he_uniform("he_uniform"), he_normal("he_normal");

// Layers.
inline constexpr Function linear("linear"), flatten("flatten"), transpose("transpose"), embedding("embedding"),
    one_hot("one_hot"), layer_norm("layer_norm"), conv2d("conv2d"), max_pool2d("max_pool2d"),
    mean_pool2d("mean_pool2d");

// Losses and metrics.
inline constexpr Function mean_squared_error("mean_squared_error"), half_squared_error("half_squared_error"),
    mean_absolute_error("mean_absolute_error"), binary_cross_entropy("binary_cross_entropy"),
    binary_cross_entropy_logits("binary_cross_entropy_logits"), categorical_cross_entropy("categorical_cross_entropy"),
    cross_entropy("cross_entropy"), accuracy("accuracy"), binary_accuracy("binary_accuracy"), l1("l1"), l2("l2");

// Optimizers.
inline constexpr Function sgd("sgd"), momentum("momentum"), nesterov("nesterov"), rmsprop("rmsprop"), adam("adam"),
    adamw("adamw");

// Schedules.
inline constexpr Function warm("warm"), step_decay("step_decay"), exponential("exponential"), cosine("cosine");

}  // namespace descent::builder::library
