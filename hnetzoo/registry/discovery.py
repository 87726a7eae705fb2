"""Discovery of installed plugins.

Nothing is loaded at import. Each installed distribution is read in its own try, so that a broken plugin stops no other,
and a plugin is known as "distribution:entrypoint", so that another distribution's entry point of the same name cannot
replace it. Failures and conflicts are kept in the registry. A command reads the declarations of strangers in a forked
child, so that one that hangs, crashes or exits is known by name and stops nobody.
"""

import os
import pickle
import re
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint
from io import BytesIO
from types import MappingProxyType
from typing import Any

import pluggy

from hnetzoo.errors import ConfigError, PluginLoadError, Terminated, UnknownNameError, one_line
from hnetzoo.registry import hooks
from hnetzoo.registry.forked import ChildError, call_in_child, can_fork
from hnetzoo.registry.isolation import all_distributions
from hnetzoo.registry.lookup import Plugin, Registry
from hnetzoo.registry.specs import API_VERSION, Citation, DatasetSpec, ModelSpec, Pretrained, Spec, TrainerSpec
from hnetzoo.registry.stdout import stdout_to_stderr

ENTRY_POINT_GROUP = "hnetzoo"
PLUGINS_VARIABLE = "HNETZOO_PLUGINS"
OWN = "hnetzoo"  # the distribution whose plugins are trusted to load
LIMIT_S = 30.0  # for the import and the hooks of a plugin
_HOOKS: Mapping[str, type[Spec]] = MappingProxyType(
    {"hnetzoo_models": ModelSpec, "hnetzoo_datasets": DatasetSpec, "hnetzoo_trainers": TrainerSpec}
)
_crashed: dict[str, str] = {}  # plugins that took a child down, which this process never loads itself, and how
_PLAIN = (*_HOOKS.values(), Plugin, Pretrained, Citation, frozenset, set, complex)


def discover() -> Registry:
    """Return what every installed plugin declares; each is loaded on its own, and failures are kept in the registry.

    The environment variable HNETZOO_PLUGINS limits discovery to a comma-separated list of entry points,
    distributions or "distribution:entrypoint" names. The registry of the last call is returned again until a
    folder of `sys.path` or that variable has changed; plugins that failed are tried anew each time.

    Raises:
        ConfigError: If HNETZOO_PLUGINS names something that is not installed.

    Example:
        >>> "hnetgru" in discover().models
        True
    """
    registry = _discover(os.environ.get(PLUGINS_VARIABLE, ""), tuple(map(_last_changed, sys.path)))
    if registry.failures:
        _discover.cache_clear()
    return registry


def forget() -> None:
    """Let the next `discover` read all declarations anew, as after files of a plugin have changed."""
    _discover.cache_clear()


@lru_cache(maxsize=1)
def _discover(names: str, places: tuple[tuple[str, int], ...]) -> Registry:
    found = list(_entry_points())
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        return Registry(_load(plugin, entry_point) for plugin, entry_point in found)
    chosen: list[Plugin] = []
    for name in wanted:
        matches = [pair for pair in found if name in (pair[0].id, pair[0].entry_point, pair[0].distribution)]
        if not matches:
            raise ConfigError(
                str(UnknownNameError("plugin", name, (pair[0].id for pair in found), f"from {PLUGINS_VARIABLE}"))
            )
        known = {plugin.id for plugin in chosen}
        chosen += [_load(plugin, entry_point) for plugin, entry_point in matches if plugin.id not in known]
    return Registry(chosen)


def _last_changed(path: str) -> tuple[str, int]:
    """Return a folder of `sys.path` with the time when something was last installed there or removed; 0 if unknown."""
    try:
        return path, os.stat(path or ".").st_mtime_ns
    except OSError:
        return path, 0


def _entry_points() -> Iterator[tuple[Plugin, EntryPoint | None]]:
    """Yield each declared plugin once; an unreadable distribution yields a failure with no entry point."""
    seen: set[str] = set()
    for distribution in all_distributions():
        name, version, error = _identity(distribution)
        if _normalised(name) in seen:  # a shadowed copy further down sys.path
            continue
        seen.add(_normalised(name))
        try:
            entry_points = [entry for entry in distribution.entry_points if entry.group == ENTRY_POINT_GROUP]
        except Exception as problem:
            yield _failure(Plugin(distribution=name, version=version, entry_point="?", target="?"), problem), None
            continue
        for entry_point in entry_points:
            plugin = Plugin(
                distribution=name, version=version, entry_point=entry_point.name, target=entry_point.value, error=error
            )
            yield plugin, entry_point


def _identity(distribution: Distribution) -> tuple[str, str, str]:
    """Return name, version and error; the name of the folder where the metadata cannot be read."""
    try:
        metadata = distribution.metadata  # parsed at each access
        name, version = metadata["Name"], metadata["Version"]
        if isinstance(name, str) and name:
            return name, version or "?", ""
        problem = "metadata without a name"
    except Exception as error:
        problem = f"unreadable metadata ({one_line(error)})"
    folder = getattr(distribution, "_path", None)
    return re.split(r"[-.]", folder.name)[0] if folder is not None else "?", "?", problem


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _load(plugin: Plugin, entry_point: EntryPoint | None) -> Plugin:
    """Return an imported plugin with its specs; whatever it raises becomes its `error`."""
    if entry_point is None or plugin.error:
        return plugin
    if plugin.id in _crashed:
        return replace(plugin, error=_crashed[plugin.id])
    if _normalised(plugin.distribution) == OWN or not can_fork():
        return _load_here(plugin, entry_point)
    try:
        return _unpacked(call_in_child(lambda: _packed(_load_here(plugin, entry_point)), LIMIT_S))
    except ChildError as error:
        _crashed[plugin.id] = f"{error}; leave it out with {PLUGINS_VARIABLE}=NAME,..."
        return replace(plugin, error=_crashed[plugin.id])
    except pickle.UnpicklingError:  # it declares more than plain data
        return _load_here(plugin, entry_point)


def _packed(plugin: Plugin) -> bytes:
    """Return a plugin as bytes, its specs without what classes of its own may add; empty if that cannot be done."""
    kinds = {spec_class.kind: spec_class for spec_class in _HOOKS.values()}
    plain = [kinds[spec.kind](**{entry.name: getattr(spec, entry.name) for entry in fields(kinds[spec.kind])})
             for spec in plugin.specs]  # fmt: skip
    try:
        return pickle.dumps(replace(plugin, specs=tuple(plain)))
    except Exception:  # whatever a value raises that cannot be pickled
        return b""


class _Unpacker(pickle.Unpickler):
    """Reads plain data and declarations, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        found = {(known.__module__, known.__name__): known for known in _PLAIN}.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is not plain data")
        return found


def _unpacked(content: bytes) -> Plugin:
    try:
        plugin = _Unpacker(BytesIO(content)).load()
    except EOFError as error:
        raise pickle.UnpicklingError("nothing was packed") from error
    assert isinstance(plugin, Plugin), "packed above"
    return plugin


def _load_here(plugin: Plugin, entry_point: EntryPoint) -> Plugin:
    """Return an imported plugin with its specs; whatever it raises becomes its `error`."""
    start = time.perf_counter()
    try:
        with stdout_to_stderr():
            specs = tuple(_declared(entry_point.load(), plugin.id))
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as problem:  # SystemExit and the like: a plugin must not end the program
        return _failure(replace(plugin, seconds=time.perf_counter() - start), problem)
    return replace(plugin, seconds=time.perf_counter() - start, specs=specs)


def _declared(module: object, plugin_id: str) -> Iterator[Spec]:
    """Yield what the hooks of a plugin return, checked."""
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(module, name=plugin_id)
    manager.check_pending()
    names: set[tuple[str, str]] = set()
    for hook, spec_class in _HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():  # calling the hook itself drops None
            for spec in implementation.function():
                if not isinstance(spec, spec_class):
                    raise TypeError(f"{hook}() returned a {type(spec).__name__} instead of {spec_class.__name__}")
                if (spec.kind, spec.name) in names:
                    raise ValueError(f"{hook}() declares {spec.kind} '{spec.name}' twice")
                if spec.api_version != API_VERSION:
                    raise PluginLoadError(_other_version(spec))
                names.add((spec.kind, spec.name))
                yield spec


def _other_version(spec: Spec) -> str:
    newer = spec.api_version > API_VERSION
    remedy = "update hnetzoo" if newer else "update the plugin, or install an older hnetzoo"
    return (
        f"{spec.kind} '{spec.name}' is written for version {spec.api_version} of the plugin interface; "
        f"this hnetzoo has version {API_VERSION}: {remedy}"
    )


def _failure(plugin: Plugin, problem: BaseException) -> Plugin:
    details = "".join(traceback.format_exception(problem))
    return replace(plugin, error=one_line(problem), details=details, specs=())
