"""Splits of datasets, checked before anything relies on them."""

import torch
from torch import Tensor

from hnetzoo.association.batch import AssociationBatch, Split
from hnetzoo.association.contracts import Dataset
from hnetzoo.errors import DataError


def load_split(dataset: Dataset, split: Split, seed: int) -> AssociationBatch:
    """Return a split of a dataset.

    Raises:
        DataError: If a field is not of the shape and type that the contract asks for, or a distance inside the masks is
            NaN.
    """
    batch = dataset.load(split, seed)
    problem = misshapen(batch, dataset.shape) or mistyped(batch)
    if problem:
        raise DataError(f"{split} split: {problem}; correct the dataset")
    if bool((batch.distance.isnan() & batch.cells).any()):
        raise DataError(f"{split} split: distance is NaN inside the masks; mask the slots or correct the values")
    return batch


def misshapen(batch: AssociationBatch, shape: tuple[int, int]) -> str:
    """Return what is wrong with the shapes of problems of n x m = `shape`; "" if nothing is."""
    b, (n, m) = len(batch.distance), shape
    expected = {"distance": (b, n, m), "association": (b, n, m)}
    for name, field in batch.tensors.items():
        found = tuple(field.shape[:-1]) if name.endswith("_features") else tuple(field.shape)
        wanted = expected.get(name, (b, n) if name.startswith("row") else (b, m))
        if found != wanted:
            return f"{name} is {list(field.shape)}; {b} problems of {n} x {m} ask for {list(wanted)}"
    return ""


def mistyped(batch: AssociationBatch) -> str:
    """Return what is wrong with the types of a batch; "" if nothing is."""
    for name, field in batch.tensors.items():
        expected = torch.float32 if name == "distance" or name.endswith("_features") else torch.bool
        if field.dtype != expected:
            return f"{name} is {field.dtype}; expected {expected}".replace("torch.", "")
    return ""


def label_shares(batch: AssociationBatch) -> Tensor:
    """Return the share of problems whose pair is true in each cell, float64 [n, m]; zeros for an empty batch."""
    return batch.association.double().mean(0).nan_to_num()
