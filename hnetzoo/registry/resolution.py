"""From names to resolved components: declarations with settings and weights, checked before they are used."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import as_file
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import ConfigError, HnetzooError, RetiredWarning, ShapeError, Terminated, UnknownNameError
from hnetzoo.registry.cards import DEFAULT_VARIANT, read_card, resource
from hnetzoo.registry.components import Component
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.scope_check import watch_scope
from hnetzoo.registry.specs import FIXED_SIZE, NON_LEARNED, ModelSpec, Pretrained
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.runs import BEST, RUN, RUN_PREFIX, read_run
from hnetzoo.training.weights import fill, load_tensors

FALLBACK_SHAPE = (2, 2)  # of a model that is built before it has seen a problem; size-free models ignore it

Shape = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A set of weights: what it is called, where it lies, and what it was trained with.

    Fields:
        name: "pretrained:VARIANT" or "run:PATH".
        location: A resource of a package, "package:path/inside/it", or the path of a file.
        shape: (n, m) trained on; None for shipped weights of size-free models.
        settings: Of the model that they are of.
        scope: What they were trained for; None where the card or run does not say.
        sha256: The digest of the file; "" where the card or run does not say.
        data: Digests of the problems that they were trained on, by split; empty likewise.
    """

    name: str
    location: str
    shape: Shape | None
    settings: Mapping[str, Any]
    scope: Scope | None = None
    sha256: str = ""
    data: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> dict[str, Tensor]:
        """Return the tensors by name; raises CheckpointError if the file is missing or damaged."""
        if self.name.startswith(RUN_PREFIX):
            return load_tensors(Path(self.location), self.sha256)
        with as_file(resource(self.location)) as path:
            return load_tensors(path, self.sha256)


@dataclass(frozen=True, kw_only=True)
class ResolvedModel:
    """A model by its declaration, settings and weights: plain data, from which it is loaded anywhere.

    `weights` is None for models without: solvers, and networks that are yet to be trained.
    """

    component: Component[ModelSpec]
    weights: Weights | None = None

    @property
    def spec(self) -> ModelSpec:
        """The declaration."""
        return self.component.spec

    @property
    def size(self) -> Shape | None:
        """(n, m) of the only problems that the model takes; None if it takes any."""
        return self.weights.shape if self.weights and FIXED_SIZE in self.spec.tags else None

    def load(self, shape: Shape | None = None, *, watch: bool = True) -> nn.Module:
        """Return the model in eval mode.

        Args:
            shape: (n, m) of the problems; None takes that of the weights.
            watch: Warn where problems are outside the scope of the weights.

        Raises:
            ShapeError: If the model takes problems of another shape only.
            CheckpointError: If the weights are missing, damaged or do not fit.
        """
        if self.weights is not None and shape is not None and self.size not in (None, shape):
            raise ShapeError(
                f"weights '{self.weights.name}' of {self.spec.name} are for problems of {_times(self.size)}, and these "
                f"are {_times(shape)}; pad smaller problems with masked slots, or train for this size"
            )
        if self.weights is None:
            return self.build(shape)
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn, and replaced
            module = self.build(self.weights.shape or shape)
        fill(module, self.weights.load(), self.weights.location)
        if watch and not getattr(module, "ignores_weights", False):
            watch_scope(module, self.weights.scope, f"{self.spec.name}, {self.weights.name}")
        return module

    def verify(self) -> str:
        """Return the digest of the weights, "none" for models without.

        Raises:
            CheckpointError: If they are missing, damaged or do not fit.
        """
        if self.weights is None:  # what its code does shows when it is used, in the process that uses it
            return "none"
        digest = digest_tensors(self.weights.load())
        try:
            with preserved_state():
                self.load()
        except (HnetzooError, KeyboardInterrupt, Terminated):
            raise
        except BaseException:  # the model's own fault, which shows when it is used
            return digest
        return digest

    def adapted(self, training: AssociationBatch) -> "ResolvedModel":
        """Return it with the settings that its class takes from training problems; itself if it starts from weights."""
        adapt = getattr(self.spec.load_target(), "adapted", None)
        if adapt is None or self.weights is not None:
            return self
        return replace(self, component=Component(self.spec, adapt(self.component.config, training)))

    def build(self, shape: Shape | None = None) -> nn.Module:
        """Return the model with initial weights, in eval mode."""
        return cast(nn.Module, self.component.build(shape or FALLBACK_SHAPE).eval())


def resolve_model(
    reference: str, registry: Registry, settings: Mapping[str, Any] | None = None, *, with_weights: bool = True
) -> ResolvedModel:
    """Return what "name", "name@variant" or "run:PATH" stands for.

    Args:
        reference: Which model.
        registry: Where names are looked up.
        settings: They replace those that the weights were trained with.
        with_weights: False leaves the weights out; those that `reference` names still give their settings.

    Raises:
        UnknownNameError: If the model, the variant or a setting is unknown.
        ConfigError: If a setting is not accepted, or the model ships no weights.
        CheckpointError: If there is no such run directory, or a card or record is damaged.
    """
    named = reference.startswith(RUN_PREFIX) or "@" in reference
    name, weights = _weights_of(reference, registry) if named or with_weights else (reference, None)
    return ResolvedModel(
        component=registry.configure(ModelSpec, name, {**(weights.settings if weights else {}), **(settings or {})}),
        weights=weights if with_weights else None,
    )


def resolve_start(
    name: str, init: str | None, registry: Registry, settings: Mapping[str, Any] | None = None
) -> ResolvedModel:
    """Return a model to be trained, with the weights to start from, if any.

    Args:
        name: A registered name.
        init: "name@variant" or "run:PATH"; None for random weights.
        registry: Where names are looked up.
        settings: Settings of the model, in place of those that the weights were trained with.

    Raises:
        ConfigError: If `init` holds weights of another model.
        HnetzooError: As of `resolve_model`.
    """
    if not init:
        return resolve_model(name, registry, settings, with_weights=False)
    resolved = resolve_model(init, registry, settings)
    if resolved.spec.name != name:
        raise ConfigError(f"'{init}' holds weights of {resolved.spec.name} and not of {name}")
    return resolved


def _weights_of(reference: str, registry: Registry) -> tuple[str, Weights | None]:
    """Return the name of a model and its weights; None for solvers named alone."""
    if reference.startswith(RUN_PREFIX):
        path = Path(reference.removeprefix(RUN_PREFIX))
        run = read_run(path)
        settings = run.settings.get("model", {})
        scope = Scope.from_json(run.scope, str(path / RUN))
        location = str(path / BEST)
        return run.model, Weights(
            name=reference,
            location=location,
            shape=run.shape,
            settings=settings,
            scope=scope,
            sha256=run.weights,
            data=run.data,
        )
    name, at, variant = reference.partition("@")
    spec = registry.model(name)
    if NON_LEARNED in spec.tags:
        if at:
            raise ConfigError(f"model '{name}' has no weights to choose; leave out '@{variant}'")
        return name, None
    chosen = _variant(spec, variant or DEFAULT_VARIANT)
    if chosen.retired:
        warnings.warn(f"weights '{name}@{chosen.variant}' are retired; {chosen.retired}", RetiredWarning, stacklevel=2)
    card = read_card(chosen)
    return name, Weights(
        name=f"pretrained:{chosen.variant}",
        location=chosen.weights,
        shape=chosen.shape or card.shape,
        settings={**card.settings.get("model", {}), **chosen.settings},
        scope=Scope.from_json(card.scope, chosen.card),
        sha256=card.sha256,
        data=card.digests,
    )


def _variant(spec: ModelSpec, variant: str) -> Pretrained:
    if not spec.pretrained:
        raise ConfigError(
            f"model '{spec.name}' ships no weights; train it ('hnetzoo train {spec.name} --out DIR') and use 'run:DIR'"
        )
    for pretrained in spec.pretrained:
        if pretrained.variant == variant:
            return pretrained
    raise UnknownNameError(f"variant of {spec.name}", variant, (entry.variant for entry in spec.pretrained))


def _times(shape: Shape | None) -> str:
    return " x ".join(map(str, shape or ()))
