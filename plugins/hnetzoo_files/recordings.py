"""Pairs of files, of references and of predictions: one recording each."""

from collections.abc import Iterable
from pathlib import Path

import hnetzoo

SUFFIX = ".csv"  # of the files of a folder; others in it are not read
MOST_NAMED = 20  # files in a message


def pair_files(reference: Path, predicted: Path) -> list[tuple[Path, Path]]:
    """Return the files of both sides: the two files, or those of two folders that have the same name, in its order.

    Subfolders are searched too, since DCASE groups its metadata by room while systems write one flat folder.

    Raises:
        DataError: If one side is a folder and the other is not, a folder holds no file or a name twice, or a file has
            no partner.
    """
    if not reference.is_dir() and not predicted.is_dir():
        return [(reference, predicted)]
    for path, other in ((reference, predicted), (predicted, reference)):
        if not path.is_dir():
            raise hnetzoo.DataError(f"'{path}' is no folder, and '{other}' is one; give two folders, or two files")
    sides = _files(reference), _files(predicted)
    names, others = sides[0].keys(), sides[1].keys()
    lacking = (reference, names - others), (predicted, others - names)
    alone = "; ".join(f"only in '{folder}': {_listed(found)}" for folder, found in lacking if found)
    if alone:
        raise hnetzoo.DataError(f"files without a partner of the same name, {alone}; add or remove them")
    return [(sides[0][name], sides[1][name]) for name in sorted(sides[0])]


def _files(folder: Path) -> dict[str, Path]:
    """Return the files of a folder and its subfolders by name; hidden ones are left out."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        if path.name.startswith("."):
            continue
        if path.name in found:
            raise hnetzoo.DataError(f"'{found[path.name]}' and '{path}' have one name; rename or remove one")
        found[path.name] = path
    if not found:
        raise hnetzoo.DataError(f"folder '{folder}' holds no {SUFFIX} file; give a folder of them")
    return found


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - MOST_NAMED} more" if len(ordered) > MOST_NAMED else ""
    return ", ".join(ordered[:MOST_NAMED]) + more
