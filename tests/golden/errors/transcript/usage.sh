# What can be wrong with the words of a command.
printf 'model m() {\n  input x : f32[batch]\n  output y = x\n}\n' > m.descent
descent train
descent train m.descent --epoch 3
descent train m.descent --epochs=0
descent train m.descent --threads two
descent train m.descent --seed 2147483648
descent train m.descent n.descent
descent train m.descent
descent inspect m.descent --set units
descent inspect m.descent --set units=3
descent inspect m.descent --only it
