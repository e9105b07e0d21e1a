# What a table can have wrong.
train_on() {
  printf '%s\n' 'model m() {' '  input x : f32[batch, 2]' '  input label : i32[batch] in 0 ..< 3' \
    '  loss nll = cross_entropy(linear(x, 3), label)' '}' \
    'train t = m() {' '  batch = 2, epochs = 1' '  optimizer = sgd(rate = 0.1)' "  data { x = $1, label = $2 }" '}' > m.descent
  descent train m.descent
}
printf 'a,b,kind\n1,2,0\n3,4,1\n5,6,2\n' > good.csv
good='csv("good.csv", columns = "a, b")'
label='csv("good.csv", label = "kind")'

train_on 'csv("good.csv", columns = "a, c")' "$label"
train_on 'csv("good.csv", columns = "a")' "$label"
train_on 'csv("good.csv", colums = "a, b")' "$label"
train_on 'csv("good.csv", skip = "one")' "$label"
train_on 'csv("good.csv", columns = "a", columns = "b")' "$label"
train_on 'csv("good.csv", 3)' "$label"
train_on 'csv()' "$label"
train_on 'cvs("good.csv")' "$label"
train_on 'read("good.csv")' "$label"
train_on '"good.csv"' "$label"
train_on 'csv("god.csv")' "$label"
train_on 'csv(".")' "$label"

printf 'a,b\n1,2\n3,x\n' > text.csv
train_on 'csv("text.csv")' "$label"
printf 'a,b\n1,2\n3\n' > short.csv
train_on 'csv("short.csv")' "$label"
printf 'a,b\n1,2\n3,"4\n' > quote.csv
train_on 'csv("quote.csv")' "$label"
printf 'a,b\n1,\n3,4\n' > hole.csv
train_on 'csv("hole.csv")' "$label"
printf 'a,b\n1,nan\n3,4\n' > nan.csv
train_on 'csv("nan.csv")' "$label"
: > empty.csv
train_on 'csv("empty.csv")' "$label"
printf 'a,b\n' > header.csv
train_on 'csv("header.csv")' "$label"
printf 'a,b\n1,2\n\n3,4\n' > blank.csv
train_on 'csv("blank.csv")' "$label"
train_on "$good" 'csv("text.csv", label = "b")'
printf 'kind\n0\n1\n' > two.csv
train_on "$good" 'csv("two.csv", label = "kind")'
train_on "$good" 'csv("two.csv", label = "kind", classes = "cat, dog")'
printf 'kind\n0\n1.5\n2\n' > half.csv
train_on "$good" 'csv("half.csv")'
printf 'not gzip' > packed.csv.gz
train_on 'csv("packed.csv.gz")' "$label"
