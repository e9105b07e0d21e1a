# Machines that no code can be made for.
cat > m.descent <<'END'
model m() {
  input x : f32[batch, 1]
  output y = x + 1
}
END
descent build m.descent -o m.o --target zx80-unknown-basic
descent build m.descent -o m.o --target armv7-linux-gnu
descent build m.descent -o m.o --target x86_64-linux-gnu --cpu znver33
descent build m.descent -o m.o --target x86_64-linux-gnu --cpu potato
descent build m.descent -o m.o --emit exe
