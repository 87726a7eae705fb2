"""Settings that name files, recognised by the types of the fields."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any, get_args

from hnetzoo.config import Config
from hnetzoo.errors import ConfigError


def map_paths(config_class: type[Config], values: Mapping[str, Any], change: Callable[[Path], Path]) -> dict[str, Any]:
    """Return settings with every path changed, whether alone or in a list.

    Example:
        >>> class AcmeConfig(Config):
        ...     files: tuple[Path, ...]
        ...     unit: str = "m"
        >>> map_paths(AcmeConfig, {"files": ["a.csv"], "unit": "km"}, lambda path: "data" / path)
        {'files': ['data/a.csv'], 'unit': 'km'}
    """
    fields = config_class.model_fields
    return {
        name: _change(value, change) if name in fields and _holds_paths(fields[name].annotation) else value
        for name, value in values.items()
    }


def resolve_paths(config_class: type[Config], values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return settings whose relative paths start in a folder; raises ConfigError if a path does not exist."""

    def resolve(path: Path) -> Path:
        if not (folder / path).exists():
            raise ConfigError(f"'{folder / path}' does not exist; correct the path, or the folder that it starts from")
        return folder / path

    return map_paths(config_class, values, resolve)


def hide_folders(config_class: type[Config], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose absolute paths are cut to the last name, for published documents."""
    return map_paths(config_class, values, lambda path: Path(path.name) if path.is_absolute() else path)


def _holds_paths(annotation: Any) -> bool:
    """Return whether a type contains Path, as tuple[Path, ...], Path | None and Annotated[Path, ...] do."""
    if isinstance(annotation, type) and issubclass(annotation, PurePath):
        return True
    return any(map(_holds_paths, get_args(annotation)))


def _change(value: Any, change: Callable[[Path], Path]) -> Any:
    if isinstance(value, str | PurePath):
        return str(change(Path(value)))
    return [_change(item, change) for item in value] if isinstance(value, list | tuple) else value
