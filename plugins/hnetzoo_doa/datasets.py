"""Datasets doa-reference and doa: synthetic directions of arrival, generated as whole arrays.

`doa-reference` is the protocol of the original Hnet (Adavanne et al., WASPAA 2021, and its data script), with its
flaws: rows or columns are permuted but never both, and constant pads put inactive slots at distance 0 from each other.
`doa` is the corrected task: both axes are permuted, and inactive slots hold far random points or are masked out.
"""

from abc import ABC, abstractmethod

import numpy as np
import torch

import hnetzoo
from hnetzoo_doa.config import EVALUATION_SHARE, UNIT, DOAConfig, DOAReferenceConfig
from hnetzoo_doa.geometry import Floats, chordal_distance, grid_directions, perturb, uniform_directions
from hnetzoo_doa.points import Bools, Ints, Points, far_points, permutations

CONSTANT_PAD = 10.0  # each coordinate of the original Hnet's constant pad
PAD_RANGE = 100.0  # the original Hnet's random pads lie in a cube of this half-width


class SyntheticDOA(ABC):
    """Base class of both datasets: makes problems of random points."""

    unit = UNIT
    config: DOAReferenceConfig | DOAConfig

    @property
    def shape(self) -> tuple[int, int]:
        """(max_doas, max_doas)."""
        return self.config.max_doas, self.config.max_doas

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return a split: distances are chords, 0..2, and larger to inactive slots; the truth is the optimum."""
        points = self.draw(split, seed)
        distance = torch.from_numpy(chordal_distance(points.reference, points.predicted))
        truth = hnetzoo.assign(distance, *points.activity)
        return points.batch(distance.float(), truth, masked=self.masked)

    @property
    def truth(self) -> str:
        """What a true pair means: all that exist are paired, or the active ones."""
        return "assignment" if self.masked else "activity"

    @property
    def masked(self) -> bool:
        """Whether inactive slots are masked out."""
        return False

    @abstractmethod
    def draw(self, split: hnetzoo.Split, seed: int) -> Points:
        """Return the points of a split; the same split and seed give the same bits."""


class DOAReference(SyntheticDOA):
    """The dataset of the original Hnet.

    Example:
        >>> dataset = DOAReference(DOAReferenceConfig(samples=(10, 20, 30)))
        >>> batch = dataset.load("train", seed=0)
        >>> batch.distance.shape, dataset.unit
        (torch.Size([1260, 2, 2]), 'chord')
    """

    config: DOAReferenceConfig

    def __init__(self, config: DOAReferenceConfig) -> None:
        self.config = config

    def draw(self, split: hnetzoo.Split, seed: int) -> Points:
        """Return the points of a split, drawn by the steps of the protocol."""
        rng = hnetzoo.split_generator(split, seed)
        resolution, n_ref, n_pred = self._counts(split)
        slots = np.arange(self.config.max_doas)
        row_active, col_active = slots < n_ref[:, None], slots < n_pred[:, None]
        reference, predicted = (self._directions(rng, resolution) for _ in range(2))
        constant = rng.random(len(resolution)) < 0.5
        for points, active in ((reference, row_active), (predicted, col_active)):
            np.copyto(points, _reference_pads(rng, constant, len(slots)), where=~active[..., None])
        permute_rows = rng.random(len(resolution)) < 0.5
        order, unchanged = permutations(rng, len(resolution), len(slots)), slots[None]
        return Points(reference, predicted, row_active, col_active).reorder(
            np.where(permute_rows[:, None], order, unchanged),
            np.where(permute_rows[:, None], unchanged, order),
        )

    def _counts(self, split: hnetzoo.Split) -> tuple[Ints, Ints, Ints]:
        """Return resolution [degrees], n_ref and n_pred of every sample, each [b]."""
        per_side = np.arange(self.config.max_doas + 1)
        grid = np.stack(np.meshgrid(self.config.resolutions_deg, per_side, per_side, indexing="ij"), -1).reshape(-1, 3)
        pairs = np.minimum(grid[:, 1], grid[:, 2])
        samples = np.array(self.config.samples)[np.minimum(pairs, len(self.config.samples) - 1)]
        if split != "train":
            samples = samples // EVALUATION_SHARE
        resolution, n_ref, n_pred = np.repeat(grid, samples, axis=0).T
        return resolution, n_ref, n_pred

    def _directions(self, rng: np.random.Generator, resolution: Ints) -> Floats:
        """Return unit vectors [b, max_doas, 3]; their angles are drawn without replacement on each sample's grid."""
        azimuths = _without_replacement(rng, 360 // resolution, self.config.max_doas)
        elevations = _without_replacement(rng, 180 // resolution + 1, self.config.max_doas)
        return grid_directions(azimuths * resolution[:, None] - 180, elevations * resolution[:, None] - 90)


class DOA(SyntheticDOA):
    """The corrected dataset.

    Example:
        >>> batch = DOA(DOAConfig(max_doas=4, samples=100, counts="known")).load("train", seed=0)
        >>> batch.distance.shape, bool(batch.row_mask.all())
        (torch.Size([100, 4, 4]), False)
    """

    config: DOAConfig

    def __init__(self, config: DOAConfig) -> None:
        self.config = config

    @property
    def masked(self) -> bool:
        """Whether inactive slots are masked out."""
        return self.config.counts == "known"

    def draw(self, split: hnetzoo.Split, seed: int) -> Points:
        """Return the points of a split: directions, predictions and far points, both axes permuted."""
        rng, slots = hnetzoo.split_generator(split, seed), self.config.max_doas
        b = hnetzoo.split_size(split, self.config.samples)
        n_ref, n_pred = rng.integers(0, slots + 1, (2, b, 1))
        row_active, col_active = np.arange(slots) < n_ref, np.arange(slots) < n_pred
        reference = uniform_directions(rng, b, slots)
        predicted = self._predictions(rng, reference)
        points = Points(
            np.where(row_active[..., None], reference, far_points(rng, b, slots)),
            np.where(col_active[..., None], predicted, far_points(rng, b, slots)),
            row_active,
            col_active,
        )
        return points.reorder(permutations(rng, b, slots), permutations(rng, b, slots))

    def _predictions(self, rng: np.random.Generator, reference: Floats) -> Floats:
        """Return noisy copies of the references mixed with false alarms, unit vectors of the same shape."""
        b, slots, _ = reference.shape
        low, high = np.log(self.config.noise_deg)
        noise_deg = np.exp(rng.uniform(low, high, (b, 1)))
        independent = rng.random((b, 1)) < self.config.independent
        false_alarm = independent | (rng.random((b, slots)) < self.config.miss_rate)
        return np.where(false_alarm[..., None], uniform_directions(rng, b, slots), perturb(rng, reference, noise_deg))


def _without_replacement(rng: np.random.Generator, population: Ints, count: int) -> Ints:
    """Return `count` different integers below population [b], uniform and in random order, [b, count].

    The j-th draw is the rank among the values not yet taken; it moves past each smaller or equal value taken before.
    """
    drawn = np.empty((len(population), count), dtype=np.int64)
    for j in range(count):
        value = rng.integers(0, population - j)
        for taken in np.sort(drawn[:, :j], axis=1).T:
            value += value >= taken
        drawn[:, j] = value
    return drawn


def _reference_pads(rng: np.random.Generator, constant: Bools, slots: int) -> Floats:
    """Return the original Hnet's inactive points [b, slots, 3]: constant, or random coordinates outside [-1, 1]."""
    random = rng.uniform(-PAD_RANGE, PAD_RANGE, (len(constant), slots, 3))
    np.copyto(random, CONSTANT_PAD, where=(np.abs(random) <= 1) | constant[:, None, None])
    return random
