"""The source tree as syntax: what every file imports, and when."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = ROOT / "hnetzoo"
PLUGINS = ROOT / "plugins"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Import:
    """One imported name: "package.module" or "package.module.name"; `on_import` is False inside functions."""

    name: str
    line: int
    on_import: bool
    relative: bool = False


@dataclass(frozen=True)
class Source:
    """One Python file; `module` is its dotted name, a package's for __init__.py."""

    path: Path
    module: str

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Everything imported at run time; what stands under TYPE_CHECKING is left out."""
        return tuple(_imports(self.tree, on_import=True))


def _imports(node: ast.AST, *, on_import: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.orelse:
                yield from _imports(statement, on_import=on_import)
        elif isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, on_import) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield Import(f"{child.module}.{alias.name}", child.lineno, on_import, relative=child.level > 0)
        else:
            yield from _imports(child, on_import=on_import and not isinstance(child, FUNCTIONS))


def _sources(folder: Path, parent: Path) -> tuple[Source, ...]:
    return tuple(
        Source(path, ".".join(path.relative_to(parent).with_suffix("").parts).removesuffix(".__init__"))
        for path in sorted(folder.rglob("*.py"))
    )


core = _sources(CORE, ROOT)
plugins = _sources(PLUGINS, PLUGINS)
everything = core + plugins
