"""Writes the test rows of the sets here: the rows i with i mod 5 = 0, counted from 0; and of the diabetes set the mean
and the standard deviation of each column over the other rows."""
import gzip

import numpy

for name, file, lines_before in [("digits", gzip.open("digits.csv.gz"), 0), ("iris", open("iris.csv"), 1),
                                 ("diabetes", open("diabetes.csv"), 1)]:
    rows = len(file.read().split()) - lines_before
    with open(f"{name}.test.csv", "w") as index:
        index.write("row\n" + "".join(f"{row}\n" for row in range(0, rows, 5)))
    print(name, rows, "rows")

# A hundred of the digits that are no test rows (lesson 22).
kept = [row for row in range(1797) if row % 5]
with open("digits.few.csv", "w") as index:
    index.write("row\n" + "".join(f"{row}\n" for row in kept[::14][:100]))

# x'' + 0.4 x' + 4 x = 0 with x(0) = 1, x'(0) = 0 (lesson 23).
time = 6 * (numpy.arange(256) + 0.5) / 256
turns = numpy.sqrt(4 - 0.2**2)
place = numpy.exp(-0.2 * time) * (numpy.cos(turns * time) + 0.2 / turns * numpy.sin(turns * time))
with open("oscillator.csv", "w") as oscillator:
    oscillator.write("t,x\n" + "".join(f"{t:.9g},{x:.9g}\n" for t, x in zip(time, place)))

table = numpy.loadtxt("diabetes.csv", delimiter=",", skiprows=1)
kept = numpy.arange(len(table)) % 5 != 0
with open("diabetes.scale.csv", "w") as scale:
    scale.write("age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n")
    for row in (table[kept, :10].mean(axis=0), table[kept, :10].std(axis=0)):
        scale.write(",".join(f"{value:.6g}" for value in row) + "\n")

# What least squares gives: the figures in lesson 11.
design = numpy.column_stack([table[:, :10], numpy.ones(len(table))])
weights = numpy.linalg.lstsq(design[kept], table[kept, 10], rcond=None)[0]
for rows, name in [(kept, "training"), (~kept, "test")]:
    print(name, "rmse", numpy.sqrt(numpy.mean((design[rows] @ weights - table[rows, 10]) ** 2)),
          "deviation", table[rows, 10].std())
