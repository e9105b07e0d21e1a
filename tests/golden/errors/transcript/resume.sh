# What `train --resume` can be told wrongly, and what can lie where it looks.
printf 'a,b,xor\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n' > xor.csv
printf 'a,b,xor\n0,0,0\n0,1,1\n1,0,1\n1,1,1\n' > or.csv
cat > m.descent <<'END'
model m(units : size = 2) {
  input x : f32[batch, 2]
  input y : f32[batch, 1]
  output guess = linear(tanh(linear(x, units) as hidden), 1)
  loss error = mean_squared_error(guess, y)
}
train it = m() {
  batch = 4, epochs = 3, seed = 1, shuffle = false
  optimizer = adam(rate = 0.1)
  data { x = csv("xor.csv", columns = "a, b"), y = csv("xor.csv", columns = "xor") }
}
END
descent train m.descent --resume
descent train m.descent --resume --sweep rate=0.1,0.2
descent train m.descent --checkpoint-every soon
descent train m.descent --checkpoint-every 10x
descent train m.descent --checkpoint-every -3
descent train m.descent
descent train m.descent --resume
descent train m.descent --resume --epochs 2
descent train m.descent --resume --epochs 4
descent train m.descent --resume --epochs 4 --batch 2 --seed 2 --set rate=0.2
descent train m.descent --resume --epochs 4 --set units=3
sed 's/tanh/sigmoid/' m.descent > other.descent
descent train other.descent --resume --epochs 4
sed 's/"xor.csv", columns = "xor"/"or.csv", columns = "xor"/' m.descent > other.descent
descent train other.descent --resume --epochs 4
printf '0,1,1\n' >> xor.csv
descent train m.descent --resume --epochs 4
printf 'a,b,xor\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n' > xor.csv
sed 's/adam(rate = 0.1)/adam(rate = cosine(0.1))/' m.descent > scheduled.descent
descent train scheduled.descent --out planned
descent train scheduled.descent --out planned --resume --epochs 4
sed 's/adam/sgd/; s/train it/train its/' m.descent > other.descent
descent train other.descent --resume --out runs/it
head -n 3 runs/it/log.jsonl > runs/it/log
head -n 2 runs/it/log > runs/it/log.jsonl
descent train m.descent --resume --epochs 5
rm runs/it/log.jsonl
descent train m.descent --resume --epochs 5
cp runs/it/log runs/it/log.jsonl
(exec 9>> runs/it/log.jsonl && flock -n 9 && descent train m.descent --resume --epochs 5)
cp runs/it/checkpoint.safetensors whole
head -c 900 whole > runs/it/checkpoint.safetensors
descent train m.descent --resume --epochs 5
cp runs/it/weights.safetensors runs/it/checkpoint.safetensors
descent train m.descent --resume --epochs 5
sed 's/"version":"1"/"version":"7"/' whole > runs/it/checkpoint.safetensors
descent train m.descent --resume --epochs 5
sed 's/"of\/batch":"4"/"of\/bitch":"4"/' whole > runs/it/checkpoint.safetensors
descent train m.descent --resume --epochs 5
sed 's/"clock\/seed"/"clock\/sead"/' whole > runs/it/checkpoint.safetensors
descent train m.descent --resume --epochs 5
sed 's/"clock\/seed"/"clock\/swap"/; s/"epoch\/done"/"clock\/seed"/; s/"clock\/swap"/"epoch\/done"/' whole > runs/it/checkpoint.safetensors
descent train m.descent --resume --epochs 5
sed 's/"clock\/step"/"clock\/swap"/; s/"epoch\/rows"/"clock\/step"/; s/"clock\/swap"/"epoch\/rows"/' whole > runs/it/checkpoint.safetensors
descent train m.descent --resume --epochs 5
sed 's/"epoch\/seconds"/"epoch\/swapped"/; s/"rate\/rate"/"epoch\/seconds"/; s/"epoch\/swapped"/"rate\/rate"/' whole > runs/it/checkpoint.safetensors
descent train m.descent --resume
descent predict m.descent --weights runs/it/checkpoint.safetensors --input x=none.npy
