"""The two hot loops of the noise lab in NumPy, beside the program's in the same run.

    python3 scripts/noise_reference.py path/to/schedlab [--gpu]

Both do the same work in double precision on one core: particles of a 3 x 3 grid of Gaussians
through 20 DDIM steps with the exact denoiser, and one call of the exact denoiser of an image set.
Prints rates and their ratios; compare the ratios, the rates depend on the machine.
"""

import json
import os
import subprocess
import sys
import time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

REPEAT = 3


def karras(n, low=0.002, high=80.0, rho=7.0):
    ramp = np.linspace(0.0, 1.0, n)
    levels = (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return np.append(levels, 0.0)


def particles(count, steps, chunk=4096):
    """Exact denoiser of the mixture in chunks that stay in the cache."""
    rng = np.random.default_rng(1)
    centres = np.array([[i % 3 - 1.0, i // 3 - 1.0] for i in range(9)])
    variance, levels = 0.05**2, karras(steps)
    points = rng.standard_normal((count, 2)) * levels[0]
    for first in range(0, count, chunk):
        x = points[first : first + chunk]
        for s, after in zip(levels[:-1], levels[1:]):
            total = variance + s * s
            gaps = x[:, None, :] - centres[None]
            logits = -0.5 * np.einsum("nkc,nkc->nk", gaps, gaps) / total
            logits -= logits.max(axis=1, keepdims=True)
            weights = np.exp(logits)
            weights /= weights.sum(axis=1, keepdims=True)
            estimate = (s * s * (weights @ centres) + variance * x) / total
            x += (x - estimate) / s * (after - s)
    return points


def images(data, queries, level):
    """Direct differences as in the program: the expanded square is faster and loses digits."""
    out = np.empty_like(queries)
    for i, x in enumerate(queries):
        gaps = data - x
        logits = -0.5 * np.einsum("nc,nc->n", gaps, gaps) / level**2
        weights = np.exp(logits - logits.max())
        out[i] = weights @ data / weights.sum()
    return out


def fastest(work):
    best = float("inf")
    for _ in range(REPEAT):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best


def main():
    program, options = sys.argv[1], sys.argv[2:]
    command = [program, "noise", "speed", "--repeat", str(REPEAT), *options]
    ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rng = np.random.default_rng(2)
    count, steps = ours["particles"], ours["steps"]
    reference = {"particle_steps": count * steps / fastest(lambda: particles(count, steps))}
    for name, rows, width in (("digits", 1797, 64), ("shapes", 2000, 1024)):
        data = rng.uniform(-1.0, 1.0, (rows, width))
        queries = data[:64] + 0.5 * rng.standard_normal((64, width))
        reference[name] = 64 * rows / fastest(lambda: images(data, queries, 0.5))
    print(f"{'work per second':<16}{'NumPy':>14}", end="")
    paths = [path for path in ("cpu", "gpu") if ours.get(path)]
    for path in paths:
        print(f"{path:>14}{'ratio':>8}", end="")
    print()
    for name, rate in reference.items():
        print(f"{name:<16}{rate:>14.4g}", end="")
        for path in paths:
            own = ours[path][name]["per_second"]
            print(f"{own:>14.4g}{own / rate:>8.2f}", end="")
        print()


if __name__ == "__main__":
    main()
