"""Matrices of different sizes as one batch of problems."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from hnetzoo.association.problem_files import StoredProblems
from hnetzoo.errors import DataError

NUMBERS = ("float", "bfloat", "int", "uint")  # names of types


def stack(matrices: Iterable[Any]) -> StoredProblems:
    """Return matrices of distances as one batch of problems; the smaller ones get masked slots.

    A model takes it as `model(*stacked.problems)`. Gradients pass to tensors that require them.

    Args:
        matrices: Each [n, m], of any n and m, 0 included: a tensor, an array, nested lists, or an object with
            `to_numpy()`, as tables of pandas are.

    Returns:
        distance float32 [b, n, m] of the largest n and m, on the device of the first matrix, 0 where masked; row_mask
        and col_mask.

    Raises:
        DataError: If a matrix is not [n, m], has no numbers, a NaN, or a finite number beyond float32.

    Example:
        >>> stacked = stack([[[0.1, 0.9]], np.ones((2, 3))])
        >>> stacked.distance.shape, stacked.row_mask.tolist(), stacked.col_mask.sum(1).tolist()
        (torch.Size([2, 2, 3]), [[True, False], [True, True]], [2, 3])
    """
    tensors = [_matrix(place, matrix) for place, matrix in enumerate(matrices)]
    if not tensors:
        return StoredProblems(torch.zeros(0, 0, 0), *(torch.zeros(0, 0, dtype=torch.bool) for _ in range(2)))
    device = tensors[0].device
    sizes = torch.tensor([tensor.shape for tensor in tensors], device=device)
    n, m = sizes.amax(0).tolist()
    padded = [pad(tensor.to(device), (0, m - tensor.shape[1], 0, n - tensor.shape[0])) for tensor in tensors]
    rows, columns = torch.arange(n, device=device), torch.arange(m, device=device)
    return StoredProblems(torch.stack(padded), rows < sizes[:, :1], columns < sizes[:, 1:])


def _matrix(place: int, matrix: Any) -> Tensor:
    """Return a matrix as float32 [n, m]; raises DataError that says which one is unusable."""
    found = matrix if isinstance(matrix, Tensor) else _array(matrix)
    if found.ndim == 1 and len(found) == 0:
        found = found.reshape(0, 0)  # an empty list: neither rows nor columns
    kind = f"{found.dtype}".removeprefix("torch.")
    if found.ndim != 2 or not kind.startswith(NUMBERS):
        shape = list(found.shape)
        raise DataError(f"matrix {place} is {kind} {shape}; give a list of matrices of numbers, each [n, m]")
    tensor = found if isinstance(found, Tensor) else torch.from_numpy(np.ascontiguousarray(found, dtype=np.float64))
    converted = tensor.to(torch.float32)
    if bool(converted.isnan().any()):
        raise DataError(f"matrix {place} has a NaN; correct it, or write inf for a pair that is forbidden")
    if bool((converted.isinf() & tensor.isfinite()).any()):
        raise DataError(f"matrix {place} has numbers beyond float32; scale it down, or write inf for forbidden pairs")
    return converted


def _array(matrix: Any) -> np.ndarray[Any, Any]:
    """Return an object as an array; of objects where it is none."""
    values = matrix.to_numpy() if hasattr(matrix, "to_numpy") else matrix
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.array([None])
