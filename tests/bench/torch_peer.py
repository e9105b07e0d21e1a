"""PyTorch. eager: as most people write it; fused: with the optimizer's fused kernels and images whose channels run
fastest; compile: the same, forward and backward pass through torch.compile."""
import time

from worker import arguments, serve, threads

start = time.perf_counter()
import torch
from torch.nn import LSTM, functional as F
from torch.nn.utils import clip_grad_norm_
import_s = time.perf_counter() - start

from workloads import GPT_HEADS, GPT_LAYERS, RESNET_STAGES, WORKLOADS, load


def dense(p, name, x):
    return F.linear(x, p[name + ".w"], p.get(name + ".b"))


def dense_layers(activation):
    def forward(p, x):
        names = [name[:-2] for name in p if name.endswith(".w")]
        for name in names:
            x = dense(p, name, x if name == names[0] else activation(x))
        return x
    return forward


def cnn(p, x):
    x = F.relu(F.conv2d(x, p["conv1.w"], p["conv1.b"]))
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2.w"], p["conv2.b"])), 2).flatten(1)
    return dense(p, "fc2", F.relu(dense(p, "fc1", x)))


def resnet20(p, x):
    def filter_norm(x, block, number, stride=1):
        weight, norm = p[f"{block}conv{number}.w"], f"{block}bn{number}"
        y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)
        running = state.setdefault(norm, (torch.zeros(y.shape[1]), torch.ones(y.shape[1])))
        return F.batch_norm(y, *running, p[norm + ".g"], p[norm + ".b"], training=True)

    x = F.relu(filter_norm(x, "", ""))
    for stage, (_, _, first) in enumerate(RESNET_STAGES):
        for number in range(3):
            block, stride = f"s{stage}b{number}", 1 if number else first
            y = filter_norm(F.relu(filter_norm(x, block, 1, stride)), block, 2)
            x = F.relu(y + (filter_norm(x, block, 3, stride) if f"{block}conv3.w" in p else x))
    return dense(p, "fc", x.mean((2, 3)))


def lstm(p, tokens):
    return dense(p, "fc", state["lstm"](F.embedding(tokens, p["emb.w"]))[0])


def gpt(p, tokens):
    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], p[name + ".g"], p[name + ".b"])

    x = F.embedding(tokens, p["wte.w"]) + p["wpe.w"]
    for i in range(GPT_LAYERS):
        parts = dense(p, f"l{i}qkv", norm(f"l{i}ln1", x)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (GPT_HEADS, -1)).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + dense(p, f"l{i}proj", mixed.transpose(1, 2).flatten(2))
        x = x + dense(p, f"l{i}down", F.gelu(dense(p, f"l{i}up", norm(f"l{i}ln2", x)), approximate="tanh"))
    return dense(p, "head", norm("lnf", x))


state = {}  # what a network keeps between steps, and modules
NETWORKS = {"xor": dense_layers(torch.sigmoid), "cnn": cnn, "resnet20": resnet20, "lstm": lstm, "gpt": gpt}
LOSSES = {"squared": lambda z, y: F.mse_loss(torch.sigmoid(z), y), "logit": F.binary_cross_entropy_with_logits,
          "classes": lambda z, y: F.cross_entropy(z.flatten(0, -2), y.flatten())}


def to_torch(parameters, is_channels_last):
    """Dense weights as [out, in]. The LSTM's move into a module, whose second bias stays zero."""
    p = {}
    for name, value in parameters.items():
        is_dense = value.ndim == 2 and name not in ("emb.w", "wte.w", "wpe.w")
        value = torch.from_numpy(value.T.copy() if is_dense else value)
        p[name] = value.to(memory_format=torch.channels_last) if is_channels_last and value.ndim == 4 else value
    if "lstm.wx" in p:
        module = state["lstm"] = LSTM(64, 256, batch_first=True)
        weights = p.pop("lstm.wx"), p.pop("lstm.wh"), p.pop("lstm.b"), torch.zeros(1024)
        for own, value in zip(module.parameters(), weights):
            own.data.copy_(value)
        module.bias_hh_l0.requires_grad_(False)
    trained = [value.requires_grad_() for value in p.values()]
    return p, trained + [own for own in (state["lstm"].parameters() if "lstm" in state else ()) if own.requires_grad]


def optimizer_of(work, trained, fused):
    more = {"lr": work.rate, "weight_decay": work.decay, "fused": fused or None}
    if work.optimizer == "adam":
        return (torch.optim.AdamW if work.decay else torch.optim.Adam)(trained, **more)
    return torch.optim.SGD(trained, momentum=0.9 if work.optimizer == "momentum" else 0, **more)


def main():
    args = arguments(("eager", "fused", "compile"))
    torch.set_num_threads(threads())
    work = WORKLOADS[args.workload]
    parameters, x, y = load(args.data, args.workload)
    p, trained = to_torch(parameters, args.mode != "eager")
    network, loss_of = NETWORKS.get(args.workload, dense_layers(F.relu)), LOSSES[work.loss]
    optimizer = optimizer_of(work, trained, args.mode != "eager")
    to_label = lambda values: values.long() if values.dtype == torch.int32 else values
    data = [(to_label(inputs), to_label(wanted)) for inputs, wanted in zip(torch.from_numpy(x), torch.from_numpy(y))]
    forward = lambda inputs, wanted: loss_of(network(p, inputs), wanted)
    if args.mode == "compile":
        network(p, data[0][0])  # makes running statistics before anything is traced
        for mean, variance in (kept for kept in state.values() if isinstance(kept, tuple)):
            mean.zero_(), variance.fill_(1)
        forward = torch.compile(forward)

    def run(first, n):
        for i in range(first, first + n):
            optimizer.zero_grad(set_to_none=True)
            loss = forward(*data[i % len(data)])
            loss.backward()
            if work.clip:
                clip_grad_norm_(trained, work.clip)
            optimizer.step()
        return loss.item()

    serve(args.workload, run, import_s)


main()
