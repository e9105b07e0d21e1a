"""The networks that are compared: parameters, data, optimizer, and the losses that every program must reach.

    python3 workloads.py DIR        writes DIR/NAME.safetensors: the initial parameters LAYER.w, LAYER.b, …, and the batches
                                    x and y, the batch's number as first axis

Step i (from 0) trains on batch i modulo their number. The loss at step k (from 1) is the one computed in that step.
models/NAME.descent says what each network computes. Weights of dense layers are [in, out], of convolutions [out, in,
height, width]; of norms g scales and b shifts; the LSTM's wx [in, 4 n], wh [n, 4 n] and b hold its gates in the order i, f,
g, o.
"""
import sys
from dataclasses import dataclass, field
from pathlib import Path

SEED = 20240607
RESNET_STAGES = ((16, 16, 1), (16, 32, 2), (32, 64, 2))  # channels in, channels out, stride of the first of three blocks
LETTERS, GPT_WIDTH, GPT_HEADS, GPT_LAYERS, GPT_TIME = 65, 128, 4, 4, 128


@dataclass(frozen=True)
class Workload:
    parameters: dict   # name → (shape, fan): uniform within ±1/√fan, or "ones", "zeros"
    data: tuple        # kind, then its shape with the rows of a batch first
    loss: str          # squared (of a sigmoid's output), logit (binary cross-entropy), classes (softmax cross-entropy)
    optimizer: str     # sgd, momentum 0.9, or adam with beta 0.9, 0.999 and epsilon 1e-8
    rate: float
    losses: dict       # step → loss
    decay: float = 0   # of the weights: adam's apart from the moments, momentum's as part of the gradient
    clip: float = 0    # of all gradients to this length, where not 0
    batches: int = 8
    drift: dict = field(default_factory=dict)  # step → relative tolerance, where rounding grows fast

    def tolerance(self, step):
        """Five digits early on, where rounding has not grown."""
        return self.drift.get(step, 2e-5 if step <= 10 else 2e-3)


def dense(name, inputs, outputs):
    return {name + ".w": ((inputs, outputs), inputs), name + ".b": ((outputs,), inputs)}


def dense_layers(*sizes):
    layers = {}
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:]), 1):
        layers |= dense(f"fc{i}", inputs, outputs)
    return layers


def convolution(name, inputs, outputs, window=3, bias=True):
    fan = inputs * window * window
    weight = {name + ".w": ((outputs, inputs, window, window), fan)}
    return weight | ({name + ".b": ((outputs,), fan)} if bias else {})


def norm(name, n):
    return {name + ".g": ((n,), "ones"), name + ".b": ((n,), "zeros")}


def filter_norm(block, number, inputs, outputs, window=3):
    """A convolution without bias, and a batch norm."""
    return convolution(f"{block}conv{number}", inputs, outputs, window, False) | norm(f"{block}bn{number}", outputs)


def resnet20():
    layers = filter_norm("", "", 3, 16)
    for stage, (before, after, _) in enumerate(RESNET_STAGES):
        for number in range(3):
            block, inputs = f"s{stage}b{number}", after if number else before
            layers |= filter_norm(block, 1, inputs, after) | filter_norm(block, 2, after, after)
            if inputs != after:
                layers |= filter_norm(block, 3, inputs, after, 1)
    return layers | dense("fc", 64, 10)


def lstm():
    shapes = {"emb.w": ((LETTERS, 64), 64), "lstm.wx": ((64, 1024), 256), "lstm.wh": ((256, 1024), 256),
              "lstm.b": ((1024,), 256)}
    return shapes | dense("fc", 256, LETTERS)


def gpt():
    d = GPT_WIDTH
    layers = {"wte.w": ((LETTERS, d), d), "wpe.w": ((GPT_TIME, d), d)}
    for i in range(GPT_LAYERS):
        layers |= norm(f"l{i}ln1", d) | dense(f"l{i}qkv", d, 3 * d) | dense(f"l{i}proj", d, d)
        layers |= norm(f"l{i}ln2", d) | dense(f"l{i}up", d, 4 * d) | dense(f"l{i}down", 4 * d, d)
    return layers | norm("lnf", d) | {"head.w": ((d, LETTERS), d)}


def digits(rows, losses):
    return Workload(dense_layers(784, 512, 256, 10), ("classes", rows, 784), "classes", "adam", 1e-3, losses)


WORKLOADS = {
    "xor": Workload(dense_layers(2, 3, 1), ("xor", 4, 2), "squared", "sgd", 0.1,
                    {1: 0.252099, 10: 0.251467, 100: 0.250083, 1000: 0.249967, 10000: 0.125582}, batches=1),
    "seed": Workload(dense_layers(10, 10, 1), ("sign", 32, 10), "logit", "adam", 0.01,
                     {1: 0.824025, 10: 0.716696, 100: 0.109148, 1000: 0.0011717}),
    "logreg": Workload(dense_layers(2, 1), ("sign", 100, 2), "logit", "sgd", 0.01,
                       {1: 0.816045, 10: 0.797776, 100: 0.731215, 1000: 0.457116}),
    "mlp64": digits(64, {1: 2.31370, 2: 2.30069, 10: 2.01404, 100: 0.0007712}),
    "mlp128": digits(128, {1: 2.30737, 2: 2.30651, 10: 2.07478, 100: 0.001396}),
    "cnn": Workload(convolution("conv1", 1, 32) | convolution("conv2", 32, 64) | dense_layers(64 * 12 * 12, 128, 10),
                    ("classes", 64, 1, 28, 28), "classes", "adam", 1e-3,
                    {1: 2.29852, 2: 2.55836, 5: 2.31316, 20: 2.27287}, drift={5: 1e-4}),
    "resnet20": Workload(resnet20(), ("classes", 64, 3, 32, 32), "classes", "momentum", 0.1,
                         {1: 2.31699, 2: 2.3291, 3: 2.442, 5: 2.370}, decay=5e-4, drift={2: 1e-4, 3: 1e-3, 5: 1e-2}),
    "lstm": Workload(lstm(), ("tokens", 32, 64), "classes", "adam", 1e-3,
                     {1: 4.17365, 2: 4.17657, 5: 4.17410, 20: 4.17210}, clip=1.0),
    "gpt": Workload(gpt(), ("tokens", 16, GPT_TIME), "classes", "adam", 3e-4,
                    {1: 4.32686, 2: 4.28587, 5: 4.21767, 20: 4.15983}, decay=0.01),
}


def disagreement(workload, losses):
    """Says which loss is not the expected one; None when all are."""
    work = WORKLOADS[workload]
    for step, expected in work.losses.items():
        found = losses.get(str(step), float("nan"))
        if not abs(found - expected) <= work.tolerance(step) * expected:
            return f"{workload}: the loss at step {step} is {found:.6g}, expected {expected:.6g}"
    return None


def batches(work, random):
    """x and y, the batch's number as first axis."""
    import numpy as np
    kind, *shape = work.data
    if kind == "xor":
        return np.array([[[0, 0], [0, 1], [1, 0], [1, 1]]], np.float32), np.array([[[0], [1], [1], [0]]], np.float32)
    if kind == "tokens":  # the target is the next one
        stream = random.integers(0, LETTERS, (work.batches, shape[0], shape[1] + 1), dtype=np.int32)
        return np.ascontiguousarray(stream[..., :-1]), np.ascontiguousarray(stream[..., 1:])
    x = random.uniform(-1, 1, (work.batches, *shape)).astype(np.float32)
    if kind == "sign":
        return x, (x.sum(-1, keepdims=True) > 0).astype(np.float32)
    return x, random.integers(0, 10, (work.batches, shape[0]), dtype=np.int32)


def arrays(name):
    """Parameters and batches by name, in order."""
    import numpy as np
    work = WORKLOADS[name]
    random = np.random.default_rng(SEED)
    result = {}
    for parameter, (shape, fan) in work.parameters.items():
        if fan in ("ones", "zeros"):
            result[parameter] = getattr(np, fan)(shape, np.float32)
        else:
            result[parameter] = random.uniform(-fan ** -0.5, fan ** -0.5, shape).astype(np.float32)
    result["x"], result["y"] = batches(work, random)
    return result


def load(folder, name):
    """(parameters by name, x, y)."""
    from safetensors.numpy import load_file
    values = load_file(Path(folder) / f"{name}.safetensors")
    x, y = values.pop("x"), values.pop("y")
    return {parameter: values[parameter] for parameter in WORKLOADS[name].parameters}, x, y


if __name__ == "__main__":
    from safetensors.numpy import save_file
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in WORKLOADS:
        save_file(arrays(name), folder / f"{name}.safetensors")
