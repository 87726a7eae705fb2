"""A submitted document as it may look: names and texts bounded and plain, numbers finite, no key unknown or twice."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, ValidationError, model_validator

from hnetzoo.config import MAX_SEED, Config, Share
from hnetzoo.errors import DataError
from hnetzoo.files import read_file, reason

MOST_BYTES = 8 << 20
REMEDY = "write it with 'hnetzoo benchmark --suite FILE --model NAME --json FILE' and hand it in unchanged"
_SHOWN = 60  # characters of a value or place in a message


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text


Line = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Title = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}(@[a-z0-9][a-z0-9.-]{0,39})?$")]
Plugin = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}:[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
Version = Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.!+-]{0,39}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}(-dirty)?$")]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Count = Annotated[int, Field(ge=0, le=1 << 48)]
Some = Annotated[int, Field(ge=1, le=1 << 48)]
NotNegative = Annotated[float, Field(ge=0)]


class _Part(Config):
    """A part of a document: no text for a number, nothing infinite or NaN."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Installed(_Part):
    """A plugin."""

    version: Version
    origin: Line


class Environment(_Part):
    """The machine and the versions."""

    python: Line
    system: Line
    processor: Line
    cores: Some | None
    date: Line
    commit: Commit | None
    versions: Annotated[dict[Line, Line], Field(max_length=40)]
    threads: Some
    plugins: Annotated[dict[Plugin, Installed], Field(max_length=40)]


class Group(_Part):
    """Problems of equal counts or layout."""

    exact: Share
    f1: Share
    problems: Some


class Tenth(_Part):
    """Pairs of similar probability."""

    probability: Share
    true: Share
    pairs: Some


class Result(_Part):
    """What became of a model on a task."""

    model: Title
    dataset: Line


class SeededResult(Result):
    """What became of it with one seed."""

    seed: Seed


class Row(SeededResult):
    """The numbers."""

    split: Literal["test"]
    weights: Line
    f1: Share
    precision: Share
    recall: Share
    exact: Share
    validity: Share
    cost_gap: NotNegative | None
    proven_gap: NotNegative | None
    weighted_f1: Share | None
    f1_one_to_one: Share
    delta_f1: Annotated[float, Field(ge=-1, le=1)]
    problems: Some
    cells: Annotated[dict[Annotated[str, Field(pattern=r"^\d{1,4}x\d{1,4}$")], Group], Field(max_length=2000)]
    layouts: Annotated[dict[Annotated[str, Field(pattern=r"^[01]{0,3}x[01]{0,3}$")], Group], Field(max_length=64)]
    outcomes: str
    calibration: Annotated[tuple[Tenth, ...], Field(max_length=10)]
    microseconds_per_problem: Annotated[float, Field(gt=0)]
    parameters: Count
    plugin: Plugin
    timing: Annotated[dict[Line, Line | int], Field(max_length=20)]
    outside: tuple[Literal["slots", "masks", "distances", "truth"], ...]


class Skipped(Result):
    """The model takes problems of another size only."""

    reason: Annotated[str, Field(pattern=r"^n/a \(fixed \d{1,4} x \d{1,4}\)$")]


class Failed(SeededResult):
    """It raised an error. The reason is for readers of the document, and rendered nowhere."""

    reason: Annotated[str, Field(max_length=4000), AfterValidator(_printable)]


class Task(_Part):
    """A task."""

    dataset: Name
    settings: dict[str, JsonValue]
    sha256: dict[str, Digest]
    problems: Some
    block: Some
    redrawn: bool = True


class Scope(_Part):
    """What weights are for, and what they were trained on."""

    slots: tuple[Count, Count]
    masks: bool
    unit: Line
    distances: Annotated[tuple[tuple[float, float], ...], Field(max_length=100)]
    truth: Line
    tasks: Annotated[tuple[Name, ...], Field(max_length=10)]
    seeds: Annotated[tuple[Seed, ...], Field(max_length=1000)]


class Weights(_Part):
    """Weights that a plugin ships; `sha256` is that of their file."""

    name: Line
    sha256: Digest | Literal[""]
    scope: Scope | None
    data: dict[Literal["train", "validation"], Digest]


class Model(_Part):
    """A model."""

    model: Name
    plugin: Plugin
    learned: bool
    settings: dict[str, JsonValue]
    tuned: bool
    trained: bool
    weights: Weights | None


class Document(_Part):
    """A submitted document."""

    version: Annotated[Literal[1], Field(alias="schema")]
    environment: Environment
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    failed: tuple[Failed, ...]
    tasks: dict[Line, Task]
    baseline: Line
    models: Annotated[dict[Title, Model], Field(max_length=20)]
    suite: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]

    @model_validator(mode="after")
    def _check(self) -> Self:
        results: tuple[Result, ...] = (*self.rows, *self.skipped, *self.failed)
        for entry in results:
            if entry.model not in self.models:
                raise ValueError(f"'{entry.model}' has results and is not among the models")
            if entry.dataset not in self.tasks:
                raise ValueError(f"'{entry.dataset}' has results and is not among the tasks")
        return self

    @property
    def submitted(self) -> dict[str, Model]:
        """The models without the baseline, by label."""
        return {title: model for title, model in self.models.items() if title != self.baseline}

    def installed(self, title: str) -> tuple[str, Installed | None]:
        """Return the distribution of a model and what is known of its plugin."""
        plugin = self.models[title].plugin
        return plugin.partition(":")[0], self.environment.plugins.get(plugin)


def read_document(path: Path) -> Document:
    """Return a submitted document; raises DataError with the first reason for which it is none."""
    try:
        content = read_file(path, MOST_BYTES)
        json.loads(content, object_pairs_hook=_without_repetition, parse_constant=_refuse)
        return Document.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place, found = ".".join(map(str, problem["loc"])), problem["input"]
        message = problem["msg"].removeprefix("Value error, ")
        shown = "" if problem["type"] in ("missing", "value_error") else f" = {_short(repr(found))}"
        text = f"{_short(place)}{shown}: {message}".removeprefix(": ")
    except RecursionError:
        text = "it is nested too deeply"
    except (OSError, ValueError) as error:
        text = reason(error)
    raise DataError(f"'{path.name}' is not a document to submit ({_short(text, 300)}); {REMEDY}")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{_short(twice)}' is given twice in one object")
    return found


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _short(text: str, most: int = _SHOWN) -> str:
    """Return a text on one line, without what cannot be printed, cut short."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= most else f"{plain[:most]}..."
