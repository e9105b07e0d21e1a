# What `predict` can be told wrongly.
cat > m.descent <<'END'
model m() {
  input image : f32[batch, 2]
  output logits = linear(image, 1)
}
END
printf 'a,b\n1,2\n' > rows.csv
printf 'a,b\n' > none.csv
header='{"logits.linear.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"logits.linear.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}'
printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s123412341234" "$header" > w
descent predict m.descent --weights w --input rows.csv
descent predict m.descent --weights w --input image=rows.txt
descent predict m.descent --weights w --input imgae=rows.csv
descent predict m.descent --weights w --input image=rows.csv --input image=rows.csv
descent predict m.descent --weights w --input image=none.csv
descent predict m.descent --weights w --input image=rows.csv --output logist=y.npy
descent predict m.descent --weights w --input image=rows.csv --output logits=y.txt
descent predict m.descent --weights w
cat > n.descent <<'END'
model n() {
  input image : f32[batch, 2]
  input mask : f32[batch, 2]
  output logits = image * mask
}
END
printf '\2\0\0\0\0\0\0\0{}' > none
descent predict n.descent --weights none --input image=rows.csv
cat > l.descent <<'END'
model l() {
  input image : f32[batch, 2]
  loss error = mean[...](linear(image, 1))
}
END
descent predict l.descent --weights none --input image=rows.csv
descent predict m.descent --weights w --map logits.linear.weight=fc.weight^T --input image=rows.csv
descent predict m.descent --weights w --map fc.weight= --input image=rows.csv
descent predict m.descent --weights w --map names.txt --input image=rows.csv
descent convert m.descent --weights w -o no/such/folder.npz
descent convert m.descent --weights rows.csv -o w.npz
descent convert m.descent --weights w -o w.npz
descent predict m.descent --weights w.npz --input image=w.npz
descent predict n.descent --weights none --input image=w.npz
printf 'cut' >> w.npz
descent predict m.descent --weights w.npz --input image=rows.csv
