// Reads what stands inside a sweep: affine forms, indices, scalar expressions.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/text_lexer.h"

namespace descent {

class BodyParser {
 public:
  struct Tensor {
    ValueId id = -1;
    DType dtype = DType::f32;
  };
  // Consumes a %value; fails at the stream when there is none of that name.
  using Find = std::function<Tensor()>;

  BodyParser(TokenStream& stream, Find find) : stream_(stream), find_(std::move(find)) {}

  // The axes that affine forms may name.
  void define(const std::string& axis, AxisId id) { axes_[axis] = id; }

  Affine parse_form();
  std::vector<Index> parse_indices();  // up to a closing bracket or 'else', which stay
  Body parse_body(std::vector<Index>& landing);

 private:
  Index parse_index();
  void parse_term(Index& index, std::int64_t sign);
  AxisId parse_axis();

  ScalarId parse_expression();
  ScalarId parse_sum();
  ScalarId parse_product();
  ScalarId parse_chain(int precedence, ScalarId (BodyParser::*operand)());
  ScalarId parse_primary();
  ScalarId parse_negation();
  ScalarId parse_call();
  ScalarId parse_name();
  ScalarId parse_read();

  ScalarId apply(const Token& at, Op op, std::string_view sign, std::vector<ScalarId> operands);
  ScalarId nothing() { return builder_.literal(0, DType::f32); }

  TokenStream& stream_;
  Find find_;
  std::map<std::string, AxisId> axes_;
  std::map<std::string, ScalarId> locals_;
  BodyBuilder builder_;
  int applied_ = 0;
};

}  // namespace descent
