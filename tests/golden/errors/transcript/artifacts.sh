# What can be wrong with `descent build` and `descent runtime`: nothing is left half-written.
cat > m.descent <<'END'
model m() {
  input x : f32[batch, 1]
  output y = x + 1
}
END
descent build m.descent
descent build m.descent -o m
descent build m.descent -o m.txt
descent build m.descent -o m.o --emit exe
descent build m.descent -o nowhere/m.o
mkdir folder.o
descent build m.descent -o folder.o
descent build m.descent -o m.o --header folder.o
descent build m.descent -o m.o --entries predict,stepp
descent build m.descent -o m.o --entries predikt
descent build m.descent -o m.o --runtime r.a
descent build m.descent -o m.a --linker cc
descent build m.descent -o m.cpp --target aarch64-linux-gnu
descent build m.descent -o libm.a --target aarch64-linux-gnu
descent build m.descent -o libm.a --target aarch64-linux-gnu --runtime m.descent
descent build m.descent -o libm.a --runtime missing.a
descent build m.descent -o m.o
descent build m.descent -o time.o
descent build m.descent -o libm.a --target aarch64-linux-gnu --runtime m.o
descent build m.descent -o libm.so --linker false
descent build m.descent -o libm.so --linker /no/such/linker
descent runtime -o r.txt
descent runtime -o nowhere/r.a
ls >&3
