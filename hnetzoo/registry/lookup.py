"""Registry of the declarations of plugins, by kind and name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from hnetzoo.errors import PluginConflictError, PluginLoadError, UnknownNameError
from hnetzoo.registry.components import Component, SpecType, configure
from hnetzoo.registry.specs import DatasetSpec, ModelSpec, Spec, TrainerSpec


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One entry point of one distribution, and how loading it went.

    `seconds` is the import time; `error` is one line and `details` the traceback, both empty when it loaded.

    Example:
        >>> Plugin(distribution="acme-net", version="1.0", entry_point="acme", target="acme_net.plugin").id
        'acme-net:acme'
    """

    distribution: str
    version: str
    entry_point: str
    target: str
    seconds: float = 0.0
    error: str = ""
    details: str = ""
    specs: tuple[Spec, ...] = ()

    @property
    def id(self) -> str:
        """The unique name, "distribution:entrypoint"."""
        return f"{self.distribution}:{self.entry_point}"


class Registry:
    """What the loaded plugins declare, by kind and name; methods that look a name up say what they raise.

    Example:
        >>> registry = Registry([])
        >>> registry.models
        {}
    """

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = tuple(sorted(plugins, key=lambda plugin: plugin.id))
        self._providers: dict[tuple[str, str], list[tuple[Plugin, Spec]]] = {}
        for plugin in self.plugins:
            for spec in plugin.specs:
                self._providers.setdefault((spec.kind, spec.name), []).append((plugin, spec))

    @property
    def failures(self) -> tuple[Plugin, ...]:
        """The plugins that could not be used."""
        return tuple(plugin for plugin in self.plugins if plugin.error)

    @property
    def conflicts(self) -> tuple[PluginConflictError, ...]:
        """One error, not raised, for every name that several plugins provide."""
        return tuple(
            PluginConflictError(kind, name, (plugin.id for plugin, _ in providers))
            for (kind, name), providers in sorted(self._providers.items())
            if len(providers) > 1
        )

    @property
    def models(self) -> dict[str, ModelSpec]:
        """The models that have one provider, by name."""
        return cast(dict[str, ModelSpec], self._unique(ModelSpec.kind))

    @property
    def datasets(self) -> dict[str, DatasetSpec]:
        """The datasets that have one provider, by name."""
        return cast(dict[str, DatasetSpec], self._unique(DatasetSpec.kind))

    @property
    def trainers(self) -> dict[str, TrainerSpec]:
        """The trainers that have one provider, by name."""
        return cast(dict[str, TrainerSpec], self._unique(TrainerSpec.kind))

    def model(self, name: str) -> ModelSpec:
        """Return the declaration of a model; raises UnknownNameError, PluginConflictError or PluginLoadError."""
        return cast(ModelSpec, self._find(ModelSpec.kind, name))

    def dataset(self, name: str) -> DatasetSpec:
        """Return the declaration of a dataset; raises as `model` does."""
        return cast(DatasetSpec, self._find(DatasetSpec.kind, name))

    def trainer(self, name: str) -> TrainerSpec:
        """Return the declaration of a trainer; raises as `model` does."""
        return cast(TrainerSpec, self._find(TrainerSpec.kind, name))

    def configure(
        self, kind: type[SpecType], name: str, values: Mapping[str, Any] | None = None
    ) -> Component[SpecType]:
        """Return the declaration of a name with settings; raises as `model` and `components.configure` do.

        Example:
            >>> from hnetzoo import ModelSpec, discover
            >>> discover().configure(ModelSpec, "sinkhorn", {"iterations": 5}).settings["iterations"]
            5
        """
        return configure(cast(SpecType, self._find(kind.kind, name)), values)

    def find(self, name: str) -> list[Spec]:
        """Return the declarations of a name, which may be of several kinds; raises as `model` does."""
        found = [spec for specs in (self.models, self.datasets, self.trainers) for spec in specs.values()]
        named: list[Spec] = [spec for spec in found if spec.name == name]
        if named:
            return named
        for kind in (ModelSpec.kind, DatasetSpec.kind, TrainerSpec.kind):
            try:
                self._find(kind, name)  # raises the conflict or load error that belongs to the name
            except UnknownNameError:
                continue
        raise UnknownNameError("name", name, {spec.name for spec in found}, "run 'hnetzoo list'")

    def provider(self, spec: Spec) -> Plugin:
        """Return the plugin that declares a spec equal to this one."""
        return next(plugin for plugin, found in self._providers[spec.kind, spec.name] if found == spec)

    def _unique(self, kind: str) -> dict[str, Spec]:
        found = {name: entries for (of, name), entries in sorted(self._providers.items()) if of == kind}
        return {name: entries[0][1] for name, entries in found.items() if len(entries) == 1}

    def _find(self, kind: str, name: str) -> Spec:
        entries = self._providers.get((kind, name), [])
        if len(entries) > 1:
            raise PluginConflictError(kind, name, (plugin.id for plugin, _ in entries))
        if entries:
            return entries[0][1]
        for plugin in self.failures:
            if name in (plugin.entry_point, plugin.distribution):
                raise PluginLoadError(
                    f"{kind} '{name}': plugin {plugin.id} did not load ({plugin.error}); reinstall or update it "
                    "(see 'hnetzoo doctor')"
                )
        failed = ", ".join(plugin.id for plugin in self.failures)
        broken = f"; did not load: {failed}, see 'hnetzoo doctor'" if failed else ""
        choices = (known for of, known in self._providers if of == kind)
        raise UnknownNameError(kind, name, choices, f"run 'hnetzoo list'{broken}")
