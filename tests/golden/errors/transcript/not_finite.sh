# Data that are finite and losses that are not: the row that makes them so is named.
cat > m.descent <<'EOF'
model m() {
  input x : f32[batch, 2]
  input y : f32[batch, 1]
  param table : f32[2] ~ constant(0.5)
  output guess = linear(x, 1)
  loss error = mean_squared_error(guess, y)
  loss odd   = -1e-3 * mean[b](log(x[b, 0]))
  loss steep = mean[b](sqrt((table[1] - x[b, 1])^2))
}
train it = m() {
  batch = 2, epochs = 2, shuffle = false
  optimizer = sgd(rate = 0.01)
  data { x = csv("rows.csv", columns = "a, b"), y = csv("rows.csv", columns = "y") }
  test { x = csv("more.csv", columns = "a, b"), y = csv("more.csv", columns = "y") }
}
EOF
printf 'a,b,y\n1,1,1\n2,1,0\n3,1,1\n0,1,0\n' > rows.csv
printf 'a,b,y\n1,1,1\n2,1,0\n' > more.csv
# A log of 0 in the last row.
descent train m.descent
# A gradient that is not finite breaks a weight; the loss tells one step later.
printf 'a,b,y\n1,1,1\n2,0.5,0\n3,1,1\n1,1,0\n' > rows.csv
descent train m.descent
# Many rows at once, the rate having no part in it.
printf 'a,b,y\n0,1,1\n0,1,0\n' > rows.csv
descent train m.descent
# Only what is judged by.
printf 'a,b,y\n1,1,1\n2,1,0\n' > rows.csv
printf 'a,b,y\n1,1,1\n0,1,0\n' > more.csv
descent train m.descent
# All rows, by too large a rate.
printf 'a,b,y\n900,1,1\n900,1,0\n' > rows.csv
descent train m.descent --epochs 40
