# What `train --watch` warns of, at the model's lines: each once.
printf 'a,b,xor\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n' > xor.csv
model() {
  cat > m.descent <<END
$1
model m() {
  input x : f32[batch, 2]
  input y : f32[batch, 1]
$2
  output guess = linear(h, 1)
  loss error = mean_squared_error(guess, y)
}
train it = m() {
  batch = 4, epochs = 4, seed = 1
  optimizer = sgd(rate = $3)
  data { x = csv("xor.csv", columns = "a, b"), y = csv("xor.csv", columns = "xor") }
}
END
}
# Sigmoids shrink what comes back; of twenty layers the first learn nothing.
model '' '  repeat 20 as layer carry h = x {
    next h = sigmoid(linear(h, 2))
  }' 0.1
descent train m.descent --watch
descent train m.descent
# Layers that add to what came in let it grow, and the steps are too long.
model '' '  repeat 12 as layer carry h = x {
    next h = h + relu(linear(h, 2))
  }' 10
descent train m.descent --watch
# A relu of the user's own that leaves nothing.
model 'fn mine(v : f32[...]) -> f32[...] {
  return max(v - 9, 0)
}' '  h = mine(linear(x, 8))' 0.1
descent train m.descent --watch --epochs 2
# Steps so long that the second gradient is none.
model '' '  h = linear(x, 2)' 1e30
descent train m.descent --watch
