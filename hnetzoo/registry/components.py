"""Declarations with their validated settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from hnetzoo.config import Config, TrainerConfig, build_config
from hnetzoo.errors import HnetzooError, PluginLoadError, one_line
from hnetzoo.registry.paths import resolve_paths
from hnetzoo.registry.specs import Spec, TrainerSpec

SpecType = TypeVar("SpecType", bound=Spec)


@dataclass(frozen=True)
class Component(Generic[SpecType]):
    """A declaration together with its validated settings; plain data that can be handed to another process."""

    spec: SpecType
    config: Config

    def build(self, *arguments: Any) -> Any:
        """Return `target(config, *arguments)`: a dataset, a trainer, or with a shape a model."""
        return self.spec.load_target()(self.config, *arguments)

    def in_folder(self, folder: Path) -> "Component[SpecType]":
        """Return it with the relative paths among its settings starting in a folder.

        Raises:
            ConfigError: If such a path does not exist.
        """
        given = resolve_paths(type(self.config), self.given, folder)
        return Component(self.spec, build_config(type(self.config), given, self.spec.kind, self.spec.name))

    @property
    def given(self) -> dict[str, Any]:
        """The settings that were given, by name; the others are defaults."""
        return self.config.model_dump(include=self.config.model_fields_set)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, as JSON values."""
        return self.config.model_dump(mode="json")


def settings_base(spec: Spec) -> type[Config]:
    """Return the class that the settings of a declaration must derive from."""
    return TrainerConfig if isinstance(spec, TrainerSpec) else Config


def configure(spec: SpecType, values: Mapping[str, Any] | None = None) -> Component[SpecType]:
    """Return a declaration with settings.

    Raises:
        UnknownNameError: If there is no such setting.
        ConfigError: If a value is not accepted.
        PluginLoadError: If the settings class cannot be loaded, is not of `settings_base`, or raises another error.
    """
    config_class, base = spec.load_config(), settings_base(spec)
    if not (isinstance(config_class, type) and issubclass(config_class, base)):
        raise PluginLoadError(f"{spec.kind} '{spec.name}': {spec.config} is not a subclass of hnetzoo.{base.__name__}")
    try:
        return Component(spec, build_config(config_class, values or {}, spec.kind, spec.name))
    except HnetzooError:
        raise
    except Exception as error:  # whatever a plugin's own checks raise
        raise PluginLoadError(
            f"{spec.kind} '{spec.name}': {spec.config} failed ({one_line(error)}); update the plugin that declares it"
        ) from error
