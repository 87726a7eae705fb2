"""Cards of shipped weights: what they are, how they were made, and how good they are. Torch-free."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from typing import Any

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from hnetzoo.config import Config
from hnetzoo.errors import CheckpointError
from hnetzoo.files import read_record
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.specs import Pretrained

DEFAULT_VARIANT = "default"
FOLDER = "weights"  # of a package, holding MODEL/VARIANT.safetensors and MODEL/VARIANT.json
CARD_SUFFIX, WEIGHTS_SUFFIX = ".json", ".safetensors"


class Card(Config):
    """What a card says of a set of weights.

    Weights can be used whatever their card leaves out; `hnetzoo check` asks for all that `missing` names. Keys that are
    none of these are ignored.

    Example:
        >>> Card(model="acme-net", variant="default", licence="MIT").missing[:3]
        ('command', 'seed', 'threads')
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    model: str = ""
    """The registered name of the model."""
    variant: str = ""
    """The name of the set of weights: "default", or what stands after the @ in NAME@VARIANT."""
    licence: str = ""
    """The licence of the weights, as an SPDX expression such as "Apache-2.0"."""
    command: str = ""
    """The command that trains such weights."""
    seed: NonNegativeInt | None = None
    """The seed of data, initial weights and data order."""
    threads: PositiveInt | None = None
    """The number of threads of the training, on which the last bits depend."""
    device: str = "cpu"
    """Where it was trained."""
    data: Mapping[str, Any] = Field(default_factory=dict)
    """The name of the dataset as "dataset", and the sha256 of its problems as "train" and "validation"."""
    init: Mapping[str, str] = Field(default_factory=dict)
    """The weights that the training started from: "weights" and "sha256"; empty for random ones."""
    settings: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """All settings, as the tables "model", "trainer" and "dataset"; the model is built with those of "model"."""
    shape: tuple[PositiveInt, PositiveInt] | None = None
    """The n x m trained on, of models that take problems of one shape only; null for others."""
    scope: Mapping[str, Any] = Field(default_factory=dict)
    """What the weights are for: slots, masks, unit, distances, truth, tasks and seeds, as `Scope` has them."""
    selected: Mapping[str, Any] = Field(default_factory=dict)
    """The chosen epoch: "by" what, "epoch", and its "f1" on the validation split."""
    limits: tuple[str, ...] = ()
    """The tags of the model, sorted; they may be none."""
    notes: tuple[str, ...] = ()
    """What else users must know, in sentences; there may be none."""
    sha256: str = ""
    """The digest of the weights' file."""
    environment: Mapping[str, Any] = Field(default_factory=dict)
    """The machine and the versions that the training ran with."""
    tasks: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """The tasks of `test` by name: dataset, settings, sha256 of the problems by seed, their number, block."""
    test: tuple[Mapping[str, Any], ...] = ()
    """The scores on test splits, as the rows of `hnetzoo benchmark --json`, each with "f1_interval", the 95 % interval
    of its F1 over the problems. "DATASET, as trained" is a dataset with the settings of the training."""

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the problems trained on, by split, as far as `data` holds them."""
        return {split: self.data[split] for split in _TRAINED_ON if isinstance(self.data.get(split), str)}

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of what a complete card has and this one lacks, those inside a table as "data.train"."""
        return tuple(self._missing())

    def _missing(self) -> Iterator[str]:
        for name in Card.model_fields:
            value = getattr(self, name)
            if name not in self.model_fields_set | _OPTIONAL or (value in ("", None) and name not in _OPTIONAL):
                yield name
            elif name in _TABLES:
                yield from (f"{name}.{key}" for key in _TABLES[name] if value.get(key) in ("", None))
        if "test" in self.model_fields_set and not self.test:
            yield "test"
        for index, row in enumerate(self.test):
            yield from (f"test.{index}.{key}" for key in _ROW if row.get(key) in ("", None))


_TRAINED_ON = ("train", "validation")
_OPTIONAL = {"device", "init", "shape", "notes", "tasks"}
_TABLES = {
    "data": ("dataset", *_TRAINED_ON),
    "settings": ("model", "trainer", "dataset"),
    "scope": ("slots", "masks", "unit", "distances", "tasks", "seeds"),
    "selected": ("by", "epoch", "f1"),
    "environment": ("python", "versions"),
}
_ROW = ("dataset", "split", "seed", "problems", "f1", "exact")


def read_card(pretrained: Pretrained) -> Card:
    """Return the card of shipped weights; raises CheckpointError if it is missing or damaged."""
    with as_file(resource(pretrained.card)) as path:
        document = read_record(path)
    try:
        return Card.model_validate_json(json.dumps(document))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise CheckpointError(
            f"card '{pretrained.card}' is damaged ({place}: {problem['msg']}); reinstall the plugin"
        ) from None


def scope_of(pretrained: Pretrained) -> str:
    """Return the scope of shipped weights in one line; "" where their card has none or cannot be read."""
    try:
        scope = Scope.from_json(read_card(pretrained).scope, pretrained.card)
    except CheckpointError:
        return ""
    return str(scope) if scope else ""


def pretrained_in(package: str, model: str) -> tuple[Pretrained, ...]:
    """Return the sets of weights of a model that a package holds, as `hnetzoo publish` writes them.

    They are the files weights/MODEL/VARIANT.safetensors inside the package, each with its card VARIANT.json beside it;
    weights without a card, which an interrupted command may leave, do not count.

    Args:
        package: An importable package, as "acme_net".
        model: The registered name of the model, as "acme-net".

    Returns:
        For `ModelSpec.pretrained`: the variant "default" first, the others by name; none where there is no such folder.

    Raises:
        CheckpointError: If there is no such package.

    Example:
        >>> pretrained_in("hnetzoo", "acme-net")
        ()
    """
    folder = resource(f"{package}:{FOLDER}").joinpath(model)
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    cards = (name.removesuffix(CARD_SUFFIX) for name in names if name.endswith(CARD_SUFFIX))
    variants = [variant for variant in cards if f"{variant}{WEIGHTS_SUFFIX}" in names]
    return tuple(
        pretrained_at(package, f"{FOLDER}/{model}/{variant}", variant)
        for variant in sorted(variants, key=lambda variant: (variant != DEFAULT_VARIANT, variant))
    )


def pretrained_at(package: str, place: str, variant: str) -> Pretrained:
    """Return the declaration of weights at a place inside a package, without suffix."""
    location = f"{package}:{place}"
    return Pretrained(variant=variant, weights=f"{location}{WEIGHTS_SUFFIX}", card=f"{location}{CARD_SUFFIX}")


def resource(name: str) -> Any:
    """Return a file or folder inside a package; raises CheckpointError if it is in none."""
    package, _, path = name.partition(":")
    try:
        return files(package).joinpath(path)
    except (ImportError, TypeError):  # a module is no package
        raise CheckpointError(
            f"'{name}' is not inside an installed package; correct the weights of the plugin"
        ) from None
