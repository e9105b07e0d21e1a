# What `predict --sample` can be told wrongly.
cat > chars.descent <<'END'
model chars() {
  input text, goal : i32[batch, 4] in 0 ..< 3
  y, h = rnn(embedding(text, 3, 2), 2)
  output logits = linear(y, 3)
  loss nll = cross_entropy(logits, goal)
}
train it = chars() {
  batch = 2
  optimizer = sgd()
  data = windows(characters("abc.txt"), inputs = text, shifted = goal, length = 4)
}
END
printf 'abcabcabcabcabc' > abc.txt
descent train chars.descent --threads 1 --quiet
weights=runs/it/weights.safetensors
descent predict chars.descent --weights $weights --sample 3
descent predict chars.descent --weights $weights --sample 3 --prompt d
descent predict chars.descent --weights $weights --sample 3 --prompt a --temperature -1
descent predict chars.descent --weights $weights --sample 3 --prompt a --temperature warm
descent predict chars.descent --weights $weights --sample 0 --prompt a
descent predict chars.descent --weights $weights --prompt a
descent predict chars.descent --weights $weights --sample 3 --prompt a --output logits=y.npy
printf '0,1,2,0\n' > x.csv
descent predict chars.descent --weights $weights --sample 3 --prompt a --input text=x.csv
printf '0,1,2,0\n' > goal.csv
sed 's/data = .*/data { text = csv("x.csv", header = false), goal = csv("goal.csv", header = false) }/' chars.descent > numbers.descent
descent train numbers.descent --threads 1 --quiet --out numbers
descent predict numbers.descent --weights numbers/weights.safetensors --sample 3 --prompt a
cat > image.descent <<'END'
model image() {
  input x : f32[batch, 2]
  output y = x
}
END
printf '\2\0\0\0\0\0\0\0{}' > none
descent predict image.descent --weights none --sample 3 --prompt a
