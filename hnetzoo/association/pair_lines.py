"""Problems as lines of text, one pair a line, as a spreadsheet or a data frame writes them.

    problem,row,column,distance,association
    1,a,x,0.13,1
    1,a,y,0.90,0
    2,b,x,0.22,1

The columns may stand in any order, and others may stand beside them. Problems, rows and columns are called by any
texts; pairs that are not listed cannot be made.
"""

import csv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.problem_files import LARGEST_TEXT
from hnetzoo.config import check_cells
from hnetzoo.errors import DataError
from hnetzoo.files import read_file, reason

COLUMNS = ("problem", "row", "column", "distance", "association")

Codes = NDArray[np.intp]


def has_pair_lines(path: Path) -> bool:
    """Return whether a text file begins with the names of `COLUMNS`; raises DataError if it cannot be read."""
    return set(COLUMNS) <= set(next(csv.reader(_text(path)[:1]), []))


def read_pair_lines(path: Path) -> AssociationBatch:
    """Return the problems of a file, in the order in which they first appear.

    Returns:
        Float32 distances [b, n, m] with masks, +inf for pairs that are not listed, and their truth.

    Raises:
        DataError: If the file cannot be read, a line is not as described, a pair is listed twice, a row or column has
            several true pairs, or there are too many; names the file and, where there is one, the line.
    """
    lines = list(csv.DictReader(_text(path)))
    if not lines:
        raise DataError(f"'{path}' holds no pairs; write a line for each below {','.join(COLUMNS)}")
    distance, true = _numbers(path, lines, "distance"), _numbers(path, lines, "association")
    problem = _first_appearing(np.array([line["problem"] for line in lines]))
    (row, n_rows), (col, n_cols) = (_places(problem, [line[name] for line in lines]) for name in ("row", "column"))
    b, n, m = len(n_rows), int(n_rows.max()), int(n_cols.max())
    try:
        check_cells(b, n, m)
    except ValueError as error:
        raise DataError(f"'{path}': {error}") from None
    flat = (problem * n + row) * m + col
    _check_once(path, flat)
    _check_values(path, distance, true)
    batch = AssociationBatch(
        distance=_filled(torch.full((b, n, m), torch.inf), flat, torch.from_numpy(distance).float()),
        association=_filled(torch.zeros(b, n, m, dtype=torch.bool), flat, torch.from_numpy(true == 1)),
        row_mask=torch.arange(n) < torch.from_numpy(n_rows)[:, None],
        col_mask=torch.arange(m) < torch.from_numpy(n_cols)[:, None],
    )
    for axis, side in ((2, "row"), (1, "column")):
        if bool((batch.association.sum(axis) > 1).any()):
            raise DataError(f"'{path}' has a {side} with more than one true pair; keep one")
    return batch


def _text(path: Path) -> list[str]:
    try:
        return read_file(path, LARGEST_TEXT).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read '{path}' ({reason(error)}); give a text file of pairs") from None


def _numbers(path: Path, lines: list[dict[str, str]], name: str) -> NDArray[np.float64]:
    values = np.empty(len(lines))
    for index, line in enumerate(lines):
        try:
            values[index] = float(line[name])
        except (TypeError, ValueError):
            raise DataError(f"'{path}', line {index + 2}: {name} is {line[name]!r}; expected a number") from None
    return values


def _first_appearing(names: NDArray[np.str_]) -> Codes:
    """Return the number of each name in the order of first appearance, [lines]."""
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    order: Codes = np.argsort(np.argsort(first))
    return order[inverse]


def _places(problem: Codes, names: list[str]) -> tuple[Codes, Codes]:
    """Return the slot of each line within its problem, [lines], and the number of slots of each problem, [b]."""
    code = _first_appearing(np.array(names))
    slots, inverse = np.unique(problem * (int(code.max()) + 1) + code, return_inverse=True)
    counts = np.bincount(slots // (int(code.max()) + 1))
    return inverse - (counts.cumsum() - counts)[problem], counts


def _check_once(path: Path, flat: Codes) -> None:
    _, first, counts = np.unique(flat, return_index=True, return_counts=True)
    if (counts > 1).any():
        line = int(first[counts > 1].min()) + 2
        raise DataError(f"'{path}', line {line}: this pair of its problem is listed twice; keep one of the lines")


def _check_values(path: Path, distance: NDArray[np.float64], true: NDArray[np.float64]) -> None:
    checks = ((np.isnan(distance), "distance is NaN"), (~np.isin(true, (0, 1)), "association is neither 0 nor 1"))
    for wrong, what in checks:
        if wrong.any():
            raise DataError(f"'{path}', line {int(wrong.argmax()) + 2}: {what}; correct it")


def _filled(empty: torch.Tensor, flat: Codes, values: torch.Tensor) -> torch.Tensor:
    """Return a tensor [b, n, m] with values at some of its flat places."""
    empty.view(-1)[torch.from_numpy(flat)] = values
    return empty
