"""Settings: a pydantic model, filled from a TOML file, overridden by `--set section.key=value`.

Sections are `model`, `trainer` and `dataset`. A config class is torch-free and documents each field with a docstring
under it, which `hnetzoo show` prints.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from hnetzoo.errors import ConfigError, UnknownNameError
from hnetzoo.files import read_file, reason

SECTIONS = ("model", "trainer", "dataset")
MAX_SEED = 2**63 - 1
"""The largest seed that torch takes."""
MOST_CELLS = 2**28
"""Most cells of the distances of a split: 1 GiB."""
EVALUATION_SHARE = 10  # generated validation and test splits are a tenth of the training split
_LARGEST_FILE = 1 << 24  # bytes of settings
_SHOWN = 80  # characters of a value in a message
Values = dict[str, dict[str, Any]]
Share = Annotated[float, Field(ge=0, le=1)]
"""Type of a setting that is a share, from 0 to 1."""


class Config(BaseModel):
    """The base class of settings: frozen, and unknown names are refused.

    Example:
        >>> class AcmeConfig(Config):
        ...     hidden_size: int = 64
        >>> AcmeConfig(hidden_size=32).hidden_size
        32
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class TrainerConfig(Config):
    """The settings of a trainer that the training loop reads.

    Example:
        >>> class AcmeTrainerConfig(TrainerConfig):
        ...     learning_rate: float = 0.01
        >>> AcmeTrainerConfig(epochs=3).batch_size
        256
    """

    epochs: PositiveInt = 10
    """Passes over the training split."""
    batch_size: PositiveInt = 256
    """Problems per optimiser step; the last incomplete batch of an epoch is dropped."""
    pairs_per_batch: PositiveInt | None = None
    """Batches hold problems of similar size, without masked slots that all of them have, and at most so many pairs; for
    models that take any size. Null: problems of all sizes are mixed, with all their slots."""
    accumulate: PositiveInt = 1
    """Batches per optimiser step, as one large batch of them; the last incomplete group of an epoch is dropped."""
    patience: PositiveInt | None = None
    """Stop after so many epochs in a row without a better validation F1; null runs them all. A one-cycle schedule spans
    all epochs, so that a training which stops early ends before its rate is low: a constant one goes better with it."""


class OneCycleConfig(TrainerConfig):
    """The settings of a trainer that uses `hnetzoo.one_cycle`.

    Example:
        >>> sorted(OneCycleConfig().optimization)
        ['largest_gradient', 'learning_rate', 'warmup_share', 'weight_decay']
    """

    epochs: PositiveInt = 12
    """Passes over the training split."""
    batch_size: PositiveInt = 1024
    """Problems per optimiser step; the last incomplete batch of an epoch is dropped."""
    learning_rate: PositiveFloat = 3e-3
    """Rate of Adam at the peak of the one-cycle schedule."""
    weight_decay: NonNegativeFloat = 0.01
    """Decoupled decay of all weights, in units of the learning rate."""
    warmup_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the steps in which the rate rises."""
    largest_gradient: PositiveFloat = 1.0
    """Largest norm of the gradient of a step; above it, the gradient is clipped."""

    @property
    def optimization(self) -> dict[str, float]:
        """The arguments of `hnetzoo.one_cycle` by name."""
        return self.model_dump(include=OneCycleConfig.model_fields.keys() - TrainerConfig.model_fields.keys())


class SplitShares(Config):
    """Settings of a dataset that divides given data among the splits; training gets the rest.

    Example:
        >>> class AcmeConfig(SplitShares):
        ...     path: str
        >>> AcmeConfig(path="a.csv").test_share
        0.2
    """

    validation_share: Share = 0.2
    """Share of the validation split, which selects the best epoch."""
    test_share: Share = 0.2
    """Share of the test split, on which scores are reported."""

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.validation_share + self.test_share > 1:
            raise ValueError("validation_share and test_share together exceed 1; leave a share for training")
        return self


def check_cells(problems: int, n: int, m: int) -> None:
    """Raise ValueError, for a validator of settings, if the distances [problems, n, m] have more than `MOST_CELLS`.

    Example:
        >>> check_cells(400_000, 8, 8)
        >>> check_cells(400_000, 1000, 1000)
        Traceback (most recent call last):
        ...
        ValueError: 400,000 problems of 1,000 x 1,000 are more than 268,435,456 cells; ask for fewer or smaller ones
    """
    if problems * n * m > MOST_CELLS:
        raise ValueError(
            f"{problems:,} problems of {n:,} x {m:,} are more than {MOST_CELLS:,} cells; ask for fewer or smaller ones"
        )


def split_size(split: str, samples: int) -> int:
    """Return the number of problems of a generated split, given that of the training split: a tenth, at least one.

    Example:
        >>> split_size("train", 1000), split_size("test", 1000), split_size("test", 5)
        (1000, 100, 1)
    """
    return samples if split == "train" else max(1, samples // EVALUATION_SHARE)


class Extent(NamedTuple):
    """What a dataset holds with some settings, for `hnetzoo show`: the unit, n x m, and the problems of each split.

    A settings class of a dataset that knows this without drawing anything has it as a property `extent`.

    Example:
        >>> Extent(unit="metres", shape=(3, 4), train=1000, validation=100, test=100).shape
        (3, 4)
    """

    unit: str
    shape: tuple[int, int]
    train: int
    validation: int
    test: int

    @classmethod
    def generated(cls, unit: str, slots: int, samples: int) -> Self:
        """Return the extent of a dataset with as many rows as columns, whose splits have `split_size` problems.

        Example:
            >>> Extent.generated("chord", 2, 1000)
            Extent(unit='chord', shape=(2, 2), train=1000, validation=100, test=100)
        """
        evaluation = split_size("test", samples)
        return cls(unit, (slots, slots), samples, evaluation, evaluation)


ConfigType = TypeVar("ConfigType", bound=Config)


def read_values(path: Path | None = None, overrides: Iterable[str] = ()) -> Values:
    """Return the settings tables of a TOML file, with `section.key=value` overrides applied in order.

    A value is parsed as TOML (`4`, `0.5`, `[1, 2]`, `true`); if that fails, it is taken as text.

    Raises:
        ConfigError: If the file is missing or not TOML, a table is unknown, or an override is not section.key=value.

    Example:
        >>> read_values(overrides=["dataset.max_doas=4", "dataset.counts=known"])["dataset"]
        {'max_doas': 4, 'counts': 'known'}
    """
    values: Values = {section: {} for section in SECTIONS}
    for section, table in read_toml(path).items() if path else ():
        if section not in values or not isinstance(table, dict):
            raise ConfigError(f"{path}: '{section}' is not one of the tables [{'], ['.join(SECTIONS)}]")
        values[section] |= table
    for override in overrides:
        name, equals, text = override.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (equals and dot and key) or section not in values:
            raise ConfigError(
                f"--set '{override}' is not of the form section.key=value with section one of {', '.join(SECTIONS)}"
            )
        values[section][key] = _parse(text.strip())
    return values


def build_config(config_class: type[ConfigType], values: Mapping[str, Any], section: str, owner: str) -> ConfigType:
    """Return a validated settings object.

    Args:
        config_class: The settings class.
        values: Values by field name.
        section: The section of the values ("model", "trainer", "dataset"), for error messages.
        owner: The registered name whose settings these are, for error messages.

    Raises:
        UnknownNameError: If a key is not a field; the closest name is suggested.
        ConfigError: If a value is of the wrong type or out of range.

    Example:
        >>> build_config(TrainerConfig, {"epochs": 3}, "trainer", "hnet").epochs
        3
    """
    for key in values:
        if key not in config_class.model_fields:
            names = (f"{section}.{field}" for field in config_class.model_fields)
            raise UnknownNameError("setting", f"{section}.{key}", names, f"run 'hnetzoo show {owner}'")
    return validate(config_class, values, section, f" (run 'hnetzoo show {owner}' for what is accepted)")


def validate(config_class: type[ConfigType], values: Mapping[str, Any], where: str, remedy: str = "") -> ConfigType:
    """Return a validated settings object; raises ConfigError with the first problem on one line."""
    try:
        return config_class.model_validate(dict(values))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        path, message = problems[0]["loc"], problems[0]["msg"].removeprefix("Value error, ")
        if _is_alternative(problems[0], values):  # one of several types: say what all of them accept
            path = path[:-1]
            others = [problem["msg"] for problem in problems[1:] if problem["loc"][:-1] == path]
            message = ", or ".join([message, *(other[0].lower() + other[1:] for other in others)])
        place = ".".join([where, *map(str, path)])
        if problems[0]["type"] == "missing":
            raise ConfigError(f"{place} is required{remedy}") from None
        raise ConfigError(f"{place} = {_shown(problems[0]['input'])}: {message}{remedy}") from None


def _is_alternative(problem: ErrorDetails, values: Mapping[str, Any]) -> bool:
    """Return whether the last part of the problem's place names a type that was tried, and not a setting."""
    found: Any = values
    for part in problem["loc"][:-1]:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            return False
    return len(problem["loc"]) > 1 and found is problem["input"]


def read_toml(path: Path) -> dict[str, Any]:
    """Return the contents of a TOML file; raises ConfigError naming the file if it is missing or malformed."""
    try:
        content = read_file(path, _LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read settings file '{path}' ({reason(error)}); give the path of a TOML file"
        ) from None
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"settings file '{path}' is not valid TOML ({error}); correct it there") from None


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _shown(value: Any) -> str:
    """Return a value as code, cut short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
