"""Compare generating the training split of doa-reference as whole arrays with a plain loop over samples.

python benchmarks/speed/generation.py
"""

from collections.abc import Iterator

import numpy as np
import typer
from measure import Repeats, compare, store
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

import hnetzoo

MAX_DOAS = 2
SAMPLES = (3000, 5000, 15000)
RESOLUTIONS_DEG = (1, 2, 3, 4, 5, 10, 15, 20, 30)

Floats = NDArray[np.float64]
Sample = tuple[Floats, Floats]


def plain_loop() -> Iterator[None]:
    """Yield once all samples are generated one by one, in a plain loop."""
    rng = np.random.default_rng(0)
    samples: list[Sample] = []
    for resolution in RESOLUTIONS_DEG:
        for n_ref in range(MAX_DOAS + 1):
            for n_pred in range(MAX_DOAS + 1):
                samples += [_sample(rng, resolution, n_ref, n_pred) for _ in range(SAMPLES[min(n_ref, n_pred)])]
        yield


def whole_arrays() -> Iterator[None]:
    """Yield once the dataset has generated its training split."""
    hnetzoo.load_dataset("doa-reference").load("train", seed=0)
    yield


def _sample(rng: np.random.Generator, resolution: int, n_ref: int, n_pred: int) -> Sample:
    constant = rng.random() < 0.5
    reference, predicted = (_slots(rng, resolution, count, constant) for count in (n_ref, n_pred))
    distance = np.linalg.norm(reference[:, None] - predicted[None], axis=-1)
    association = np.zeros_like(distance)
    rows, columns = linear_sum_assignment(distance[:n_ref, :n_pred])
    association[rows, columns] = 1
    order = rng.permutation(MAX_DOAS)
    if rng.random() < 0.5:
        return distance[order], association[order]
    return distance[:, order], association[:, order]


def _slots(rng: np.random.Generator, resolution: int, count: int, constant: bool) -> Floats:
    points = np.full((MAX_DOAS, 3), 10.0)
    if not constant:
        random = rng.uniform(-100, 100, (MAX_DOAS, 3))
        points = np.where(np.abs(random) <= 1, 10.0, random)
    azimuth = np.deg2rad(rng.choice(np.arange(-180, 180, resolution), count, replace=False))
    elevation = np.deg2rad(rng.choice(np.arange(-90, 91, resolution), count, replace=False))
    points[:count] = np.stack(
        (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)), axis=-1
    )
    return points


def main(repeats: Repeats = 3) -> None:
    """Time a plain loop over samples and hnetzoo's whole arrays, and store the result."""
    next(whole_arrays())  # imports, outside the timing
    found = compare({"plain loop over samples": plain_loop, "hnetzoo, whole arrays": whole_arrays}, repeats)
    store("generation", "Generating 405,000 training problems", "The training split of doa-reference,", {"": found})


if __name__ == "__main__":
    typer.run(main)
