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
    glorot_uniform("glorot_uniform"), glorot_normal("glorot_normal"), he_uniform("he_uniform"), he_normal("he_normal"),
    orthogonal("orthogonal");

// Layers.
inline constexpr Function linear("linear"), flatten("flatten"), merge("merge"), concatenate("concatenate"),
    join_channels("join_channels"), transpose("transpose"), embedding("embedding"), one_hot("one_hot"),
    dropout("dropout"), batch_norm("batch_norm"), batch_norm2d("batch_norm2d"), cumulative_sum("cumulative_sum");

// Recurrent layers.
inline constexpr Function rnn("rnn"), gru("gru"), lstm("lstm"), lstm_from("lstm_from"), open_memory("open_memory"),
    bidirectional_rnn("bidirectional_rnn"), bidirectional_gru("bidirectional_gru"),
    bidirectional_lstm("bidirectional_lstm"), masked_bidirectional_lstm("masked_bidirectional_lstm"),
    reversed("reversed"), masked_reversed("masked_reversed"), last_place("last_place"),
    luong_attention("luong_attention");

// Convolutions.
inline constexpr Function places("places"), reach("reach"), conv1d("conv1d"), conv2d("conv2d"), conv3d("conv3d"),
    conv_transpose1d("conv_transpose1d"), conv_transpose2d("conv_transpose2d"), correlate1d("correlate1d"),
    correlate_groups1d("correlate_groups1d"), correlate2d("correlate2d"), correlate_groups2d("correlate_groups2d"),
    correlate3d("correlate3d"), correlate_groups3d("correlate_groups3d");

// Pooling, up-sampling, padding.
inline constexpr Function max_pool1d("max_pool1d"), max_pool2d("max_pool2d"), max_pool3d("max_pool3d"),
    mean_pool1d("mean_pool1d"), mean_pool2d("mean_pool2d"), mean_pool3d("mean_pool3d"),
    global_max_pool1d("global_max_pool1d"), global_max_pool2d("global_max_pool2d"),
    global_mean_pool1d("global_mean_pool1d"), global_mean_pool2d("global_mean_pool2d"),
    upsample_nearest2d("upsample_nearest2d"), upsample_bilinear2d("upsample_bilinear2d"), pad1d("pad1d"),
    pad2d("pad2d"), reflect_pad2d("reflect_pad2d"), crop2d("crop2d");

// Norms.
inline constexpr Function layer_norm("layer_norm"), rms_norm("rms_norm"), group_norm("group_norm"),
    residual_block("residual_block");

// Attention.
inline constexpr Function attention_scores("attention_scores"), causal_mask("causal_mask"),
    padding_mask("padding_mask"), attend("attend"), split_heads("split_heads"), join_heads("join_heads"),
    self_attention("self_attention"), masked_self_attention("masked_self_attention"),
    cross_attention("cross_attention"), masked_cross_attention("masked_cross_attention"), feed_forward("feed_forward"),
    encoder_block("encoder_block"), masked_encoder_block("masked_encoder_block"), decoder_block("decoder_block"),
    masked_decoder_block("masked_decoder_block"), learned_positions("learned_positions"),
    sinusoidal_positions("sinusoidal_positions"), rotary_positions("rotary_positions");

// Losses.
inline constexpr Function mean_squared_error("mean_squared_error"), half_squared_error("half_squared_error"),
    mean_absolute_error("mean_absolute_error"), binary_cross_entropy("binary_cross_entropy"),
    binary_cross_entropy_logits("binary_cross_entropy_logits"), categorical_cross_entropy("categorical_cross_entropy"),
    cross_entropy("cross_entropy"), smoothed_cross_entropy("smoothed_cross_entropy"),
    weighted_cross_entropy("weighted_cross_entropy"), masked_cross_entropy("masked_cross_entropy"), huber("huber"),
    hinge("hinge"), kl_divergence("kl_divergence"), cosine_similarity("cosine_similarity"),
    cosine_distance("cosine_distance"), dice_loss("dice_loss"), ctc("ctc"), log_sum("log_sum"), l1("l1"), l2("l2");

// Metrics.
inline constexpr Function accuracy("accuracy"), binary_accuracy("binary_accuracy"), top_accuracy("top_accuracy"),
    true_positives("true_positives"), false_positives("false_positives"), false_negatives("false_negatives"),
    precision("precision"), recall("recall"), f1("f1"), iou("iou"), average_precision("average_precision"),
    perplexity("perplexity"), ctc_letters("ctc_letters"), edit_distance("edit_distance"), bleu_matches("bleu_matches"),
    bleu_runs("bleu_runs"), bleu("bleu");

// Optimizers.
inline constexpr Function sgd("sgd"), momentum("momentum"), decayed_momentum("decayed_momentum"), nesterov("nesterov"),
    rmsprop("rmsprop"), adam("adam"), adamw("adamw"), adagrad("adagrad"), adadelta("adadelta"), adamax("adamax"),
    nadam("nadam"), radam("radam"), lion("lion"), lamb("lamb");

// Clips.
inline constexpr Function global_norm("global_norm"), by_norm("by_norm"), by_value("by_value");

// Averages of weights.
inline constexpr Function ema("ema"), mean_from("mean_from");

// Schedules.
inline constexpr Function warm("warm"), step_decay("step_decay"), exponential("exponential"), cosine("cosine"),
    one_cycle("one_cycle"), polynomial("polynomial"), piecewise("piecewise"), plateau("plateau"), cyclic("cyclic");

}  // namespace descent::builder::library
