"""Declarations with their validated settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hnetzoo.config import Config, build_config
from hnetzoo.errors import PluginLoadError
from hnetzoo.registry.specs import Spec

SpecType = TypeVar("SpecType", bound=Spec)


@dataclass(frozen=True)
class Component(Generic[SpecType]):
    """A declaration together with its validated settings; plain data that can be handed to another process."""

    spec: SpecType
    config: Config

    def build(self, *arguments: Any) -> Any:
        """Return `target(config, *arguments)`: a dataset, a trainer, or with a shape a model."""
        return self.spec.load_target()(self.config, *arguments)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, as JSON values."""
        return self.config.model_dump(mode="json")


def configure(spec: SpecType, values: Mapping[str, Any] | None = None) -> Component[SpecType]:
    """Return a declaration with settings.

    Raises:
        UnknownNameError: If there is no such setting.
        ConfigError: If a value is not accepted.
        PluginLoadError: If the settings class cannot be loaded or is not a `hnetzoo.Config`.
    """
    config_class = spec.load_config()
    if not (isinstance(config_class, type) and issubclass(config_class, Config)):
        raise PluginLoadError(f"{spec.kind} '{spec.name}': {spec.config} is not a subclass of hnetzoo.Config")
    return Component(spec, build_config(config_class, values or {}, spec.kind, spec.name))
