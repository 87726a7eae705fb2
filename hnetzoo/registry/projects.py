"""Folders of plugin packages on disk: which package they hold, and under which licence. Torch-free."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hnetzoo.config import read_toml
from hnetzoo.errors import ConfigError
from hnetzoo.registry.lookup import Plugin
from hnetzoo.registry.specs import ModelSpec

PROJECT = "pyproject.toml"
REMEDY = "give the folder of a plugin package, as 'hnetzoo new' writes one"


def check_project(folder: Path) -> None:
    """Raise ConfigError if a folder is neither a project that declares a plugin nor a package itself."""
    if not folder.is_dir():
        raise ConfigError(f"'{folder}' is not a folder; {REMEDY}")
    if (folder / PROJECT).is_file():
        if not _declared(folder):
            raise ConfigError(
                f"'{folder / PROJECT}' declares no plugin; add [project.entry-points.hnetzoo] with "
                'NAME = "PACKAGE.plugin", and install it again'
            )
    elif not (folder / "__init__.py").is_file():
        raise ConfigError(f"'{folder}' is not a plugin package (no {PROJECT} in it); {REMEDY}")


def package_of(plugin: Plugin) -> str:
    """Return the package that a plugin is in, as "acme_net" of "acme_net.plugin"."""
    return plugin.target.partition(":")[0].partition(".")[0]


def package_folder(folder: Path, spec: ModelSpec, plugin: Plugin) -> Path:
    """Return the folder of the package that declares a model.

    Args:
        folder: The package itself, or the project that holds it, directly or in src/.
        spec: The model.
        plugin: Who declares it.

    Raises:
        ConfigError: If the folder holds another package.
    """
    package = package_of(plugin)
    places = (folder, folder / package, folder / "src" / package)
    for place in places:
        if place.resolve().name == package and (place / "__init__.py").is_file():
            return place
    held = sorted(_declared(folder)) or [folder.resolve().name]
    if package in held:
        raise ConfigError(f"'{folder}' has no folder {package} with an __init__.py in it; weights need such a package")
    raise ConfigError(
        f"model '{spec.name}' belongs to package {package} (of {plugin.distribution}), and '{folder}' holds "
        f"{', '.join(held)}; give the folder of {package}, or declare a model of target '{spec.target}' and config "
        f"'{spec.config}' in {held[0]} and name it with --name"
    )


def licence_of(package: Path) -> str:
    """Return the licence that the project of a package states, "" if it states none."""
    for folder in (package, *package.resolve().parents[:2]):
        if (folder / PROJECT).is_file():
            stated = _project(folder).get("license", "")
            return str(stated.get("text", "") if isinstance(stated, dict) else stated)
    return ""


def is_installed(package: Path) -> bool:
    """Return whether the folder of a package is the one that Python imports, as after an editable installation."""
    found = find_spec(package.resolve().name)
    places = (found.submodule_search_locations if found else None) or ()
    return package.resolve() in [Path(place).resolve() for place in places]


def _declared(folder: Path) -> set[str]:
    """Return the packages of the plugins that a project declares; none without a pyproject.toml."""
    points = _project(folder).get("entry-points", {}) if (folder / PROJECT).is_file() else {}
    declared = points.get("hnetzoo", {}) if isinstance(points, dict) else {}
    return {str(target).partition(".")[0] for target in declared.values()} if isinstance(declared, dict) else set()


def _project(folder: Path) -> dict[str, Any]:
    """Return the table [project] of a pyproject.toml."""
    found = read_toml(folder / PROJECT).get("project", {})
    return found if isinstance(found, dict) else {}
