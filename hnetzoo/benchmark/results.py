"""The numbers of one evaluation and of a whole benchmark, and their JSON document.

Torch-free, so stored results are rendered without the numerical stack.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hnetzoo.errors import DataError
from hnetzoo.files import LARGEST_DOCUMENT, read_file

SCHEMA = 1
EVERY_MODEL = "*"
Groups = Mapping[str, Mapping[str, float]]
Matrix = tuple[tuple[float, ...], ...]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What follows from the logits of a model and the problems.

    Ratios are in 0..1. `cells` and `layouts` hold {"exact", "f1", "problems"} by the counts of active references and
    predictions ("1x2") and by the layout of the active slots ("01x11", 1 = active). `weighted_f1` is the metric of the
    original Hnet, None where it has no meaning; `delta_f1` is f1 minus that of the exact assignment of the distances as
    they stand. `proven_gap` is what duality proves of `cost_gap`, without an exact solver. `outcomes` holds what became
    of each problem, for `hnetzoo.benchmark.outcomes.unpack_outcomes`; empty where it was not kept. `calibration` holds
    {"probability", "true", "pairs"} for every tenth of the probabilities that some pair has: the mean probability, the
    share of true pairs, and how many there are.
    """

    f1: float
    precision: float
    recall: float
    exact: float
    validity: float
    cost_gap: float | None
    proven_gap: float | None = None
    weighted_f1: float | None
    f1_one_to_one: float
    delta_f1: float
    problems: int
    cells: Groups
    layouts: Groups = field(default_factory=dict)
    outcomes: str = ""
    calibration: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True, kw_only=True)
class BenchmarkRow(Scores):
    """The scores of one model on one split of one dataset.

    `outside` says how problems are outside the scope of the weights: "slots", "masks", "distances" and "truth".
    `timing` names the conditions of `microseconds_per_problem`: device, processor, threads, batch size.
    """

    model: str
    dataset: str
    split: str
    seed: int
    weights: str
    microseconds_per_problem: float
    parameters: int
    plugin: str
    timing: Mapping[str, Any] = field(default_factory=dict)
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A model that was not evaluated on a dataset, and why."""

    model: str
    dataset: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A model whose evaluation on a dataset ended in an error; `EVERY_MODEL` where the dataset itself did."""

    model: str
    dataset: str
    seed: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A test problem that models answer differently, for people to look at; no part of the JSON document.

    Fields:
        task: The label of its task.
        seed: Of the task's problems.
        index: Its place among the test problems.
        distance: [n, m], of the slots that exist; inf forbids a pair.
        row_active: [n], whether the slot holds a source.
        col_active: [m], likewise.
        truth: The true pairs (row, column).
        answers: Those of each model, by its title.
        unit: Of the distances.
        features: The names of the features of slots; "x", "y", "width" and "height" make boxes.
        row_features: [n, k]; None means none.
        col_features: [m, k], likewise.
    """

    task: str
    seed: int
    index: int
    distance: Matrix
    row_active: tuple[bool, ...]
    col_active: tuple[bool, ...]
    truth: Pairs
    answers: Mapping[str, Pairs]
    unit: str = ""
    features: tuple[str, ...] = ()
    row_features: Matrix | None = None
    col_features: Matrix | None = None


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """Where the rows of a model come from that somebody else ran; no part of the JSON document.

    Fields:
        by: The distribution of its plugin and its version, as "acme-net 1.0".
        notes: What else is to be said on a task, by its label.
    """

    by: str
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BenchmarkReport:
    """The outcome of a benchmark; `baseline` is the model that others are compared with, "" if it did not run.

    `tasks` describes the tasks by label: {"dataset": its name, "settings": as given, "sha256": {seed: that of the test
    problems}, "problems": how many, "block": how many neighbours have errors that go together, "redrawn": whether each
    seed has problems of its own}. `models` describes the models by label, as `hnetzoo.benchmark.description.describe`
    does. `suite` is the name of the suite's file without ".toml", "" without a suite. `submitted` names the models that
    somebody else ran.

    Example:
        >>> BenchmarkReport(environment={}, rows=()).to_json()["schema"]
        1
    """

    environment: Mapping[str, Any]
    rows: tuple[BenchmarkRow, ...]
    skipped: tuple[Skipped, ...] = ()
    failed: tuple[Failed, ...] = ()
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    baseline: str = ""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    suite: str = ""
    submitted: Mapping[str, Submitted] = field(default_factory=dict)

    def to_json(self, *, outcomes: bool = False) -> dict[str, Any]:
        """Return the JSON document of design schema 1, with what became of each problem if asked."""
        document = {"schema": SCHEMA, **asdict(replace(self, submitted={}))}
        del document["submitted"]
        for row in document["rows"] if not outcomes else ():
            del row["outcomes"]
        return document

    @classmethod
    def read(cls, path: Path) -> "BenchmarkReport":
        """Return the report of a stored document; raises DataError naming the file if it is not one."""
        try:
            document = json.loads(read_file(path, LARGEST_DOCUMENT))
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']}, expected {SCHEMA}")
            return cls(
                environment=document["environment"],
                rows=tuple(read_row(row) for row in document["rows"]),
                skipped=tuple(Skipped(**entry) for entry in document.get("skipped", ())),
                failed=tuple(Failed(**entry) for entry in document.get("failed", ())),
                tasks=document.get("tasks", {}),
                baseline=document.get("baseline", ""),
                models=document.get("models", {}),
                suite=document.get("suite", ""),
            )
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(map(str, problem["loc"]))
            raise DataError(
                f"'{path}' is not a benchmark document ({place} = {problem['input']!r}: {problem['msg']}); "
                "write one with 'hnetzoo benchmark --json'"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"'{path}' is not a benchmark document ({error}); write one with 'hnetzoo benchmark --json'"
            ) from None


def read_row(document: Mapping[str, Any]) -> BenchmarkRow:
    """Return the row of a JSON document; raises TypeError for other keys, ValidationError for other types."""
    row = BenchmarkRow(**{**document, **{name: tuple(document.get(name, ())) for name in ("outside", "calibration")}})
    _row_type().validate_python(document)
    return row


@cache  # building it takes milliseconds, and a document has hundreds of rows
def _row_type() -> TypeAdapter[BenchmarkRow]:
    return TypeAdapter(BenchmarkRow)
