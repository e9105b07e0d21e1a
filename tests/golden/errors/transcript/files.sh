# Files that can't be read or written.
cat > m.descent <<'END'
model m() {
  input x : f32[batch, 1]
  param w : f32[] ~ ones
  output y = x
  loss l = mean[...](x) * w
}
train t = m() {
  batch = 2, epochs = 1
  optimizer = sgd(rate = 0.1)
  data { x = csv("x.csv") }
}
END
printf 'x\n1\n2\n' > x.csv
: > file
descent train none.descent
descent train .
descent train m.descent/m.descent
printf 'model m() {\000}' > binary.descent
descent check binary.descent
descent train m.descent --out file
descent train m.descent --out file/run
descent train m.descent --out run
rm run/log.jsonl run/weights.safetensors
mkdir run/log.jsonl
descent train m.descent --out run
rmdir run/log.jsonl
mkdir run/weights.safetensors
descent train m.descent --out run
rmdir run/weights.safetensors
descent train m.descent --out run
descent predict m.descent --weights run/weights.safetensors --input x=x.csv --output y=file/y.npy
descent build m.descent -o file/m.o
