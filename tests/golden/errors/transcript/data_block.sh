# What a train block can have wrong about its data.
printf 'a,b\n1,2\n3,4\n' > two.csv
printf 'a\n1\n2\n3\n' > three.csv
printf 'a\n1e38\n1e38\n1e38\n' > large.csv
train_on() {
  printf '%s\n' 'model m() {' '  input x : f32[batch, 1]' '  input y : f32[batch, 1]' '  input z : f32[batch]' \
    '  output o = z' '  loss l = mean_squared_error(linear(x, 1), y)' '}' \
    'train t = m() {' '  batch = 2, epochs = 1' '  optimizer = sgd(rate = 0.1)' "  $1" '}' > m.descent
  descent train m.descent
}
x='x = csv("three.csv")'
train_on "data { $x }"
train_on "data { $x, y = csv(\"two.csv\", columns = \"a\") }"
train_on "data { $x, y = csv(\"three.csv\"), z = csv(\"three.csv\") }"
train_on "data { x, y = csv(\"two.csv\") }"
train_on "data, test = csv(\"two.csv\")"
train_on "data, test = split(join($x, csv(\"three.csv\")), 0.5)"
train_on "data { $x, x = csv(\"three.csv\"), y = csv(\"three.csv\") }"
train_on "data { $x, y = lines(\"three.csv\") }"
train_on "data { $x, y = windows(csv(\"three.csv\"), length = 9) }"
train_on "data { $x, y = split(csv(\"three.csv\"), 0.5) }"
train_on "data { $x, y = words(csv(\"three.csv\"), length = 2) }"
train_on "data { $x, y = words(lines(\"three.csv\"), vocabulary = \"two.csv\", length = 2, shifted = z) }"
train_on "data { $x, y = csv(\"large.csv\") }"
cat > m.descent <<'END'
model m() {
  input x : f32[3, batch]
  param w : f32[] ~ ones
  loss l = mean[...](x) * w
}
train t = m() {
  batch = 2, epochs = 1
  optimizer = sgd(rate = 0.1)
  data { x = csv("three.csv") }
}
END
descent train m.descent
cat > m.descent <<'END'
model m() {
  input x : f32[batch]
  param w : f32[] ~ ones
  loss l = mean[...](x) * w
}
train t = m() {
  batch = 2, epochs = 1, weights = "lost.safetensors"
  optimizer = sgd(rate = 0.1)
  data { x = csv("three.csv") }
}
END
descent train m.descent
descent train m.descent --data nowhere
descent train m.descent --batch 99999999
