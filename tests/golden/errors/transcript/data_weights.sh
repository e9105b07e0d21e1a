# What a file of weights can have wrong.
cat > m.descent <<'END'
model m() {
  input x : f32[batch, 1]
  output y = linear(x, 1)
}
END
printf 'x\n1\n' > x.csv
predict() { descent predict m.descent --weights w --input x=x.csv; }
header() { printf "\\$(printf %o ${#1})\\0\\0\\0\\0\\0\\0\\0%s%s" "$1" "$2" > w; }
try() { header "$1" "$2"; predict; }

predict
mkdir w
predict
rmdir w
: > w
predict
printf '\377\377\377\377\377\377\377\177{}' > w
predict
try '{"y.linear.weight":'
try '[]'
try '{"y.linear.weight":{"dtype":"F32"}}'
try '{"y.linear.weight":{"dtype":"F16","shape":[1,1],"data_offsets":[0,2]}}' '12'
try '{"y.linear.weight":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}' '1234'
try '{"y.linear.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,8]}}' '1234'
try '{"y.linear.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"y.linear.biass":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}' '12345678'
try '{"y.linear.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"y.linear.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}' '123456789012'
