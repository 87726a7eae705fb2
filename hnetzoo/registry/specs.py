"""Declarations of plugins: frozen records that name their code without importing it.

A target is written "package.module:Name" and imported on first use, so listing every model costs no torch import.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

from hnetzoo.errors import ConfigError, PluginLoadError, Terminated, one_line
from hnetzoo.registry.stdout import stdout_to_stderr

API_VERSION = 1
"""The version of the plugin interface: hooks, specs and contracts. It changes when plugins must be rewritten."""

FIXED_SIZE = "fixed-size"
"""Tag of models that take problems of one shape only."""
FEATURES = "features"
"""Tag of models that also take `row_features` and `col_features`; others never see them."""
NON_LEARNED = "non-learned"
"""Tag of models without weights to train."""
FITTED = "fitted"
"""Tag of models that learn by a method `fit`, without gradient steps."""
NON_DIFFERENTIABLE = "non-differentiable"
"""Tag of models that pass no gradient to the distances."""
SURROGATE_GRADIENT = "surrogate-gradient"
"""Tag of models whose gradient is an estimate, and not the derivative of their logits."""
AUXILIARY_PARAMETERS = "auxiliary-parameters"
"""Tag of models with parameters that have no part in the logits, such as those of auxiliary heads."""
FLOAT32_ONLY = "float32-only"
"""Tag of models that do not compute in float64."""
BASELINE = "baseline"
"""Tag of the model that others are compared with."""
SYNTHETIC = "synthetic"
"""Tag of datasets that can be redrawn for another seed."""
WEIGHTED_F1 = "weighted-f1"
"""Tag of datasets on which the weighted F1 of the original Hnet has a meaning."""
DEFAULT_TASK = "benchmark"
"""Tag of the datasets that are benchmarked when none is named."""

_NAME = re.compile(r"^[a-z][a-z0-9-]*$")
_TARGET = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


@dataclass(frozen=True, kw_only=True)
class Citation:
    """Where a method comes from.

    Example:
        >>> Citation(authors="H. W. Kuhn", title="The Hungarian Method", year=1955).year
        1955
    """

    authors: str
    title: str
    year: int
    venue: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A set of weights shipped inside a plugin package.

    `weights` and `card` are resources, "package:path/inside/it"; the weights are safetensors, the card is JSON and
    states the command, data, seeds, metrics and limits. Where it has {"settings": {"model": {...}}}, the model is built
    with them, and with `settings` where they differ. `shape` is the (n, m) trained on, of models that take problems of
    one shape only; None takes that of the card. `hnetzoo publish` writes such files, which `hnetzoo.pretrained_in`
    declares. A variant that another one has replaced keeps its name, with the weights of the other: `retired` says what
    to use.

    Example:
        >>> Pretrained(weights="acme_net:weights/default.safetensors", card="acme_net:weights/default.json").variant
        'default'
    """

    variant: str = "default"
    weights: str
    card: str
    shape: tuple[int, int] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    retired: str = ""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The part common to all declarations.

    `target` and `config` name a class as "package.module:Name"; the config class is a torch-free `hnetzoo.Config`.
    `tags` declare limits that generic code reads; nothing in hnetzoo asks for a model by its name. `api_version` is the
    version of the plugin interface that the declaration is written for, by default 1.

    Raises:
        ConfigError: If the name, the target, the config or the type of another field is not as accepted.
    """

    kind: ClassVar[str] = "spec"

    name: str
    summary: str
    target: str
    config: str
    citation: Citation | None = None
    tags: frozenset[str] = frozenset()
    api_version: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigError(f"{self.kind} name {self.name!r} does not match {_NAME.pattern}")
        for part in ("target", "config"):
            value = getattr(self, part)
            if not isinstance(value, str) or not _TARGET.fullmatch(value):
                raise ConfigError(
                    f"{self.kind} '{self.name}': {part} {value!r} is not of the form 'package.module:Name'"
                )
        for name, accepted in self._field_types().items():
            value = getattr(self, name)
            if not isinstance(value, accepted):
                raise ConfigError(f"{self.kind} '{self.name}': {name} is {value!r}, a {type(value).__name__}")
        if isinstance(self.tags, str):
            raise ConfigError(f"{self.kind} '{self.name}': tags {self.tags!r} is a text; give a set of texts")
        object.__setattr__(self, "tags", frozenset(self.tags))

    def _field_types(self) -> dict[str, Any]:
        """Return the types of fields that are not checked elsewhere."""
        return {"summary": str, "citation": Citation | None, "api_version": int}

    @property
    def targets(self) -> tuple[str, ...]:
        """The classes that it names, each as "package.module:Name"."""
        return self.target, self.config

    def load_target(self) -> Any:
        """Return the class named by `target`, imported; raises PluginLoadError if that fails."""
        return self._load(self.target)

    def load_config(self) -> Any:
        """Return the settings class named by `config`, imported; raises PluginLoadError if that fails."""
        return self._load(self.config)

    def _load(self, path: str) -> Any:
        module, _, attribute = path.partition(":")
        try:
            with stdout_to_stderr():
                return getattr(import_module(module), attribute)
        except (KeyboardInterrupt, Terminated):
            raise
        except BaseException as error:  # SystemExit and the like: a plugin must not end the program
            raise PluginLoadError(
                f"{self.kind} '{self.name}': cannot load {path} ({one_line(error)}); "
                "reinstall or update the plugin that declares it (see 'hnetzoo doctor')"
            ) from error


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """An association model or solver, built as `target(config, shape)`.

    `trainer` and `dataset` are the defaults of `hnetzoo train`.

    Example:
        >>> ModelSpec(name="acme-net", summary="A small net.", target="acme_net.model:AcmeNet",
        ...           config="acme_net.config:AcmeNetConfig", tags={"fixed-size"}).tags
        frozenset({'fixed-size'})
    """

    kind: ClassVar[str] = "model"

    trainer: str = "hnet"
    dataset: str = "doa-reference"
    pretrained: tuple[Pretrained, ...] = ()

    def _field_types(self) -> dict[str, Any]:
        return super()._field_types() | {"trainer": str, "dataset": str, "pretrained": tuple}


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A dataset, built as `target(config)`.

    Example:
        >>> DatasetSpec(name="acme-data", summary="Noise.", target="acme_net.dataset:AcmeDataset",
        ...             config="hnetzoo:Config", tags={"synthetic"}).kind
        'dataset'
    """

    kind: ClassVar[str] = "dataset"


@dataclass(frozen=True, kw_only=True)
class TrainerSpec(Spec):
    """A trainer (losses and optimiser), built as `target(config)`.

    Example:
        >>> TrainerSpec(name="acme-trainer", summary="Entry by entry.", target="acme_net.trainer:AcmeTrainer",
        ...             config="acme_net.config:AcmeTrainerConfig").kind
        'trainer'
    """

    kind: ClassVar[str] = "trainer"
