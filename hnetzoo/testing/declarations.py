"""Checks of declarations: texts, settings, citations, weights, and the cost of importing."""

import hashlib
import json
import warnings
from functools import lru_cache
from importlib.resources import files

from torch import nn

from hnetzoo.association.contracts import Dataset, Trainer
from hnetzoo.errors import HnetzooError, RetiredWarning, UnknownNameError, one_line
from hnetzoo.registry.components import settings_base
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Plugin, Registry
from hnetzoo.registry.resolution import FALLBACK_SHAPE, resolve_model
from hnetzoo.registry.specs import DatasetSpec, ModelSpec, Pretrained, Spec, TrainerSpec
from hnetzoo.testing.fresh_process import run_fresh
from hnetzoo.testing.outcome import Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.subjects import build, build_model, component, provider_module, settings_class, unsized

HEAVY = ("numpy", "scipy", "sklearn", "torch")


def check_summary(spec: Spec, settings: Settings = None) -> None:
    """The summary is one line of text, for `hnetzoo list`."""
    if not spec.summary.strip() or "\n" in spec.summary:
        raise CheckFailure(f"summary is {spec.summary!r}; write one line of text")


def check_citation(spec: Spec, settings: Settings = None) -> None:
    """A model cites its source: authors, title and year."""
    if spec.citation is None:
        raise CheckFailure("no citation; give a hnetzoo.Citation, of the software itself if nothing is published")
    missing = [field for field in ("authors", "title", "year") if not getattr(spec.citation, field)]
    if missing:
        raise CheckFailure(f"the citation lacks {', '.join(missing)}")


def check_defaults_exist(spec: ModelSpec, settings: Settings = None) -> None:
    """The trainer and the dataset that a model names as its defaults are registered."""
    registry = discover()
    for look_up, name in ((registry.trainer, spec.trainer), (registry.dataset, spec.dataset)):
        try:
            look_up(name)
        except UnknownNameError as error:
            raise CheckFailure(str(error)) from error


def check_settings_class(spec: Spec, settings: Settings = None) -> None:
    """The settings class is a subclass of hnetzoo.Config, of a trainer of hnetzoo.TrainerConfig."""
    base = settings_base(spec)
    try:
        config_class = spec.load_config()
    except HnetzooError as error:
        raise CheckFailure(str(error)) from error
    if not (isinstance(config_class, type) and issubclass(config_class, base)):
        raise CheckFailure(f"{spec.config} is not a subclass of hnetzoo.{base.__name__}")


def check_settings_documented(spec: Spec, settings: Settings = None) -> None:
    """Every setting has a docstring below it, which `hnetzoo show` prints."""
    fields = settings_class(spec).model_fields
    silent = [name for name, field in fields.items() if not (field.description or "").strip()]
    if silent:
        raise CheckFailure(f"no docstring below {', '.join(silent)}; write one below each field")


def check_settings_survive_json(spec: Spec, settings: Settings = None) -> None:
    """Settings written as JSON, as in a run directory, are read back as equal settings."""
    config = component(spec, settings).config
    restored = type(config).model_validate(json.loads(config.model_dump_json()))
    if restored != config:
        raise CheckFailure(f"{config!r} is read back as {restored!r}")


def check_import_is_light(spec: Spec, settings: Settings = None) -> None:
    """Importing the plugin and its settings, as `hnetzoo list` and `show` do, imports no numerical library."""
    modules = [spec.config.partition(":")[0]]
    provider = provider_module(spec)
    heavy, problem = _heavy_imports((*modules, provider) if provider else tuple(modules))
    if problem:
        raise CheckFailure(f"cannot import {' and '.join(modules)} in a fresh process ({problem})")
    if heavy:
        raise CheckFailure(f"importing {' and '.join(modules)} imports {', '.join(heavy)}; import it in the target")


def check_builds(spec: Spec, settings: Settings = None) -> None:
    """The target can be built from its settings, and is of the right type."""
    configured = component(spec, settings)
    try:
        built = configured.build(FALLBACK_SHAPE) if isinstance(spec, ModelSpec) else configured.build()
    except Exception as error:
        raise CheckFailure(f"{spec.target} cannot be built ({one_line(error)})") from error
    kinds = ((ModelSpec, nn.Module), (DatasetSpec, Dataset), (TrainerSpec, Trainer))
    expected: type = next(contract for kind, contract in kinds if isinstance(spec, kind))
    if not isinstance(built, expected):
        raise CheckFailure(f"{spec.target} builds a {type(built).__name__}, which is not a {expected.__name__}")
    if isinstance(built, nn.Module) and (lazy := unsized(built)):
        raise CheckFailure(lazy)


def check_rebuilt_from_settings(spec: ModelSpec, settings: Settings = None) -> None:
    """A model built again from its stored settings has weights of the same names and shapes."""
    config = component(spec, settings).config
    first = build_model(spec, settings, FALLBACK_SHAPE)
    again = build(spec, json.loads(config.model_dump_json()), FALLBACK_SHAPE)
    shapes, found = (
        {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} for model in (first, again)
    )
    if shapes != found:
        names = sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
        raise CheckFailure(f"weights differ in name or shape: {', '.join(names)}")


def check_pretrained(spec: ModelSpec, settings: Settings = None) -> None:
    """Shipped weights load into the model, and their card is JSON that holds their sha256."""
    if not spec.pretrained:
        raise CheckSkipped("ships no weights")
    plugin = Plugin(distribution="?", version="?", entry_point="?", target="?", specs=(spec,))
    for pretrained in spec.pretrained:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RetiredWarning)
                resolve_model(f"{spec.name}@{pretrained.variant}", Registry([plugin])).load()
            recorded, actual = _sums(pretrained)
        except (HnetzooError, OSError, ValueError) as error:
            raise CheckFailure(f"variant '{pretrained.variant}': {one_line(error)}") from error
        if recorded != actual:
            raise CheckFailure(f"variant '{pretrained.variant}': the card's sha256 is {recorded}, the file's {actual}")


def _sums(pretrained: Pretrained) -> tuple[object, str]:
    """Return the sha256 in the card and the sha256 of the weights."""
    card, weights = (
        files(name.partition(":")[0]).joinpath(name.partition(":")[2]).read_bytes()
        for name in (pretrained.card, pretrained.weights)
    )
    return json.loads(card).get("sha256"), hashlib.sha256(weights).hexdigest()


@lru_cache(maxsize=256)
def _heavy_imports(modules: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return which heavy libraries modules import in a fresh process, and what went wrong, empty if nothing."""
    code = f"import sys, {', '.join(modules)}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = run_fresh(code)
    if done.returncode:
        return (), (done.stderr.strip().splitlines() or ["it ended without a message"])[-1]
    return tuple(done.stdout.splitlines()[-1].split()), ""


ANY = (
    Check(check_summary),
    Check(check_settings_class),
    Check(check_settings_documented),
    Check(check_settings_survive_json),
    Check(check_import_is_light),
    Check(check_builds),
)
MODEL = (
    Check(check_citation),
    Check(check_defaults_exist),
    Check(check_rebuilt_from_settings),
    Check(check_pretrained),
)
