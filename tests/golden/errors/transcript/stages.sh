# Stages, passes, entries and kernels that are not there.
cat > m.descent <<'END'
model m() {
  input x : f32[batch, 1]
  output y = x + 1
}
END
descent inspect m.descent --stage grpah
descent inspect m.descent --pass tydi
descent inspect m.descent --entry predcit
descent inspect m.descent --stage loop --kernel z
descent inspect m.descent --stage graph --kernel y
descent inspect m.descent --stage ast --entry predict
cat > m.graph <<'END'
descent graph 1
model m
entry predict {
  %x = input x : f32[batch, 1]
  %y = sweep [b < batch, i < 1] { %x[b, i] + 1.0 } : f32[batch, 1]
  output y = %y
}
END
descent inspect m.graph --stage ast
descent train m.graph
descent inspect m.graph --set n=3
cat > m.loop <<'END'
descent loop 1
program m batch 4 arena 0
buffer x : f32[batch] input
buffer y : f32[batch] output
kernel y(read x : f32[batch], write y : f32[batch]) {
  serial b in 0 ..< batch {
    y[b] = x[b] + 1.0
  }
}
entry predict(x) -> (y) {
  call y(x, y)
}
END
descent inspect m.loop --stage graph
descent inspect m.loop --pass tidy
descent inspect m.loop --stage loop --batch 3
descent check m.loop
