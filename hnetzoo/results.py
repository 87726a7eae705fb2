"""The numbers of one evaluation and of a whole benchmark, and their JSON document.

Torch-free, so stored results are rendered without the numerical stack.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hnetzoo.errors import DataError

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class BenchmarkRow:
    """One model on one split of one dataset.

    Ratios are in 0..1. `cells` and `layouts` hold {"exact", "f1", "problems"} by the numbers of active references and
    predictions ("1x2") and by the slots that they stand in ("01x11", 1 = active). `weighted_f1` is the origin's metric,
    None where it has no meaning; `delta_f1` is f1 minus that of the exact assignment of the distances as they stand.
    """

    model: str
    dataset: str
    split: str
    seed: int
    weights: str
    f1: float
    precision: float
    recall: float
    exact: float
    validity: float
    cost_gap: float | None
    weighted_f1: float | None
    f1_one_to_one: float
    delta_f1: float
    microseconds_per_problem: float
    parameters: int
    problems: int
    cells: Mapping[str, Mapping[str, float]]
    layouts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    plugin: str


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A model that was not evaluated on a dataset, and why."""

    model: str
    dataset: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class BenchmarkReport:
    """Everything a benchmark found; `baseline` is the model that others are held against, "" if it did not run.

    Example:
        >>> BenchmarkReport(environment={}, rows=()).to_json()["schema"]
        1
    """

    environment: Mapping[str, Any]
    rows: tuple[BenchmarkRow, ...]
    skipped: tuple[Skipped, ...] = ()
    baseline: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of design schema 1."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def read(cls, path: Path) -> "BenchmarkReport":
        """Read a stored document; raises DataError naming the file if it is not one."""
        try:
            document = json.loads(path.read_text())
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']}, expected {SCHEMA}")
            return cls(
                environment=document["environment"],
                rows=tuple(_row(row) for row in document["rows"]),
                skipped=tuple(Skipped(**entry) for entry in document.get("skipped", ())),
                baseline=document.get("baseline", ""),
            )
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(map(str, problem["loc"]))
            raise DataError(
                f"'{path}' is not a benchmark document ({place} = {problem['input']!r}: {problem['msg']}); "
                "write one with 'hnetzoo benchmark --json'"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"'{path}' is not a benchmark document ({error}); write one with 'hnetzoo benchmark --json'"
            ) from None


def _row(document: Mapping[str, Any]) -> BenchmarkRow:
    """Build a row; raises TypeError for other keys and ValidationError for values of another type."""
    row = BenchmarkRow(**document)
    TypeAdapter(BenchmarkRow).validate_python(document)
    return row
