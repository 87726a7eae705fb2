"""Syntax checks of the design: allowed imports, light modules, and lengths of files and functions."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator

import pytest

import hnetzoo
from tests.source import PLUGINS, Import, Source, core, everything, plugins

HEAVY = {"torch", "numpy", "scipy", "sklearn"}
LIGHT = re.compile(
    r"hnetzoo(\.(errors|config|files|digests))?|"
    r"hnetzoo\.registry(\.(specs|hooks|lookup|discovery|descriptions|isolation|forked|stdout|components|paths|scaffold))?|"
    r"hnetzoo\.registry\.(scope|cards|command_options|environment|projects)|"
    r"hnetzoo\.(association|training|benchmark|tracking|legacy)"
    r"(\.(counts|observer|outcomes|ranks|results|runs|settings|significance))?|"
    r"hnetzoo\.(report|cli)(\.\w+)*|hnetzoo\.engines(\.choice)?|"
    r"hnetzoo_\w+|hnetzoo_\w+\.(plugin|config)"
)
PLUGIN_PACKAGES = {path.name for path in PLUGINS.iterdir() if path.is_dir() and path.name.startswith("hnetzoo_")}
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
PUBLIC = frozenset(hnetzoo.__all__)
IN_PUBLIC_MODULES = {
    f"{name}.{member}"
    for name in PUBLIC
    if inspect.ismodule(getattr(hnetzoo, name))
    for member in getattr(hnetzoo, name).__all__
}
LONGEST_FILE, LONGEST_FUNCTION, USUAL_FUNCTION = 300, 60, 25  # lines; of functions after the docstring

# A package imports only from lines below its own, and between packages of a line in one direction only.
ORDER = (
    {"cli"},
    {"report", "benchmark", "testing", "export", "engines"},
    {"registry", "training", "legacy"},
    {"losses", "tracking"},
    {"association"},
    {"errors", "config", "files", "digests"},
)
ROW_OF = {package: row for row, packages in enumerate(ORDER) for package in packages}
FACES = {"", "__main__", "boxes", "tracking_metrics"}  # they re-export names of other packages


def package(module: str) -> str:
    """Return the package inside hnetzoo: "hnetzoo.cli.app" -> "cli"."""
    return module.removeprefix("hnetzoo").removeprefix(".").partition(".")[0]


def imported_modules(source: Source, *, on_import: bool = False) -> Iterator[tuple[Import, str]]:
    """Yield the modules of hnetzoo that a file imports, without the names imported from them."""
    known = {other.module for other in core}
    for entry in source.imports:
        if entry.name.split(".")[0] == "hnetzoo" and (entry.on_import or not on_import):
            module = entry.name
            while module not in known:
                module = module.rpartition(".")[0]
            yield entry, module


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Return the nodes that are on a cycle of arrows or lead to one; empty if there is no cycle."""
    left = dict(arrows)
    while ends := [name for name, targets in left.items() if not targets & left.keys()]:
        left = {name: targets for name, targets in left.items() if name not in ends}
    return sorted(left)


def definitions(source: Source, kinds: tuple[type, ...]) -> Iterator[ast.AST]:
    return (node for node in ast.walk(source.tree) if isinstance(node, kinds))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines after the docstring."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0


def public(nodes: Iterable[ast.AST], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Yield public classes, functions and methods with their names; definitions inside functions are not public."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{prefix}{node.name}.")


def test_the_rules_find_the_modules() -> None:
    assert {"hnetzoo", "hnetzoo.association.assignment", "hnetzoo.cli.app"} <= {source.module for source in core}
    assert {"hnetzoo_hnetgru.model", "hnetzoo_doa"} <= {source.module for source in plugins}
    assert {"hnetzoo_hnetgru", "hnetzoo_doa", "hnetzoo_classical"} <= PLUGIN_PACKAGES


def test_core_imports_no_plugin_and_names_no_plugin_package() -> None:
    wrong = [
        f"{source}:{entry.line} {entry.name}"
        for source in core
        for entry in source.imports
        if entry.name.startswith("hnetzoo_")
    ]
    named = re.compile(rf"\b({'|'.join(PLUGIN_PACKAGES)})\b")
    wrong += [
        f"{source}:{node.lineno} {node.value}"
        for source in core
        for node in definitions(source, (ast.Constant,))
        if isinstance(node.value, str) and named.search(node.value)
    ]
    assert wrong == []


def test_plugins_import_of_hnetzoo_only_the_package_itself() -> None:
    allowed = PUBLIC | IN_PUBLIC_MODULES | {"hnetzoo"}
    wrong = [
        f"{source}:{entry.line} {entry.name}"
        for source in plugins
        for entry in source.imports
        if entry.name.split(".")[0] == "hnetzoo" and entry.name.removeprefix("hnetzoo.") not in allowed
    ]
    assert wrong == []


def test_plugins_use_public_names_only() -> None:
    wrong = [
        f"{source}:{node.lineno} hnetzoo.{node.attr}"
        for source in plugins
        for node in definitions(source, (ast.Attribute,))
        if isinstance(node.value, ast.Name) and node.value.id == "hnetzoo" and node.attr not in PUBLIC
    ]
    assert wrong == []


def test_plugins_import_no_other_plugin() -> None:
    wrong = [
        f"{source}:{entry.line} {entry.name}"
        for source in plugins
        for entry in source.imports
        if entry.name.startswith("hnetzoo_") and entry.name.split(".")[0] != source.module.split(".")[0]
    ]
    assert wrong == []


def test_packages_depend_one_way() -> None:
    arrows: dict[str, set[str]] = {}
    wrong = []
    for source in core:
        own = package(source.module)
        for entry, module in imported_modules(source):
            other = package(module)
            if own in FACES or other in {own, ""}:
                continue
            arrows.setdefault(own, set()).add(other)
            if ROW_OF[other] < ROW_OF[own]:
                wrong.append(f"{source}:{entry.line} imports {module}")
    assert wrong == []
    assert circle(arrows) == []


def test_files_import_each_other_without_circles() -> None:
    arrows = {source.module: {module for _, module in imported_modules(source)} for source in core}
    assert circle({module: targets - {module, "hnetzoo"} for module, targets in arrows.items()}) == []


def light(sources: Iterable[Source]) -> list[Source]:
    return [source for source in sources if LIGHT.fullmatch(source.module)]


def test_light_modules_import_no_numerical_library() -> None:
    wrong = [
        f"{source}:{entry.line} {entry.name}"
        for source in light(everything)
        for entry in source.imports
        if entry.on_import and entry.name.split(".")[0] in HEAVY
    ]
    assert wrong == []
    assert len(light(plugins)) >= 2 * len(PLUGIN_PACKAGES), "plugin.py and config.py of every plugin are light"


def test_light_modules_import_only_light_modules() -> None:
    wrong = [
        f"{source}:{entry.line} {module}"
        for source in light(core)
        for entry, module in imported_modules(source, on_import=True)
        if not LIGHT.fullmatch(module)
    ]
    own = {source.module for source in plugins}
    wrong += [
        f"{source}:{entry.line} {entry.name}"
        for source in light(plugins)
        for entry in source.imports
        for module in (entry.name, entry.name.rpartition(".")[0])
        if entry.on_import and module in own and not LIGHT.fullmatch(module)
    ]
    assert wrong == []


def test_no_relative_imports() -> None:
    wrong = [f"{source}:{entry.line}" for source in everything for entry in source.imports if entry.relative]
    assert wrong == []


def test_no_file_has_a_vague_name() -> None:
    assert [str(source) for source in everything if VAGUE & set(source.module.strip("_").split("."))] == []


def test_files_stay_within_their_budget() -> None:
    lengths = {str(source): len(source.text.splitlines()) for source in everything}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_stay_within_their_budget() -> None:
    lengths = {
        f"{source}:{function.lineno} {function.name}": body_lines(function)
        for source in everything
        for function in definitions(source, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
    assert sorted(lengths.values())[len(lengths) * 9 // 10] <= USUAL_FUNCTION


def test_everything_public_has_a_docstring() -> None:
    missing = [str(source) for source in everything if ast.get_docstring(source.tree) is None]
    missing += [
        f"{source}:{node.lineno} {name}"
        for source in everything
        for name, node in public(source.tree.body)
        if ast.get_docstring(node) is None
    ]
    assert missing == []


@pytest.mark.parametrize("name", hnetzoo.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(hnetzoo, name) is not None
    assert name in dir(hnetzoo)


def test_public_names_are_unique() -> None:
    assert len(hnetzoo.__all__) == len(set(hnetzoo.__all__))


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'hnetzoo' has no attribute 'load_modle'$"):
        hnetzoo.load_modle  # noqa: B018
