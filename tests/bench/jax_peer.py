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
import_s = time.perf_counter() - start

from workloads import WORKLOADS, load


def network(work):
    layers = [layer for layer, _, _ in work.layers()]
    activation = jax.nn.sigmoid if work.hidden == "sigmoid" else jax.nn.relu

    def forward(p, x):
        for layer in layers:
            x = (x if layer == layers[0] else activation(x)) @ p[layer + ".w"] + p[layer + ".b"]
        return x
    return forward


LOSSES = {"squared": lambda z, y: jnp.square(jax.nn.sigmoid(z) - y).mean(),
          "logit": lambda z, y: optax.sigmoid_binary_cross_entropy(z, y).mean(),
          "classes": lambda z, y: optax.softmax_cross_entropy_with_integer_labels(z, y).mean()}


def main():
    args = arguments(("jit", "scan"))
    work = WORKLOADS[args.workload]
    parameters, x, y = load(args.data, args.workload)
    x, y = jnp.asarray(x), jnp.asarray(y)
    forward, loss_of = network(work), LOSSES[work.loss]
    optimizer = optax.adam(work.rate) if work.optimizer == "adam" else optax.sgd(work.rate)

    def step(state, inputs, wanted):
        p, moments = state
        loss, gradients = jax.value_and_grad(lambda p: loss_of(forward(p, inputs), wanted))(p)
        updates, moments = optimizer.update(gradients, moments, p)
        return (optax.apply_updates(p, updates), moments), loss

    state = {name: jnp.asarray(value) for name, value in parameters.items()}
    state = (state, optimizer.init(state))
    one = jax.jit(step, donate_argnums=0)
    batches = list(zip(x, y))

    def steps(state, first, n):
        def body(i, carry):
            return step(carry[0], x[i % x.shape[0]], y[i % x.shape[0]])
        return jax.lax.fori_loop(first, first + n, body, (state, jnp.float32(0)))
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
