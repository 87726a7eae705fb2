"""Plugin packages from templates: a small working model, dataset or trainer, with its tests."""

import keyword
import re
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from types import MappingProxyType

from hnetzoo.errors import ConfigError
from hnetzoo.registry.specs import API_VERSION, DatasetSpec, ModelSpec, TrainerSpec

_NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
_SHARED = {
    "shared/pyproject.toml": "pyproject.toml",
    "shared/gitignore": ".gitignore",
    "shared/workflow.yml": ".github/workflows/test.yml",
    "shared/init.py": "$package/__init__.py",
    "shared/test_conformance.py": "tests/test_conformance.py",
}
_TARGET = MappingProxyType({ModelSpec.kind: "model.py", DatasetSpec.kind: "dataset.py", TrainerSpec.kind: "trainer.py"})


def render_package(name: str, kind: str) -> dict[str, str]:
    """Return the files of a package.

    Args:
        name: Of the distribution and of what it declares.
        kind: "model", "dataset" or "trainer".

    Returns:
        Texts by path inside the package's folder.

    Raises:
        ConfigError: If the name is not of the accepted form, or a module of that name exists already.

    Example:
        >>> sorted(path for path in render_package("acme-net", "model") if path.startswith("acme_net/"))
        ['acme_net/__init__.py', 'acme_net/config.py', 'acme_net/model.py', 'acme_net/plugin.py']
    """
    values = _values(name, kind)
    inside = {f"{kind}/{file}": f"$package/{file}" for file in ("plugin.py", "config.py", _TARGET[kind])}
    destinations = {**_SHARED, f"{kind}/README.md": "README.md", **inside}
    return {_fill(path, values): _fill(_template(template), values) for template, path in destinations.items()}


def write_package(folder: Path, contents: Mapping[str, str]) -> None:
    """Write rendered files into a new folder; raises ConfigError if it holds anything."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"'{folder}' exists already; choose another name, or remove it first")
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _values(name: str, kind: str) -> dict[str, str]:
    package = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(package):
        raise ConfigError(
            f"name '{name}' is not accepted; use words of a-z and 0-9 joined by hyphens, as in 'acme-net'"
        )
    if find_spec(package) is not None:
        raise ConfigError(f"a module '{package}' is installed already; choose another name than '{name}'")
    return {
        "name": name,
        "kind": kind,
        "package": package,
        "class_name": "".join(word.capitalize() for word in name.split("-")),
        "version": version("hnetzoo"),
        "year": str(date.today().year),
        "api_version": str(API_VERSION),
    }


def _template(name: str) -> str:
    return files("hnetzoo.registry").joinpath("templates", f"{name}.template").read_text(encoding="utf-8")


def _fill(text: str, values: Mapping[str, str]) -> str:
    return Template(text).substitute(values)
