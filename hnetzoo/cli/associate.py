"""`hnetzoo associate MODEL INPUT`: associate the problems of a file of distances."""

import csv
import io
import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import DeviceOption, JsonOption, SetOption, resolve_device
from hnetzoo.cli.output import check_writable, note, print_json, scope_warnings
from hnetzoo.config import read_values
from hnetzoo.errors import ConfigError, DataError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.specs import FEATURES
from hnetzoo.registry.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from torch import Tensor

    from hnetzoo.association.problem_files import StoredProblems
    from hnetzoo.registry.resolution import Weights

SUFFIXES = (".npz", ".npy", ".csv")
OBSERVATION_COLUMNS = range(4, 8)  # of files of directions, as those of DCASE


class Method(StrEnum):
    """How logits are decoded into associations."""

    threshold = "threshold"
    one_to_one = "one-to-one"


def associate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name, name@variant or run:PATH.", show_default=False)
    ],
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Distances: .npz, .npy or .csv (a matrix).", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write .npz or .npy (bool arrays) or .csv (a line per pair); stdout without it."),
    ] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Add the probability of each pair.")] = False,
    method: Annotated[
        Method, typer.Option(help="threshold: pairs above 0.5; one-to-one: best one-to-one.")
    ] = Method.threshold,
    certificate: Annotated[
        bool, typer.Option("--certificate", help="Prove how far the pairs are at most from the least total distance.")
    ] = False,
    costs: Annotated[bool, typer.Option("--costs", help="INPUT holds costs, which may be negative.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse problems outside the scope of the weights.")] = False,
    settings: SetOption = None,
    device: DeviceOption = "cpu",
    json: JsonOption = False,
) -> None:
    """Associate references (rows) with predictions (columns)."""
    if out and out.suffix not in SUFFIXES:
        raise ConfigError(f"--out '{out}' is of no known kind; choose one of {', '.join(SUFFIXES)}")
    if out and out.suffix == ".npy" and probabilities:
        raise ConfigError("a .npy file holds one array; write --probabilities to .npz or .csv")
    check_writable(out)
    values = read_values(overrides=settings or ())
    if values["trainer"] or values["dataset"]:
        raise ConfigError("associate takes settings of the model alone; use --set model.KEY=VALUE")
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.association.decoding import decode
    from hnetzoo.association.prediction import predict
    from hnetzoo.association.problem_files import read_distances
    from hnetzoo.registry.resolution import resolve_model

    stored = read_distances(source)
    where = resolve_device(device)
    b, n, m = stored.distance.shape
    problems = stored.distance, stored.row_mask, stored.col_mask
    _check_distances(source, *problems, costs=costs)
    with stdout_to_stderr(), scope_warnings(strict=strict):
        resolved = resolve_model(model, registry, values["model"])
        matcher = resolved.load((n, m)).to(where)
        features = stored.features if FEATURES in resolved.spec.tags else {}
        logits = predict(matcher, *problems, features=features, name=model, device=where)
    association = decode(logits, *problems[1:], method=method.value)
    probability = logits.sigmoid() if probabilities else None
    weights = None if getattr(matcher, "ignores_weights", False) else resolved.weights
    facts = _facts(weights, association, stored, logits if certificate else None)
    if out and out.suffix != ".csv":
        _write_arrays(out, association, probability)
    pairs = _pairs(association, probability)
    name = weights.name if weights else "none"
    if json:
        print_json({"problems": b, "shape": [n, m], "model": model, "weights": name, **facts, "pairs": pairs})
    elif out is None:
        typer.echo(_csv(pairs, probabilities), nl=False)
    if out and out.suffix == ".csv":
        _write_text(out, _csv(pairs, probabilities))
    if out and not json:
        typer.echo(f"wrote {len(pairs):,} pairs of {b:,} problems to {out}")
    if not json:
        note(_summary(len(pairs), b, facts))


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


def _facts(
    weights: "Weights | None", association: "Tensor", stored: "StoredProblems", logits: "Tensor | None"
) -> dict[str, Any]:
    """Return the unit that the distances were taken in, scores if the file has the truth, and the certificate."""
    scope = weights.scope if weights else None
    facts: dict[str, Any] = {"unit": scope.unit if scope else "any"}
    batch = stored.batch
    if batch is not None:
        from hnetzoo.association.counts import compare

        counts = compare(association, batch).total()
        facts |= {"f1": counts.f1, "exact": counts.exact_share}
    if logits is not None:
        from hnetzoo.association.certificate import optimality_gap

        gaps = optimality_gap(logits, stored.distance, stored.row_mask, stored.col_mask)
        facts["optimality_gap"] = [gap if math.isfinite(gap) else None for gap in gaps.tolist()]
    return facts


def _summary(pairs: int, problems: int, facts: dict[str, Any]) -> str:
    parts = [
        f"{pairs:,} pairs in {problems:,} problem{'' if problems == 1 else 's'}; distances taken {_unit(facts['unit'])}"
    ]
    if "f1" in facts:
        parts.append(f"F1 {facts['f1']:.4f}, exact {facts['exact']:.4f} against the truth in the file")
    if not pairs:
        parts.append("none was made: check the unit, the masks, and that not all distances are infinite")
    if "optimality_gap" in facts:
        proven = [gap for gap in facts["optimality_gap"] if gap is not None]
        worst = f"at most {max(proven):.3g} above the least total distance" if proven else "nothing proven"
        parts.append(f"{worst} ({len(proven)} of {problems} problems proven)")
    return "; ".join(parts)


def _unit(name: str) -> str:
    return "in any unit" if name in ("any", "mixed") else f"as {name}"


def _pairs(association: "Tensor", probability: "Tensor | None") -> list[dict[str, Any]]:
    """Return the pairs as {"problem", "reference", "prediction"[, "probability"]}, counted from 0."""
    places = association.nonzero()
    names = ("problem", "reference", "prediction")
    pairs: list[dict[str, Any]] = [dict(zip(names, place, strict=True)) for place in places.tolist()]
    if probability is not None:
        for pair, value in zip(pairs, probability[association].tolist(), strict=True):
            pair["probability"] = round(value, 6)
    return pairs


def _csv(pairs: list[dict[str, Any]], probabilities: bool) -> str:
    text = io.StringIO()
    names = ("problem", "reference", "prediction", *(["probability"] if probabilities else []))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(pairs)
    return text.getvalue()


def _write_arrays(out: Path, association: "Tensor", probability: "Tensor | None") -> None:
    from hnetzoo.association.problem_files import write_array, write_arrays

    if out.suffix == ".npy":
        write_array(out, association.numpy())
        return
    arrays = {"association": association.numpy()}
    if probability is not None:
        arrays["probability"] = probability.numpy()
    write_arrays(out, arrays)


def _write_text(out: Path, text: str) -> None:
    from hnetzoo.files import write_file

    write_file(out, text.encode())
