"""Writes the test rows of the sets here: the rows i with i mod 5 = 0, counted from 0."""
import gzip

for name, file in [("digits", gzip.open("digits.csv.gz")), ("iris", open("iris.csv"))]:
    rows = len(file.read().split()) - (1 if name == "iris" else 0)  # iris.csv begins with a line that is no row
    with open(f"{name}.test.csv", "w") as index:
        index.write("row\n" + "".join(f"{row}\n" for row in range(0, rows, 5)))
    print(name, rows, "rows")
