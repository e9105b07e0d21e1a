# What a .npy file can have wrong.
cat > t.descent <<'END'
model m() {
  input x : f32[batch, 2]
  loss l = mean[...](linear(x, 1))
}
train t = m() {
  batch = 2, epochs = 1
  optimizer = sgd(rate = 0.1)
  data { x = npy("x.npy") }
}
END
# Version 1.0 and a header of 80 bytes.
try() { printf '\223NUMPY\001\000P\000%-79s\n%s' "$1" "$2" > x.npy; descent train t.descent; }

: > x.npy
descent train t.descent
printf 'PK\003\004' > x.npy
descent train t.descent
printf '\223NUMPY\011\000P\000' > x.npy
descent train t.descent
printf '\223NUMPY\001\000P\000{' > x.npy
descent train t.descent
try 'nothing'
try "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }" '12345678'
try "{'descr': '|O', 'fortran_order': False, 'shape': (1, 2), }" '1234'
try "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }" '12345678'
try "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }" '12345678'
try "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999, 9999999), }" '12345678'
try "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" '12345678'
# A number that is none, in the second row.
try "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }" "$(printf '123412341234\301\301\301\177')"
