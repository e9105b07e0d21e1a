# What can be wrong with a measurement.
cat > m.descent <<'END'
model m() {
  input x : f32[batch, 1]
  output y = x + 1
}
END
descent bench
descent bench m.descent --entry predcit
descent bench m.descent --entry step
descent bench m.descent --batch 0
descent bench m.descent --threads 0
descent bench m.descent --seconds long
descent bench m.descent --seconds -1
descent bench m.descent --threads 1 --seconds 0 --json none/figures.json >report.txt
