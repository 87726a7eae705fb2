"""Which dataset reads a file or folder of one's own, and with which settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hnetzoo.cli.output import note
from hnetzoo.errors import ConfigError, DataError

MATRICES = (".npy", ".csv")
GROUND_TRUTH = ("gt/gt.txt", "gt.txt")
DETECTIONS = ("det/*.txt", "det*.txt")
MANIFEST = "manifest.json"  # of `hnetzoo.association.manifest`, which is not imported before it is needed
REFERENCES, PREDICTIONS = ("*reference*", "*truth*"), ("*predict*", "*estimat*")
SHARES = {"validation_share": 0.2, "test_share": 0.3}  # where the file stores no split
Described = tuple[str, dict[str, Any]]


def described(source: Path, truth: Path | None, together: Path) -> Described:
    """Return the name of the dataset that reads a file or folder, and its settings.

    Args:
        source: A .npz file, a .npy or .csv file with its truth, a .csv file with a line per pair, or a folder.
        truth: The true pairs of a .npy or .csv file.
        together: The .npz file that is written of these.

    Raises:
        ConfigError: If there is no such file, or none of a known kind.
        DataError: If distances and truth do not fit.
    """
    if not source.exists():
        raise ConfigError(f"'{source}' does not exist; give a file or folder of problems")
    if source.is_dir():
        return _folder(source)
    if source.suffix == ".npz":
        return "npz", {"path": str(source), **SHARES}
    if source.suffix not in MATRICES:
        raise ConfigError(f"'{source}' is of no known kind; give .npz, .npy, .csv or a folder, or --dataset NAME")
    if truth is None and source.suffix == ".csv" and _lists_pairs(source):
        return "npz", {"path": str(_of_pairs(source, together)), **SHARES}
    if truth is None:
        raise ConfigError(
            f"'{source}' holds distances alone; name the file of the true pairs with --truth, or give a .csv with a "
            "line per pair below problem,row,column,distance,association"
        )
    return "npz", {"path": str(_joined(source, truth, together)), **SHARES}


def _lists_pairs(source: Path) -> bool:
    from hnetzoo.association.pair_lines import has_pair_lines

    return has_pair_lines(source)


def _of_pairs(source: Path, out: Path) -> Path:
    """Write the problems of a file of pairs as .npz, and return its path."""
    from hnetzoo.association.pair_lines import read_pair_lines
    from hnetzoo.association.problem_files import write_problems

    write_problems(out, read_pair_lines(source))
    return out


def _joined(source: Path, truth: Path, out: Path) -> Path:
    """Write distances and their truth into one file, and return its path."""
    from hnetzoo.association.batch import AssociationBatch
    from hnetzoo.association.problem_files import read_distances, write_problems

    distance, pairs = read_distances(source).distance, read_distances(truth).distance
    if distance.shape != pairs.shape:
        raise DataError(
            f"'{truth}' is {list(pairs.shape)}, and '{source}' is {list(distance.shape)}; give equal shapes"
        )
    if not bool(((pairs == 0) | (pairs == 1)).all()):
        raise DataError(f"'{truth}' holds other numbers than 0 and 1; write 1 for true pairs")
    write_problems(out, AssociationBatch.with_full_masks(distance, pairs.bool()))
    return out


def _folder(source: Path) -> Described:
    """Return how a folder of problems, of sequences or of directions is read."""
    if (source / MANIFEST).is_file():
        return "npz", {"path": str(source), **SHARES}
    for name in GROUND_TRUTH:
        sequences = sorted({path.parents[name.count("/")] for path in source.glob(f"**/{name}")})
        if sequences:
            return "mot", {
                "sequences": [str(sequence) for sequence in sequences],
                "reference_file": name,
                "prediction_file": _common(source, sequences),
            }
    sides = [
        [path for pattern in patterns for path in sorted(source.glob(pattern))]
        for patterns in (REFERENCES, PREDICTIONS)
    ]
    if all(len(found) == 1 for found in sides):
        return "doa-csv", {"reference": str(sides[0][0]), "predicted": str(sides[1][0])}
    raise ConfigError(
        f"'{source}' holds neither MOTChallenge sequences (gt.txt or gt/gt.txt) nor one file each of reference and "
        "predicted directions; name them with --dataset mot or doa-csv and --set dataset.KEY=VALUE"
    )


def _common(source: Path, sequences: Sequence[Path]) -> str:
    """Return the file of detections that all sequences have, the first of several, with a note."""
    named = [
        {str(path.relative_to(sequence)) for pattern in DETECTIONS for path in sequence.glob(pattern)}
        for sequence in sequences
    ]
    found = sorted(set.intersection(*named))
    if not found:
        raise ConfigError(
            f"the sequences of '{source}' have no file of detections in common; name it with --dataset mot and "
            "--set dataset.prediction_file=FILE"
        )
    if len(found) > 1:
        note(f"took {found[0]} of {', '.join(found)}; --set dataset.prediction_file=FILE chooses another")
    return found[0]
