"""The networks that are compared: layers, data, optimizer, and the losses that every program must reach.

    python3 workloads.py DIR        writes DIR/NAME.safetensors: the initial parameters LAYER.w and LAYER.b, and the
                                    batches x and y, the batch's number as first axis

Step i (from 0) trains on batch i modulo their number. The loss at step k (from 1) is the one computed in that step.
Dense layers fc1, fc2, … are y = x w + b with w as [in, out].
"""
import sys
from dataclasses import dataclass
from pathlib import Path

SEED = 20240607


@dataclass(frozen=True)
class Workload:
    sizes: tuple       # of the layers
    rows: int          # of a batch
    hidden: str        # activation between layers
    loss: str          # squared (of a sigmoid's output), logit (binary cross-entropy), classes (softmax cross-entropy)
    optimizer: str     # sgd, or adam with beta 0.9, 0.999 and epsilon 1e-8
    rate: float
    losses: dict       # step → loss
    batches: int = 8

    def layers(self):
        """(name, inputs, outputs) of each."""
        return [(f"fc{i}", *pair) for i, pair in enumerate(zip(self.sizes, self.sizes[1:]), 1)]


def digits(rows, losses):
    return Workload((784, 512, 256, 10), rows, "relu", "classes", "adam", 1e-3, losses)


WORKLOADS = {
    "xor": Workload((2, 3, 1), 4, "sigmoid", "squared", "sgd", 0.1,
                    {1: 0.252099, 10: 0.251467, 100: 0.250083, 1000: 0.249967, 10000: 0.125582}, batches=1),
    "seed": Workload((10, 10, 1), 32, "relu", "logit", "adam", 0.01,
                     {1: 0.824025, 10: 0.716696, 100: 0.109148, 1000: 0.0011717}),
    "logreg": Workload((2, 1), 100, "relu", "logit", "sgd", 0.01,
                       {1: 0.816045, 10: 0.797776, 100: 0.731215, 1000: 0.457116}),
    "mlp64": digits(64, {1: 2.31370, 2: 2.30069, 10: 2.01404, 100: 0.0007712}),
    "mlp128": digits(128, {1: 2.30737, 2: 2.30651, 10: 2.07478, 100: 0.001396}),
}


def disagreement(workload, losses):
    """Says which loss is not the expected one; None when all are. Five digits early on, where rounding has not grown."""
    for step, expected in WORKLOADS[workload].losses.items():
        found = losses.get(str(step), float("nan"))
        tolerance = (2e-5 if step <= 10 else 2e-3) * expected
        if not abs(found - expected) <= tolerance:
            return f"{workload}: the loss at step {step} is {found:.6g}, expected {expected:.6g}"
    return None


def arrays(name):
    """Parameters and batches by name, in order."""
    import numpy as np
    work = WORKLOADS[name]
    random = np.random.default_rng(SEED)
    result = {}
    for layer, inputs, outputs in work.layers():
        bound = inputs ** -0.5
        result[layer + ".w"] = random.uniform(-bound, bound, (inputs, outputs)).astype(np.float32)
        result[layer + ".b"] = random.uniform(-bound, bound, outputs).astype(np.float32)
    if work.batches == 1:
        result["x"] = np.array([[[0, 0], [0, 1], [1, 0], [1, 1]]], np.float32)
        result["y"] = np.array([[[0], [1], [1], [0]]], np.float32)
        return result
    result["x"] = random.uniform(-1, 1, (work.batches, work.rows, work.sizes[0])).astype(np.float32)
    if work.loss == "classes":
        result["y"] = random.integers(0, work.sizes[-1], (work.batches, work.rows), dtype=np.int32)
    else:
        result["y"] = (result["x"].sum(-1, keepdims=True) > 0).astype(np.float32)
    return result


def load(folder, name):
    """(parameters by name, x, y)."""
    from safetensors.numpy import load_file
    values = load_file(Path(folder) / f"{name}.safetensors")
    x, y = values.pop("x"), values.pop("y")
    return values, x, y


if __name__ == "__main__":
    from safetensors.numpy import save_file
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in WORKLOADS:
        save_file(arrays(name), folder / f"{name}.safetensors")
