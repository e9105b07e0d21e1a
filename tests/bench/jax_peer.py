"""JAX. jit: one call a step, the state donated; scan: many steps in one call, no Python in the loop."""
import os
import time

from worker import arguments, serve, threads

if threads() == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
start = time.perf_counter()
import jax
import jax.numpy as jnp
import optax
from jax import lax, nn
import_s = time.perf_counter() - start

from workloads import GPT_HEADS, GPT_LAYERS, RESNET_STAGES, WORKLOADS, load


def dense(p, name, x):
    return x @ p[name + ".w"] + p.get(name + ".b", 0)


def dense_layers(activation):
    def forward(p, x):
        names = sorted(name[:-2] for name in p if name.endswith(".w"))
        for name in names:
            x = dense(p, name, x if name == names[0] else activation(x))
        return x
    return forward


def convolution(weight, x, stride=1, pad=0):
    return lax.conv_general_dilated(x, weight, (stride, stride), ((pad, pad),) * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def cnn(p, x):
    x = nn.relu(convolution(p["conv1.w"], x) + p["conv1.b"])
    x = nn.relu(convolution(p["conv2.w"], x) + p["conv2.b"])
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return dense(p, "fc2", nn.relu(dense(p, "fc1", x.reshape(x.shape[0], -1))))


def resnet20(p, x, running):
    now = {}

    def filter_norm(x, block, number, stride=1):
        weight, norm = p[f"{block}conv{number}.w"], f"{block}bn{number}"
        y = convolution(weight, x, stride, weight.shape[0] // 2)
        mean, n = y.mean((0, 1, 2)), y.size // y.shape[-1]
        variance = jnp.square(y - mean).mean((0, 1, 2))
        old_mean, old_variance = running[norm]
        now[norm] = (0.9 * old_mean + 0.1 * mean, 0.9 * old_variance + 0.1 * variance * n / (n - 1))
        return (y - mean) * lax.rsqrt(variance + 1e-5) * p[norm + ".g"] + p[norm + ".b"]

    x = nn.relu(filter_norm(x, "", ""))
    for stage, (_, _, first) in enumerate(RESNET_STAGES):
        for number in range(3):
            block, stride = f"s{stage}b{number}", 1 if number else first
            y = filter_norm(nn.relu(filter_norm(x, block, 1, stride)), block, 2)
            x = nn.relu(y + (filter_norm(x, block, 3, stride) if f"{block}conv3.w" in p else x))
    return dense(p, "fc", x.mean((1, 2))), now


def lstm(p, tokens):
    drive = p["emb.w"][tokens].swapaxes(0, 1) @ p["lstm.wx"] + p["lstm.b"]

    def cell(carry, here):
        h, c = carry
        i, f, g, o = jnp.split(here + h @ p["lstm.wh"], 4, -1)
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        h = nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((tokens.shape[0], p["lstm.wh"].shape[0]))
    return dense(p, "fc", lax.scan(cell, (zero, zero), drive)[1]).swapaxes(0, 1)


def gpt(p, tokens):
    rows, time = tokens.shape
    mask = jnp.tril(jnp.ones((time, time), bool))

    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        return x * lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-5) * p[name + ".g"] + p[name + ".b"]

    x = p["wte.w"][tokens] + p["wpe.w"]
    depth = x.shape[-1] // GPT_HEADS
    for i in range(GPT_LAYERS):
        q, k, v = jnp.split(dense(p, f"l{i}qkv", norm(f"l{i}ln1", x)).reshape(rows, time, -1, depth), 3, 2)
        score = jnp.einsum("bqhd,bkhd->bhqk", q, k) * depth ** -0.5
        share = nn.softmax(jnp.where(mask, score, -jnp.inf), -1)
        x = x + dense(p, f"l{i}proj", jnp.einsum("bhqk,bkhd->bqhd", share, v).reshape(rows, time, -1))
        x = x + dense(p, f"l{i}down", nn.gelu(dense(p, f"l{i}up", norm(f"l{i}ln2", x)), approximate=True))
    return dense(p, "head", norm("lnf", x))


NETWORKS = {"xor": dense_layers(nn.sigmoid), "cnn": cnn, "resnet20": resnet20, "lstm": lstm, "gpt": gpt}
LOSSES = {"squared": lambda z, y: jnp.square(nn.sigmoid(z) - y).mean(),
          "logit": lambda z, y: optax.sigmoid_binary_cross_entropy(z, y).mean(),
          "classes": lambda z, y: optax.softmax_cross_entropy_with_integer_labels(z, y).mean()}


def clip(limit):
    def update(gradients, kept, _=None):
        scale = jnp.minimum(1, limit / (optax.global_norm(gradients) + 1e-6))
        return jax.tree.map(lambda gradient: gradient * scale, gradients), kept
    return optax.GradientTransformation(lambda _: optax.EmptyState(), update)


def optimizer_of(work):
    if work.optimizer == "adam":
        adam = optax.adamw(work.rate, weight_decay=work.decay) if work.decay else optax.adam(work.rate)
        return optax.chain(clip(work.clip), adam) if work.clip else adam
    sgd = optax.sgd(work.rate, 0.9 if work.optimizer == "momentum" else None)
    return optax.chain(optax.add_decayed_weights(work.decay), sgd) if work.decay else sgd


def channels_last(p, x):
    """Images [row, height, width, channel], windows [height, width, in, out]; a dense layer that reads images likewise."""
    if x.ndim < 5:
        return p, x
    p = {name: value.transpose(2, 3, 1, 0) if value.ndim == 4 else value for name, value in p.items()}
    if "fc1.w" in p:
        weight = p["fc1.w"]
        p["fc1.w"] = weight.reshape(64, 12, 12, -1).transpose(1, 2, 0, 3).reshape(weight.shape)
    return p, x.transpose(0, 1, 3, 4, 2)


def main():
    args = arguments(("jit", "scan"))
    work = WORKLOADS[args.workload]
    parameters, x, y = load(args.data, args.workload)
    parameters, x = channels_last(parameters, x)
    x, y = jnp.asarray(x), jnp.asarray(y)
    network, loss_of = NETWORKS.get(args.workload, dense_layers(nn.relu)), LOSSES[work.loss]
    optimizer = optimizer_of(work)

    def objective(p, running, inputs, wanted):
        z, running = network(p, inputs, running) if running else (network(p, inputs), running)
        return loss_of(z, wanted), running

    def step(state, inputs, wanted):
        p, running, moments = state
        (loss, running), gradients = jax.value_and_grad(objective, has_aux=True)(p, running, inputs, wanted)
        updates, moments = optimizer.update(gradients, moments, p)
        return (optax.apply_updates(p, updates), running, moments), loss

    p = {name: jnp.asarray(value) for name, value in parameters.items()}
    running = {name[:-2]: (jnp.zeros_like(value), jnp.ones_like(value)) for name, value in p.items()
               if "bn" in name and name.endswith(".g")}
    state = (p, running, optimizer.init(p))
    one = jax.jit(step, donate_argnums=0)
    batches = list(zip(x, y))

    def steps(state, first, n):
        def body(i, carry):
            return step(carry[0], x[i % x.shape[0]], y[i % x.shape[0]])
        return lax.fori_loop(first, first + n, body, (state, jnp.float32(0)))
    many = jax.jit(steps, donate_argnums=0)

    def run(first, n):
        nonlocal state
        if args.mode == "scan":
            state, loss = many(state, first, n)
        else:
            for i in range(first, first + n):
                state, loss = one(state, *batches[i % len(batches)])
        jax.block_until_ready(state)
        return float(loss)

    serve(args.workload, run, import_s)


main()
