"""PyTorch. eager: as most people write it; fused: with the optimizer's fused kernels."""
import time

from worker import arguments, serve, threads

start = time.perf_counter()
import torch
from torch import nn
from torch.nn import functional as F
import_s = time.perf_counter() - start

from workloads import WORKLOADS, load


def network(work, parameters):
    layers = []
    for layer, inputs, outputs in work.layers():
        if layers:
            layers.append(nn.Sigmoid() if work.hidden == "sigmoid" else nn.ReLU())
        dense = nn.Linear(inputs, outputs)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(parameters[layer + ".w"].T))
            dense.bias.copy_(torch.from_numpy(parameters[layer + ".b"]))
        layers.append(dense)
    if work.loss == "squared":
        layers.append(nn.Sigmoid())
    return nn.Sequential(*layers)


def main():
    args = arguments(("eager", "fused"))
    torch.set_num_threads(threads())
    work = WORKLOADS[args.workload]
    parameters, x, y = load(args.data, args.workload)
    model = network(work, parameters)
    loss_of = {"squared": F.mse_loss, "logit": F.binary_cross_entropy_with_logits, "classes": F.cross_entropy}[work.loss]
    kind = torch.optim.Adam if work.optimizer == "adam" else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=work.rate, fused=True if args.mode == "fused" else None)
    labels = torch.from_numpy(y).long() if work.loss == "classes" else torch.from_numpy(y)
    batches = list(zip(torch.from_numpy(x), labels))

    def run(first, n):
        for i in range(first, first + n):
            inputs, wanted = batches[i % len(batches)]
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(inputs), wanted)
            loss.backward()
            optimizer.step()
        return loss.item()

    serve(args.workload, run, import_s)


main()
