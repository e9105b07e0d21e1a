"""Scenes for the lesson on detection: two or three handwritten digits on a canvas of 32×32, in two sizes, with what stands
where. Writes scenes.npz, 1600 of them, and scenes.test.npz, 400 of digits that are test rows: image u8[n, 32, 32], and for
each cell of a grid of 8×8 what has its middle there, kind i32[n, 8, 8] (0 to 9, or 10 for nothing) and box f32[n, 4, 8, 8]
(the middle's place inside the cell, down and across, from 0 to 1; height and width in pixels)."""
import gzip

import numpy

table = numpy.loadtxt(gzip.open("digits.csv.gz"), delimiter=",")
pixels, labels = table[:, :64].reshape(-1, 8, 8), table[:, 64].astype(int)
test = numpy.arange(len(table)) % 5 == 0
random = numpy.random.default_rng(1)
scenes, tests, side, cell = 2000, 400, 32, 4

image = numpy.zeros((scenes, side, side), numpy.uint8)
kind = numpy.full((scenes, side // cell, side // cell), 10, numpy.int32)
box = numpy.zeros((scenes, 4, side // cell, side // cell), numpy.float32)
for scene in range(scenes):
    rows = numpy.flatnonzero(test == (scene >= scenes - tests))
    for _ in range(random.integers(2, 4)):
        row, scale = random.choice(rows), random.integers(1, 3)
        digit = numpy.kron(pixels[row], numpy.ones((scale, scale)))
        size = 8 * scale
        for _ in range(100):  # until it covers no other one
            top, left = random.integers(0, side - size + 1, 2)
            if not image[scene, max(top - 1, 0):top + size + 1, max(left - 1, 0):left + size + 1].any():
                break
        else:
            continue
        image[scene, top:top + size, left:left + size] = digit
        i, j = (top + size // 2) // cell, (left + size // 2) // cell
        kind[scene, i, j] = labels[row]
        box[scene, :, i, j] = (top + size / 2) / cell - i, (left + size / 2) / cell - j, size, size
for name, part in [("scenes", slice(0, scenes - tests)), ("scenes.test", slice(scenes - tests, scenes))]:
    numpy.savez_compressed(f"{name}.npz", image=image[part], kind=kind[part], box=box[part])
