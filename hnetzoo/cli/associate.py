"""`hnetzoo associate MODEL INPUT...`: associate the problems of files of distances."""

import csv
import io
import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.matrices import read_inputs
from hnetzoo.cli.options import DeviceOption, JsonOption, SetOption, resolve_device
from hnetzoo.cli.output import check_writable, note, print_json, scope_warnings
from hnetzoo.config import read_values
from hnetzoo.errors import ConfigError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.specs import FEATURES
from hnetzoo.registry.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from torch import Tensor

    from hnetzoo.association.problem_files import StoredProblems
    from hnetzoo.registry.resolution import Weights

SUFFIXES = (".npz", ".npy", ".csv")


class Method(StrEnum):
    """How logits are decoded into associations."""

    threshold = "threshold"
    one_to_one = "one-to-one"


def associate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name, name@variant or run:PATH.", show_default=False)
    ],
    source: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Distances: .npz, .npy or .csv (a matrix); several .npy and .csv of any sizes.",
            show_default=False,
        ),
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
    """Associate references (rows) with predictions (columns).

    Problems are counted from 0 over all inputs; where these are several, each pair says which file it is from.
    """
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
    from hnetzoo.registry.resolution import resolve_model

    stored, files = read_inputs(source, costs=costs)
    where = resolve_device(device)
    b, n, m = stored.distance.shape
    problems = stored.problems
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
        _write_arrays(out, association, probability, files)
    pairs = _pairs(association, probability, files)
    name = weights.name if weights else "none"
    if json:
        print_json({"problems": b, "shape": [n, m], "model": model, "weights": name, **facts, "pairs": pairs})
    elif out is None:
        typer.echo(_csv(pairs, probabilities, files), nl=False)
    if out and out.suffix == ".csv":
        _write_text(out, _csv(pairs, probabilities, files))
    if out and not json:
        typer.echo(f"wrote {len(pairs):,} pairs of {b:,} problems to {out}")
    if not json:
        note(_summary(len(pairs), b, facts))


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
    parts = [f"{_count(pairs, 'pair')} in {_count(problems, 'problem')}; distances taken {_unit(facts['unit'])}"]
    if "f1" in facts:
        parts.append(f"F1 {facts['f1']:.4f}, exact {facts['exact']:.4f} against the truth in the file")
    if not pairs:
        parts.append("none was made: check the unit, the masks, and that not all distances are infinite")
    if "optimality_gap" in facts:
        proven = [gap for gap in facts["optimality_gap"] if gap is not None]
        worst = f"at most {max(proven):.3g} above the least total distance" if proven else "nothing proven"
        parts.append(f"{worst} ({len(proven)} of {problems} problems proven)")
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _unit(name: str) -> str:
    return "in any unit" if name in ("any", "mixed") else f"as {name}"


def _pairs(association: "Tensor", probability: "Tensor | None", files: list[str] | None) -> list[dict[str, Any]]:
    """Return the pairs as {"problem", "reference", "prediction"[, "probability"][, "file"]}, counted from 0."""
    places = association.nonzero()
    names = ("problem", "reference", "prediction")
    pairs: list[dict[str, Any]] = [dict(zip(names, place, strict=True)) for place in places.tolist()]
    if probability is not None:
        for pair, value in zip(pairs, probability[association].tolist(), strict=True):
            pair["probability"] = round(value, 6)
    if files:
        for pair in pairs:
            pair["file"] = files[pair["problem"]]
    return pairs


def _csv(pairs: list[dict[str, Any]], probabilities: bool, files: list[str] | None) -> str:
    text = io.StringIO()
    names = ["problem", "reference", "prediction", *(["probability"] if probabilities else [])]
    names += ["file"] if files else []
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(pairs)
    return text.getvalue()


def _write_arrays(out: Path, association: "Tensor", probability: "Tensor | None", files: list[str] | None) -> None:
    import numpy as np

    from hnetzoo.association.problem_files import write_array, write_arrays

    if out.suffix == ".npy":
        write_array(out, association.numpy())
        return
    arrays = {"association": association.numpy()}
    if probability is not None:
        arrays["probability"] = probability.numpy()
    if files:
        arrays["files"] = np.array(files)
    write_arrays(out, arrays)


def _write_text(out: Path, text: str) -> None:
    from hnetzoo.files import write_file

    write_file(out, text.encode())
