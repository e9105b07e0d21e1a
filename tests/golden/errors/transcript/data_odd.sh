# What is odd about data, but no mistake: it is told, and all goes on.
cat > m.descent <<'END'
model m(classes : size = 5) {
  input x : f32[batch, 2]
  input label : i32[batch] in 0 ..< classes
  input length : i32[batch] in 0 ..< 3
  output logits = linear(x, classes)
  loss nll = cross_entropy(logits, label)
  metric shorter = mean[...](f32(length))
}
train it = m() {
  batch = 2, epochs = 1
  optimizer = sgd(rate = 0.1)
  data {
    x = csv("rows.csv", columns = "a, b")
    label = csv("rows.csv", label = "c", classes = "0, 1, 2, 3, 4")
    length = csv("rows.csv", label = "c")
  }
  test {
    x = csv("more.csv", columns = "a, b")
    label = csv("more.csv", label = "c", classes = "0, 1, 2, 3, 4")
    length = csv("more.csv", label = "c")
  }
}
END
# Of classes 2 and 4 there are no rows; one of the test's rows is of class 2. A length is no class.
printf 'a,b,c\n1,2,0\n3,4,1\n5,6,1\n' > rows.csv
printf 'a,b,c\n1,2,1\n3,4,2\n' > more.csv
descent train m.descent
# Many of them.
descent train m.descent --set classes=40 --out many
# A number that is none, in the second row that is predicted from: .npy, version 1.0 and a header of 80 bytes.
printf '\223NUMPY\001\000P\000%-79s\n%s' "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }" \
  "$(printf '123412341234\301\301\301\177')" > x.npy
descent predict m.descent --weights runs/it/weights.safetensors --input x=x.npy
