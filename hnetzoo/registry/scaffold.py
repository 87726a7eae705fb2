"""Plugin packages from templates: a small working model, dataset or trainer, or several of them, with their tests."""

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    "shared/LICENSE": "LICENSE",
    "shared/gitignore": ".gitignore",
    "shared/workflow.yml": ".github/workflows/test.yml",
    "shared/init.py": "$package/__init__.py",
    "shared/test_conformance.py": "tests/test_conformance.py",
}
_ASSEMBLED = {"plugin.py": "$package/plugin.py", "config.py": "$package/config.py", "README.md": "README.md"}
_WITH_WEIGHTS = {"model/weights.md": "$package/weights/README.md"}


@dataclass(frozen=True)
class _Kind:
    """A kind of declaration: the file of its target, and a command that uses it."""

    target: str
    command: str


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        ModelSpec.kind: _Kind("model.py", "hnetzoo train {name} --epochs 1"),
        DatasetSpec.kind: _Kind("dataset.py", "hnetzoo benchmark --dataset {name}"),
        TrainerSpec.kind: _Kind("trainer.py", "hnetzoo train hnetgru --trainer {name} --epochs 1"),
    }
)


def render_package(name: str, *kinds: str) -> dict[str, str]:
    """Return the files of a package.

    Args:
        name: Of the distribution and of what it declares.
        kinds: Any of "model", "dataset" and "trainer"; a model is trained by the package's own trainer on its own
            dataset, where it has these.

    Returns:
        Texts by path inside the package's folder.

    Raises:
        ConfigError: If the name is not of the accepted form, or a module of that name exists already.

    Example:
        >>> sorted(path for path in render_package("acme-net", "model") if path.endswith(".py"))
        ['acme_net/__init__.py', 'acme_net/config.py', 'acme_net/model.py', 'acme_net/plugin.py',
         'tests/test_conformance.py']
    """
    ordered = [kind for kind in _KINDS if kind in kinds]
    values = _values(name, ordered)
    has_model = ModelSpec.kind in ordered
    whole = {**_SHARED, **(_WITH_WEIGHTS if has_model else {})}
    contents = {path: _fill(_template(source), values) for source, path in whole.items()}
    for file, path in _ASSEMBLED.items():
        gap = "\n\n" if file.endswith(".py") else ""
        parts = [_fill(_template(f"{kind}/{file}"), _of_kind(values, kind, ordered)) for kind in ordered]
        contents[path] = gap.join([_fill(_template(f"shared/{file}"), values), *parts])
    if has_model:
        contents["README.md"] += _fill(_template("model/publishing.md"), values)
    for kind in ordered:
        target = _KINDS[kind].target
        contents[f"$package/{target}"] = _fill(_template(f"{kind}/{target}"), _of_kind(values, kind, ordered))
    return {_fill(path, values): text for path, text in sorted(contents.items())}


def write_package(folder: Path, contents: Mapping[str, str]) -> None:
    """Write rendered files into a new folder; raises ConfigError if it holds anything."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"'{folder}' exists already; choose another name, or remove it first")
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def commands_to_try(name: str, *kinds: str) -> list[str]:
    """Return commands that use what a package declares.

    Example:
        >>> commands_to_try("acme-net", "dataset", "model")
        ['hnetzoo train acme-net --epochs 1', 'hnetzoo benchmark --dataset acme-net']
    """
    ordered = [kind for kind in _KINDS if kind in kinds]
    if ModelSpec.kind in ordered and TrainerSpec.kind in ordered:  # it trains the model
        ordered.remove(TrainerSpec.kind)
    return [_KINDS[kind].command.format(name=name) for kind in ordered]


def _values(name: str, kinds: Sequence[str]) -> dict[str, str]:
    package = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(package):
        raise ConfigError(
            f"name '{name}' is not accepted; use words of a-z and 0-9 joined by hyphens, as in 'acme-net'"
        )
    if find_spec(package) is not None:
        raise ConfigError(f"a module '{package}' is installed already; choose another name than '{name}'")
    hooks = sorted(f"hnetzoo_{kind}s" for kind in kinds)
    return {
        "name": name,
        "kinds": " and ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]])),
        "package": package,
        "title": _title(name),
        "hooks": ", ".join(hooks),
        "calls": ", ".join(f"*{hook}()" for hook in hooks),
        "commands": "\n".join(commands_to_try(name, *kinds)),
        "trainer": name if TrainerSpec.kind in kinds else "hnet",
        "dataset": name if DatasetSpec.kind in kinds else "doa",
        "version": version("hnetzoo"),
        "year": str(date.today().year),
        "api_version": str(API_VERSION),
    }


def _of_kind(values: Mapping[str, str], kind: str, kinds: Sequence[str]) -> dict[str, str]:
    """Return the values with the name of a class, which says its kind where the package has several."""
    return {**values, "class_name": values["title"] + (kind.capitalize() if len(kinds) > 1 else "")}


def _title(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _template(name: str) -> str:
    return files("hnetzoo.registry").joinpath("templates", f"{name}.template").read_text(encoding="utf-8")


def _fill(text: str, values: Mapping[str, str]) -> str:
    return Template(text).substitute(values)
