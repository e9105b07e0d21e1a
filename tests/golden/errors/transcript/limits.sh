# What is refused because it would take all the memory or all the day.
# 40 * 110 different multiplications in one expression.
awk 'BEGIN {
  print "model m() {\n  input x : f32[batch]"
  printf "  output y = x"
  for (i = 0; i < 40; ++i) { printf " + (x"; for (j = 0; j < 110; ++j) printf " * %d.5", i * 110 + j; printf ")" }
  print "\n}" }' > body.descent
descent inspect body.descent --stage loop
awk 'BEGIN {
  print "descent graph 1\nmodel m\nentry predict {\n  %x = input x : f32[batch]"
  for (i = 0; i < 20001; ++i) printf "  %%n%d = sweep [b < batch] { %%x[b] + %d.0 } : f32[batch]\n", i, i
  print "  output y = %n0\n}" }' > nodes.graph
descent inspect nodes.graph --stage loop
cat > memory.descent <<'END'
model m() {
  input x : f32[batch, 100000]
  param w : f32[100000, 100000] ~ ones
  y[b, j] = sum[i](x[b, i] * w[i, j])
  output z = tanh(y)
}
END
descent inspect memory.descent --stage loop
head -c 17000000 /dev/zero | tr '\0' '#' > large.descent
descent check large.descent
# 75 expressions of 120 different exponential functions each.
awk 'BEGIN {
  print "descent graph 1\nmodel m\nentry predict {\n  %x = input x : f32[batch]"
  for (i = 0; i < 75; ++i) {
    printf "  %%y%d = sweep [b < batch] { 0.0", i
    for (j = 0; j < 120; ++j) printf " + exp(%%x[b] * %d.5)", i * 120 + j
    printf " } : f32[batch]\n  output y%d = %%y%d\n", i, i
  }
  print "}" }' > program.graph
descent inspect program.graph --stage loop
