#!/usr/bin/env python3
"""Times of the routing lab's hot paths in a reference framework, on one CPU thread.

The counterpart of `cargo bench --bench routing`: top-8 of 256, softmax, the stable permutation of
pairs by expert, one Sinkhorn pass in the log domain. Uses what is installed of PyTorch, JAX and
NumPy. Least of several runs, in milliseconds; run both on the same machine one after the other and
compare ratios.
"""

import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

EXPERTS, K, REPEATS = 256, 8, 15


def best(run):
    run()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def numpy_paths(np, tokens):
    rng = np.random.default_rng(1)
    z = rng.standard_normal((tokens, EXPERTS), dtype=np.float32)
    pairs = rng.integers(0, EXPERTS, tokens * K)

    def topk():
        part = np.argpartition(-z, K, axis=1)[:, :K]
        values = np.take_along_axis(z, part, 1)
        return np.take_along_axis(part, np.argsort(-values, axis=1, kind="stable"), 1)

    def softmax():
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def sinkhorn(z=z.astype(np.float64), g=np.zeros(EXPERTS)):
        a = z + g
        m = a.max(1, keepdims=True)
        f = -np.log(tokens) - (m[:, 0] + np.log(np.exp(a - m).sum(1)))
        b = z + f[:, None]
        m = b.max(0)
        return -np.log(EXPERTS) - (m + np.log(np.exp(b - m).sum(0)))

    return topk, softmax, lambda: np.argsort(pairs, kind="stable"), sinkhorn


def torch_paths(torch, tokens):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    z = torch.randn(tokens, EXPERTS)
    pairs = torch.randint(0, EXPERTS, (tokens * K,))
    wide, g = z.double(), torch.zeros(EXPERTS, dtype=torch.float64)

    def sinkhorn():
        f = -torch.logsumexp(wide + g, 1)
        return -torch.logsumexp(wide + f[:, None], 0)

    return (
        lambda: torch.topk(z, K, dim=1),
        lambda: torch.softmax(z, 1),
        lambda: torch.argsort(pairs, stable=True),
        sinkhorn,
    )


def jax_paths(jax, tokens):
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    key = jax.random.PRNGKey(1)
    z = jax.random.normal(key, (tokens, EXPERTS), dtype=jnp.float32)
    pairs = jax.random.randint(key, (tokens * K,), 0, EXPERTS)
    wide = z.astype(jnp.float64)

    def sinkhorn(z):
        f = -jax.scipy.special.logsumexp(z, 1)
        return -jax.scipy.special.logsumexp(z + f[:, None], 0)

    def ready(fn, x):
        fn = jax.jit(fn)
        return lambda: jax.block_until_ready(fn(x))

    return (
        ready(lambda x: jax.lax.top_k(x, K), z),
        ready(lambda x: jax.nn.softmax(x, 1), z),
        ready(lambda x: jnp.argsort(x, stable=True), pairs),
        ready(sinkhorn, wide),
    )


def main():
    found = []
    for name, paths in (("torch", torch_paths), ("jax", jax_paths), ("numpy", numpy_paths)):
        try:
            module = __import__(name)
            if name == "jax":
                __import__("jax.scipy.special")
        except ImportError:
            print(f"{name}: not installed")
            continue
        found.append((f"{name} {module.__version__}", module, paths))
    print(f"{'':24}{'tokens':>8}{'top-k':>10}{'softmax':>10}{'permute':>10}{'sinkhorn':>10}   ms")
    for title, module, paths in found:
        for tokens in (4096, 16384, 65536):
            times = [best(run) for run in paths(module, tokens)]
            print(f"{title:24}{tokens:8}" + "".join(f"{t:10.2f}" for t in times), flush=True)


if __name__ == "__main__":
    main()
