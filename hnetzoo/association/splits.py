"""Splits of datasets: their sizes, seeds and slices, and checks of what a dataset returns."""

import numpy as np
import torch
from torch import Tensor

from hnetzoo.association.batch import PAIRWISE, SPLITS, AssociationBatch, Split
from hnetzoo.association.contracts import Dataset
from hnetzoo.association.problem_values import improbable
from hnetzoo.errors import DataError


def load_split(dataset: Dataset, split: Split, seed: int) -> AssociationBatch:
    """Return a split of a dataset after checking it.

    Raises:
        DataError: If a field does not have the shape and type of an AssociationBatch of this dataset, or a distance
            inside the masks is NaN or a probability there is not in 0..1.
    """
    batch = dataset.load(split, seed)
    problem = misshapen(batch, dataset.shape) or mistyped(batch)
    if problem:
        raise DataError(f"{split} split: {problem}; correct the dataset")
    for piece in batch.pieces():
        if bool((piece.distance.isnan() & piece.cells).any()):
            raise DataError(f"{split} split: distance is NaN inside the masks; mask the slots or correct the values")
        if piece.probability is not None and bool((improbable(piece.probability) & piece.cells).any()):
            raise DataError(f"{split} split: probability is not in 0..1 inside the masks; correct the dataset")
    return batch


def split_seed(split: Split, seed: int) -> int:
    """Return the seed of a split; it differs for every split and seed.

    Example:
        >>> [split_seed(split, seed) for seed in (0, 1) for split in SPLITS]
        [0, 1, 2, 3, 4, 5]
    """
    return len(SPLITS) * seed + SPLITS.index(split)


def split_generator(split: Split, seed: int) -> np.random.Generator:
    """Return the random generator of a split, independent for every split and seed.

    Example:
        >>> split_generator("train", 0).random() == split_generator("test", 0).random()
        False
    """
    return np.random.default_rng((seed, SPLITS.index(split)))


def split_slice(split: Split, count: int, validation_share: float, test_share: float) -> slice:
    """Return the frames of a split in a recording of `count` frames: training first, then validation, then test.

    Splits are contiguous, because frames near in time are almost the same problem.

    Example:
        >>> [split_slice(split, 10, 0.2, 0.3) for split in SPLITS]
        [slice(0, 5, None), slice(5, 7, None), slice(7, 10, None)]
    """
    test = round(count * (1 - test_share))
    validation = round(count * (1 - test_share - validation_share))
    borders = (0, validation, test, count)
    index = SPLITS.index(split)
    return slice(borders[index], borders[index + 1])


def misshapen(batch: AssociationBatch, shape: tuple[int, int]) -> str:
    """Return what is wrong with the shapes of n x m = `shape` problems; "" if nothing is."""
    b, (n, m) = len(batch.distance), shape
    expected = {**dict.fromkeys(PAIRWISE, (b, n, m)), "truth": (b,)}
    for name, field in batch.tensors.items():
        found = tuple(field.shape[:-1]) if name.endswith("_features") else tuple(field.shape)
        wanted = expected.get(name, (b, n) if name.startswith("row") else (b, m))
        if found != wanted:
            return f"{name} is {list(field.shape)}; {b} problems of {n} x {m} require {list(wanted)}"
    return ""


def mistyped(batch: AssociationBatch) -> str:
    """Return what is wrong with the types of a batch; "" if nothing is."""
    for name, field in batch.tensors.items():
        expected = (
            torch.float32
            if name in ("distance", "probability") or name.endswith("_features")
            else torch.int64
            if name == "truth"
            else torch.bool
        )
        if field.dtype != expected:
            return f"{name} is {field.dtype}; expected {expected}".replace("torch.", "")
    return ""


def label_shares(batch: AssociationBatch) -> Tensor:
    """Return the share of problems in which each pair is true, float64 [n, m]; zeros for an empty batch.

    Example:
        >>> batch = AssociationBatch.with_full_masks(torch.zeros(2, 1, 2), torch.tensor([[[1, 0]], [[0, 0]]]).bool())
        >>> label_shares(batch).tolist()
        [[0.5, 0.0]]
    """
    true = torch.zeros(batch.association.shape[1:], dtype=torch.int64, device=batch.association.device)
    for piece in batch.pieces():
        true += piece.association.sum(0)
    return (true.double() / len(batch.association)).nan_to_num() if len(batch.association) else true.double()
