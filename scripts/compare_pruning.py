#!/usr/bin/env python3
"""Times the pruning lab's hot parts beside NumPy and PyTorch, one after the other in one run.

    python3 scripts/compare_pruning.py [cargo bench options]
    python3 scripts/compare_pruning.py --file target/release/schedlab    # a file to a file

Each piece of work is timed in Rust (`benches/pruning.rs`, through `cargo bench`), then in NumPy, and in
PyTorch where it is installed; everything on one thread. Printed are milliseconds and the ratio of the
library's time to ours: above 1 ours is faster. Needs numpy and safetensors; torch if there is one.
"""

import json
import os
import subprocess
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402  (after the number of threads)
import safetensors  # noqa: E402

try:
    import torch

    torch.set_num_threads(1)
except ImportError:
    torch = None

N, SIDE, SPARSITY = 1 << 24, 1 << 12, 0.9


def best(work, times=5):
    """Milliseconds of the fastest of a few runs, of processor time."""
    work()
    spent = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append(1e3 * (time.process_time() - start))
    return min(spent)


def ours(options):
    """Medians of the Rust benches in milliseconds, by name."""
    subprocess.run(["cargo", "bench", "--bench", "pruning", *options], check=True)
    folder = os.environ.get("CARGO_TARGET_DIR", "target") + "/criterion"
    found = {}
    for path, _, files in os.walk(folder):
        if os.path.basename(path) == "new" and "benchmark.json" in files:
            with open(f"{path}/benchmark.json", encoding="utf-8") as f:
                name = json.load(f)["full_id"]
            with open(f"{path}/estimates.json", encoding="utf-8") as f:
                found[name] = json.load(f)["median"]["point_estimate"] / 1e6
    return found


def numpy_work():
    w = np.random.default_rng(1).standard_normal(N, dtype=np.float32)
    k = round(SPARSITY * N)
    rows = w.reshape(-1, 4)

    def threshold():
        return np.partition(np.abs(w), k - 1)[k - 1]

    def mask():
        return np.abs(w) > threshold()

    def two_of_four():
        m = np.zeros(rows.shape, dtype=bool)
        np.put_along_axis(m, np.argpartition(np.abs(rows), 2, axis=1)[:, 2:], True, axis=1)
        return m

    million = w[: 1 << 20]
    square = w[: 512 * 512].reshape(512, 512)

    def slider():
        sizes = np.abs(million)
        k = sizes.size // 2
        return sizes > np.partition(sizes, k - 1)[k - 1]

    entry = {f"model.layers.{i}.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [16 * i, 16 * i + 16]} for i in range(20_000)}
    text = json.dumps(entry, separators=(",", ":")).encode()
    raw = len(text).to_bytes(8, "little") + text + bytes(16 * 20_000)
    yield "pruning 16.8 M/read", "numpy bitwise_xor.reduce", lambda: np.bitwise_xor.reduce(w.view(np.uint32))
    yield "pruning 16.8 M/threshold", "numpy partition", threshold
    yield "pruning 16.8 M/threshold and mask", "numpy partition and compare", mask
    yield "pruning 16.8 M/2 of 4", "numpy argpartition", two_of_four
    yield "pruning 1 M/threshold and mask", "numpy partition and compare, half", slider
    yield "spectrum 512/singular values", "numpy svd in double precision", lambda: np.linalg.svd(square.astype(np.float64), compute_uv=False)
    yield "safetensors/header of 20,000 tensors", "safetensors.deserialize", lambda: safetensors.deserialize(raw)
    a = np.random.default_rng(1).standard_normal((2048, 2048), dtype=np.float32)
    x = np.random.default_rng(2).standard_normal(2048, dtype=np.float32)
    yield "product 2048, 10 %/dense", "numpy matmul", lambda: a @ x


def torch_work():
    w = torch.randn(N, generator=torch.Generator().manual_seed(1))
    k = round(SPARSITY * N)
    rows = w.reshape(-1, 4)

    def two_of_four():
        m = torch.zeros(rows.shape)
        return m.scatter_(1, torch.topk(rows.abs(), 2, dim=1, sorted=False).indices, 1.0)

    def unstructured():
        m = torch.ones(N)
        m[torch.topk(w.abs(), k, largest=False).indices] = 0
        return m

    yield "pruning 16.8 M/threshold", "torch kthvalue", lambda: torch.kthvalue(w.abs(), k)
    yield "pruning 16.8 M/threshold and mask", "torch kthvalue and compare", lambda: w.abs() > torch.kthvalue(w.abs(), k).values
    yield "pruning 16.8 M/threshold and mask", "torch topk and scatter, as in l1_unstructured", unstructured
    yield "pruning 16.8 M/2 of 4", "torch topk and scatter", two_of_four
    a = torch.randn(2048, 2048)
    a[torch.rand(a.shape) > 0.1] = 0
    x = torch.randn(2048)
    sparse = a.to_sparse_csr()
    yield "product 2048, 10 %/dense", "torch matmul", lambda: a @ x
    yield "product 2048, 10 %/csr", "torch sparse CSR matmul", lambda: sparse @ x


def from_file_to_file(program):
    """Global magnitude at 90 % of a file of 16.8 million weights, written again; seconds of computing."""
    import resource
    import tempfile

    from safetensors.numpy import load_file, save_file

    def whole(a, k):
        return np.partition(a, k - 1)[k - 1]

    with tempfile.TemporaryDirectory() as folder:
        a, b, c = (f"{folder}/{n}.safetensors" for n in "abc")
        rng = np.random.default_rng(1)
        save_file({f"layer{i}.weight": rng.standard_normal((1024, 4096), dtype=np.float32) for i in range(4)}, a)

        def rust():
            subprocess.run([program, "prune", "--in", a, "--out", b, "--sparsity", str(SPARSITY)], check=True, stdout=subprocess.DEVNULL)

        def numpy():
            tensors = load_file(a)
            sizes = np.concatenate([np.abs(v).ravel() for v in tensors.values()])
            limit = whole(sizes, round(SPARSITY * sizes.size))
            save_file({n: np.where(np.abs(v) > limit, v, np.float32(0)) for n, v in tensors.items()}, c)

        def torch_topk():
            from safetensors.torch import load_file as load, save_file as save

            tensors = load(a)
            sizes = torch.cat([v.abs().flatten() for v in tensors.values()])
            mask = torch.ones_like(sizes)
            mask[torch.topk(sizes, round(SPARSITY * sizes.numel()), largest=False).indices] = 0
            at, out = 0, {}
            for name, v in tensors.items():
                out[name] = v * mask[at : at + v.numel()].view_as(v)
                at += v.numel()
            save(out, c)

        def spent(work, who):
            def now():
                used = resource.getrusage(who)
                return used.ru_utime + used.ru_stime

            times = []
            for _ in range(3):
                start = now()
                work()
                times.append(1e3 * (now() - start))
            return min(times)

        ours_ms = spent(rust, resource.RUSAGE_CHILDREN)
        works = [("numpy partition", numpy)] + ([("torch topk, as in l1_unstructured", torch_topk)] if torch else [])
        print(f"schedlab prune: {ours_ms:.0f} ms")
        for label, work in works:
            there = spent(work, resource.RUSAGE_SELF)
            print(f"{label}: {there:.0f} ms, ratio {there / ours_ms:.2f}")
        numpy()
        x, y = load_file(b), load_file(c)
        print("same weights as numpy:", all(np.array_equal(x[n], y[n]) for n in x))


def main():
    if sys.argv[1:2] == ["--file"]:
        from_file_to_file(sys.argv[2])
        return
    rust = ours(sys.argv[1:])
    works = list(numpy_work()) + (list(torch_work()) if torch else [])
    print(f"numpy {np.__version__}, " + (f"torch {torch.__version__}" if torch else "no torch") + ", one thread")
    print(f"{'work':38} {'ours, ms':>10} {'ms':>10} {'ratio':>7}  reference")
    for name, label, work in works:
        if name in rust:
            spent = best(work)
            print(f"{name:38} {rust[name]:10.3f} {spent:10.3f} {spent / rust[name]:7.2f}  {label}")


if __name__ == "__main__":
    main()
