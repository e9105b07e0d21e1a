#include "tests/support/library_cases.h"

#include <fmt/format.h>

#include "tests/support/fixture.h"

namespace descent::test {
namespace {

constexpr std::int64_t rows = 2;

// Numbers in [-1, 1) that f32 holds, or integers of the range: a linear congruence from the tensor's place in the case.
Tensor drawn(const TensorType& type, std::uint32_t place) {
  Tensor tensor = zeros(type, rows);
  std::uint32_t state = 2654435761u * place;
  for (double& element : tensor.data) {
    state = state * 1664525u + 1013904223u;
    const std::uint32_t bits = state >> 8;
    if (is_float(type.dtype)) {
      element = bits / 8388608.0 - 1;
    } else {
      element = static_cast<double>(type.range->low + bits % (type.range->high - type.range->low));
    }
  }
  return tensor;
}

std::string name_of(const std::string& declaration) { return declaration.substr(0, declaration.find(' ')); }

std::string head_of(const LibraryCase& one) {
  std::string text = "model m() {\n";
  for (const std::string& input : one.inputs) text += "  input " + input + "\n";
  for (const std::string& line : one.above) text += "  " + line + "\n";
  return text + "  output value = " + one.expression + "\n";
}

}  // namespace

LibraryModel library_model(const LibraryCase& one) {
  const Model head = compile_or_fail(one.name, head_of(one) + "}\n").model;
  const Graph& forward = *head.entry("predict");
  const TensorType type = forward.type(forward.outputs[0].value);
  LibraryModel result;
  std::string text = head_of(one) + fmt::format("  input cotangent : {}\n", to_string(type));
  text += type.shape.empty() ? "  output weighted = value * cotangent\n"
                             : "  output weighted = sum[...](value * cotangent)\n";
  const auto add = [&](const std::string& path, const std::string& name) {
    text += fmt::format("  output gradient{} = grad(weighted, {})\n", result.gradients.size(), path);
    result.gradients.push_back("d_" + name);
  };
  std::uint32_t place = 0;
  for (const std::string& input : one.inputs) {
    for (const Node& node : forward.nodes) {
      const Input* found = std::get_if<Input>(&node.op);
      if (!found || found->name != name_of(input)) continue;
      const TensorType& own = forward.type(node.results[0]);
      result.inputs[found->name] = drawn(own, ++place);
      if (is_float(own.dtype)) add(found->name, found->name);
    }
  }
  for (const StateDeclaration& state : head.states) {
    result.parameters[state.name] = drawn(state.type, ++place);
    add(state.name, state.name.substr(state.name.find('.') + 1));
  }
  result.inputs["cotangent"] = drawn(type, ++place);
  if (head.states.empty()) {
    text += "}\n";
  } else {
    text += "  loss total = weighted\n}\ntrain it = m() {\n  optimizer = adam()\n}\n";
  }
  result.model = compile_or_fail(one.name, text).model;
  result.text = std::move(text);
  return result;
}

const std::vector<LibraryCase>& library_cases() {
  static const std::vector<LibraryCase> cases = {
      {"conv1d", {"x : f32[batch, 3, 7]"}, "conv1d(x, 4, stride = 2)"},
      {"conv1d_grouped", {"x : f32[batch, 4, 8]"}, "conv1d(x, 6, dilation = 2, groups = 2)"},
      {"conv2d", {"x : f32[batch, 3, 5, 6]"}, "conv2d(x, 4)"},
      {"conv2d_strided", {"x : f32[batch, 2, 7, 6]"}, "conv2d(x, 3, window = 4, stride = 3, pad = 2)"},
      {"conv2d_dilated", {"x : f32[batch, 2, 7, 6]"}, "conv2d(x, 3, stride = 2, pad = 2, dilation = 2)"},
      {"conv2d_grouped", {"x : f32[batch, 4, 4, 5]"}, "conv2d(x, 6, groups = 2, stride = 2)"},
      {"conv2d_depthwise", {"x : f32[batch, 3, 5, 5]"}, "conv2d(x, 3, groups = 3)"},
      {"conv3d", {"x : f32[batch, 2, 3, 4, 4]"}, "conv3d(x, 2, window = 2, stride = 2)"},
      {"conv_transpose1d", {"x : f32[batch, 3, 5]"}, "conv_transpose1d(x, 2, window = 3, pad = 1, extra = 1)"},
      {"conv_transpose2d", {"x : f32[batch, 3, 3, 4]"}, "conv_transpose2d(x, 2)"},
      {"conv_transpose2d_odd",
       {"x : f32[batch, 4, 3, 3]"},
       "conv_transpose2d(x, 2, window = 4, stride = 3, pad = 1, extra = 1, dilation = 2, groups = 2)"},
      {"max_pool1d", {"x : f32[batch, 3, 7]"}, "max_pool1d(x, 3, stride = 2, pad = 1)"},
      {"max_pool2d", {"x : f32[batch, 2, 5, 6]"}, "max_pool2d(x)"},
      {"max_pool2d_overlapping", {"x : f32[batch, 2, 6, 5]"}, "max_pool2d(x, 3, stride = 2, pad = 1)"},
      {"max_pool3d", {"x : f32[batch, 3, 4, 4]"}, "max_pool3d(x, 2, stride = 1)"},
      {"mean_pool1d", {"x : f32[batch, 2, 7]"}, "mean_pool1d(x, 3, stride = 2, pad = 1)"},
      {"mean_pool2d", {"x : f32[batch, 2, 6, 5]"}, "mean_pool2d(x, 3, stride = 2, pad = 1)"},
      {"mean_pool3d", {"x : f32[batch, 2, 4, 4, 5]"}, "mean_pool3d(x)"},
      {"global_max_pool1d", {"x : f32[batch, 3, 5]"}, "global_max_pool1d(x)"},
      {"global_max_pool2d", {"x : f32[batch, 3, 4, 5]"}, "global_max_pool2d(x)"},
      {"global_mean_pool1d", {"x : f32[batch, 3, 5]"}, "global_mean_pool1d(x)"},
      {"global_mean_pool2d", {"x : f32[batch, 3, 4, 5]"}, "global_mean_pool2d(x)"},
      {"upsample_nearest2d", {"x : f32[batch, 2, 3, 4]"}, "upsample_nearest2d(x)"},
      {"upsample_bilinear2d", {"x : f32[batch, 2, 3, 2]"}, "upsample_bilinear2d(x, 3)"},
      {"upsample_bilinear2d_twice", {"x : f32[batch, 1, 4, 3]"}, "upsample_bilinear2d(x)"},
      {"pad1d", {"x : f32[batch, 2, 4]"}, "pad1d(x, 2, 1)"},
      {"pad2d", {"x : f32[batch, 2, 3, 4]"}, "pad2d(x, 2)"},
      {"reflect_pad2d", {"x : f32[batch, 2, 3, 4]"}, "reflect_pad2d(x, 2)"},
      {"crop2d", {"x : f32[batch, 2, 5, 6]"}, "crop2d(x, 2)"},
      {"merge", {"x : f32[batch, 2, 3, 4]"}, "merge(x)"},
      {"concatenate", {"x : f32[batch, 2, 3]", "y : f32[batch, 2, 4]"}, "concatenate(x, y)"},
      {"join_channels", {"x : f32[batch, 2, 3, 4]", "y : f32[batch, 3, 3, 4]"}, "join_channels(x, y)"},
      {"layer_norm", {"x : f32[batch, 3, 6]"}, "layer_norm(x)"},
      {"rms_norm", {"x : f32[batch, 3, 6]"}, "rms_norm(x)"},
      {"group_norm", {"x : f32[batch, 4, 3, 4]"}, "group_norm(x, 2)"},
      {"residual_block", {"x : f32[batch, 4, 4, 5]"}, "residual_block(x, groups = 2)"},
      {"residual_block_strided", {"x : f32[batch, 2, 4, 5]"}, "residual_block(x, 4, stride = 2, groups = 2)"},
      {"attention",
       {"q : f32[batch, 2, 3, 4]", "k : f32[batch, 2, 5, 4]", "v : f32[batch, 2, 5, 4]"},
       "attend(attention_scores(q, k), v)"},
      {"causal_attention",
       {"q : f32[batch, 2, 4, 3]", "k : f32[batch, 2, 4, 3]", "v : f32[batch, 2, 4, 3]"},
       "attend(causal_mask(attention_scores(q, k)), v)"},
      {"correlate1d", {"x : f32[batch, 2, 5]", "w : f32[3, 2, 2]"}, "correlate1d(x, w, 2, 1, 1)"},
      {"correlate3d", {"x : f32[batch, 1, 2, 3, 4]", "w : f32[2, 1, 2, 2, 2]"}, "correlate3d(x, w, 1, 0, 1)"},
      {"correlate_groups1d", {"x : f32[batch, 2, 5]", "w : f32[4, 1, 2]"}, "correlate_groups1d(x, w, 2, 1, 1, 2)"},
      {"correlate_groups2d",
       {"x : f32[batch, 2, 4, 5]", "w : f32[4, 1, 2, 2]"},
       "correlate_groups2d(x, w, 1, 0, 2, 2)"},
      {"correlate_groups3d",
       {"x : f32[batch, 2, 2, 3, 4]", "w : f32[2, 1, 2, 2, 2]"},
       "correlate_groups3d(x, w, 1, 0, 1, 2)"},
      {"correlate2d", {"x : f32[batch, 2, 4, 5]", "w : f32[4, 2, 2, 2]"}, "correlate2d(x, w, 1, 0, 2)"},
      {"heads", {"x : f32[batch, 3, 4]"}, "join_heads(split_heads(x, 2, 3), 5)"},
      {"feed_forward", {"x : f32[batch, 3, 4]"}, "feed_forward(x, 5)"},
      {"self_attention", {"x : f32[batch, 3, 4]"}, "self_attention(x, 2)"},
      {"masked_self_attention",
       {"x : f32[batch, 4, 4]", "length : i32[batch] in 1 ..< 5"},
       "masked_self_attention(x, length, 2, causal = true)"},
      {"cross_attention", {"x : f32[batch, 3, 4]", "memory : f32[batch, 5, 6]"}, "cross_attention(x, memory, 2)"},
      {"masked_cross_attention",
       {"x : f32[batch, 3, 4]", "memory : f32[batch, 5, 6]", "length : i32[batch] in 1 ..< 6"},
       "masked_cross_attention(x, memory, length, 2)"},
      {"padding_mask",
       {"q : f32[batch, 2, 3, 4]", "k : f32[batch, 2, 5, 4]", "v : f32[batch, 2, 5, 4]",
        "length : i32[batch] in 1 ..< 6"},
       "attend(padding_mask(attention_scores(q, k), length), v)"},
      {"encoder_block", {"x : f32[batch, 3, 4]"}, "encoder_block(x, 2, hidden = 5, causal = true)"},
      {"masked_encoder_block",
       {"x : f32[batch, 4, 4]", "length : i32[batch] in 1 ..< 5"},
       "masked_encoder_block(x, length, 2, hidden = 5)"},
      {"decoder_block",
       {"x : f32[batch, 3, 4]", "memory : f32[batch, 4, 6]"},
       "decoder_block(x, memory, 2, hidden = 5)"},
      {"masked_decoder_block",
       {"x : f32[batch, 3, 4]", "memory : f32[batch, 4, 4]", "length : i32[batch] in 1 ..< 5"},
       "masked_decoder_block(x, memory, length, 2, hidden = 5)"},
      {"learned_positions", {"x : f32[batch, 3, 4]"}, "learned_positions(x)"},
      {"sinusoidal_positions", {"x : f32[batch, 5, 6]"}, "sinusoidal_positions(x)"},
      {"rotary_positions", {"x : f32[batch, 5, 6]"}, "rotary_positions(x)"},
      {"rnn", {"x : f32[batch, 5, 4]"}, "said", {"y, h = rnn(x, 3)", "said[b, t, j] = y[b, t, j] * h[b, j]"}},
      {"gru", {"x : f32[batch, 5, 4]"}, "said", {"y, h = gru(x, 3)", "said[b, t, j] = y[b, t, j] * h[b, j]"}},
      {"lstm",
       {"x : f32[batch, 5, 4]"},
       "said",
       {"y, h, c = lstm(x, 3)", "said[b, t, j] = y[b, t, j] * h[b, j] + c[b, j]"}},
      {"lstm_from",
       {"x : f32[batch, 3, 4]", "h : f32[batch, 2]", "c : f32[batch, 2]"},
       "y",
       {"y, shown, cell = lstm_from(x, h, c)"}},
      {"bidirectional_lstm", {"x : f32[batch, 4, 3]"}, "bidirectional_lstm(x, 2)"},
      {"bidirectional_rnn", {"x : f32[batch, 4, 3]"}, "bidirectional_rnn(x, 2)"},
      {"bidirectional_gru", {"x : f32[batch, 4, 3]"}, "bidirectional_gru(x, 2)"},
      {"masked_bidirectional_lstm",
       {"x : f32[batch, 5, 3]", "length : i32[batch] in 1 ..< 6"},
       "masked_bidirectional_lstm(x, length, 2)"},
      {"reversed", {"x : f32[batch, 4, 3]"}, "reversed(x)"},
      {"masked_reversed", {"x : f32[batch, 5, 3]", "length : i32[batch] in 1 ..< 6"}, "masked_reversed(x, length)"},
      {"open_memory",
       {"x : f32[batch, 4, 3]"},
       "y",
       {"memory = open_memory(3)", "y[b, q, j] = x[b, q, j] * memory[q, j]"}},
      {"log_sum", {"x : f32[batch, 4]", "y : f32[batch, 4]", "z : f32[batch, 4]"}, "log_sum(x, 9 * y, 99 * z)"},
      {"last_place", {"x : f32[batch, 5, 3]", "length : i32[batch] in 1 ..< 6"}, "last_place(x, length)"},
      {"luong_attention",
       {"y : f32[batch, 3, 4]", "memory : f32[batch, 5, 4]", "length : i32[batch] in 1 ..< 6"},
       "luong_attention(y, memory, length)"},
      {"ctc",
       {"x : f32[batch, 9, 4]", "letter : i32[batch, 3] in 1 ..< 4", "places : i32[batch] in 6 ..< 10",
        "length : i32[batch] in 1 ..< 4"},
       "ctc(3 * x, letter, places, length)"},
      {"ctc_impossible",
       {"x : f32[batch, 3, 4]", "letter : i32[batch, 3] in 1 ..< 2", "places : i32[batch] in 0 ..< 4",
        "length : i32[batch] in 3 ..< 4"},
       "1 / ctc(x, letter, places, length)"},
      {"average_precision",
       {"x : f32[batch, 9]", "right : i32[batch, 9] in 0 ..< 2", "more : i32[batch, 9] in 0 ..< 2"},
       "average_precision(stop_gradient(x), f32(right), max(f32(right), f32(more)))"},
      {"edit_distance",
       {"guess : i32[batch, 7] in 0 ..< 3", "goal : i32[batch, 5] in 1 ..< 3", "length : i32[batch] in 2 ..< 6"},
       "edit_distance(guess, goal, length)"},
      {"ctc_letters",
       {"x : f32[batch, 9, 3]", "places : i32[batch] in 5 ..< 9"},
       "f32(ctc_letters(stop_gradient(x), places))"},
      {"bleu",
       {"guess : i32[batch, 8] in 0 ..< 3", "said : i32[batch] in 4 ..< 9", "goal : i32[batch, 9] in 0 ..< 3",
        "length : i32[batch] in 4 ..< 10"},
       "bleu_matches(guess, said, goal, length, 2) / bleu_runs(said, 2)"},
      {"smoothed_cross_entropy",
       {"x : f32[batch, 4, 5]", "label : i32[batch, 4] in 0 ..< 5"},
       "smoothed_cross_entropy(x, label)"},
      {"weighted_cross_entropy",
       {"x : f32[batch, 4, 5]", "label : i32[batch, 4] in 0 ..< 5", "weight : f32[5]"},
       "weighted_cross_entropy(x, label, exp(weight))"},
      {"masked_cross_entropy",
       {"x : f32[batch, 4, 5]", "label : i32[batch, 4] in 0 ..< 5"},
       "masked_cross_entropy(x, label, ignore = 3)"},
      {"huber", {"x : f32[batch, 6]", "y : f32[batch, 6]"}, "huber(x, y, delta = 0.5)"},
      {"hinge", {"x : f32[batch, 6]", "y : f32[batch, 6]"}, "hinge(2 * x, y)"},
      {"kl_divergence", {"x : f32[batch, 5]", "y : f32[batch, 5]"}, "kl_divergence(log_softmax(x), softmax(y))"},
      {"cosine_similarity", {"x : f32[batch, 3, 5]", "y : f32[batch, 3, 5]"}, "cosine_similarity(x, y)"},
      {"cosine_distance", {"x : f32[batch, 5]", "y : f32[batch, 5]"}, "cosine_distance(x, y)"},
      {"dice_loss", {"x : f32[batch, 3, 4]", "y : f32[batch, 3, 4]"}, "dice_loss(sigmoid(x), sigmoid(y))"},
  };
  return cases;
}

}  // namespace descent::test
