"""Problems to associate, from one file or from several with a matrix each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hnetzoo.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor

    from hnetzoo.association.problem_files import StoredProblems

OBSERVATION_COLUMNS = range(4, 8)  # of files of directions, as those of DCASE


class Inputs(NamedTuple):
    """Problems, and the file of each, where they come from several; otherwise None."""

    stored: "StoredProblems"
    files: list[str] | None


def read_inputs(sources: Sequence[Path], *, costs: bool) -> Inputs:
    """Return the problems of a file, or of several, of which the smaller ones get masked slots.

    Raises:
        ConfigError: If a suffix is unknown, or one of several files is .npz, which has masks of its own.
        DataError: If a file cannot be read, or its numbers are no distances.
    """
    from hnetzoo.association.problem_files import read_distances
    from hnetzoo.association.stacking import stack

    several = len(sources) > 1
    for source in sources:
        if several and source.suffix == ".npz":
            raise ConfigError(f"'{source}' holds problems of its own; give it alone, or .csv and .npy files together")
    read = [read_distances(source) for source in sources]
    for source, stored in zip(sources, read, strict=True):
        _check_distances(source, *stored.problems, costs=costs)
    if not several:
        return Inputs(read[0], None)
    files = [str(source) for source, stored in zip(sources, read, strict=True) for _ in stored.distance]
    return Inputs(stack(matrix for stored in read for matrix in stored.distance), files)


def _check_distances(source: Path, distance: "Tensor", row_mask: "Tensor", col_mask: "Tensor", *, costs: bool) -> None:
    """Raise DataError if the numbers are no distances: negative, or lines of observations instead of a matrix."""
    valid = row_mask[:, :, None] & col_mask[:, None, :]
    if not costs and bool((distance < 0)[valid].any()):
        raise DataError(
            f"'{source}' holds negative numbers, and distances are 0 or more; give --costs if costs are meant"
        )
    if source.suffix == ".csv" and _are_observations(distance[0]):
        raise DataError(
            f"'{source}' looks like lines of observations (frame, class, ...) instead of a matrix of distances; use "
            "the dataset doa-csv for files of directions, mot for boxes"
        )


def _are_observations(matrix: "Tensor") -> bool:
    """Return whether a matrix has a few columns of which the first two are frames in order and whole labels."""
    rows, columns = matrix.shape
    if rows < 2 * columns or columns not in OBSERVATION_COLUMNS:
        return False
    frame, label = matrix[:, 0], matrix[:, 1]
    whole = bool((matrix[:, :2] == matrix[:, :2].round()).all())
    return whole and bool((frame.diff() >= 0).all()) and bool(frame[-1] > frame[0]) and bool(label.max() < rows)
