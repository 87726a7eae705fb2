"""What pages show of the code and of README.md, as Markdown: protocols, checks of the kit, tables."""

import ast
import inspect
from pathlib import Path

from hnetzoo.association import contracts
from hnetzoo.testing import CHECKS, Check

ROOT = Path(__file__).parent.parent


def protocol(name: str) -> str:
    """Return a class of `hnetzoo.association.contracts` with its documentation and signatures, as a block of Python.

    Example:
        >>> print(protocol("Dataset").splitlines()[1])
        class Dataset(Protocol):
    """
    (source,) = ast.parse(inspect.getsource(getattr(contracts, name))).body
    assert isinstance(source, ast.ClassDef)
    source.decorator_list = []
    lines = inspect.cleandoc(ast.get_docstring(source) or "").splitlines()
    summary = "\n".join(f"    {line}".rstrip() for line in lines)
    body = "\n\n".join(map(_member, source.body[1:])).replace('\n\n    """', '\n    """')
    return f'```python\nclass {name}(Protocol):\n    """{summary.strip()}\n    """\n\n{body}\n```'


def _member(member: ast.stmt) -> str:
    """Return an attribute, its text, or a method with its documentation alone; indented."""
    match member:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return f'    """{text}"""'
    if not isinstance(member, ast.FunctionDef):
        return f"    {ast.unparse(member)}"
    decorators = "".join(f"    @{ast.unparse(decorator)}\n" for decorator in member.decorator_list)
    returns = f" -> {ast.unparse(member.returns)}" if member.returns else ""
    head = f"    def {member.name}({ast.unparse(member.args)}){returns}:"
    if len(head) > 100:
        arguments = "".join(f"        {part.strip()},\n" for part in _arguments(member.args))
        head = f"    def {member.name}(\n{arguments}    ){returns}:"
    return f'{decorators}{head}\n        """{ast.get_docstring(member)}"""'


def _arguments(arguments: ast.arguments) -> list[str]:
    """Return plain arguments as texts, with annotation and default."""
    missing = [None] * (len(arguments.args) - len(arguments.defaults))
    return [
        ast.unparse(argument) + ("" if default is None else f" = {ast.unparse(default)}")
        for argument, default in zip(arguments.args, [*missing, *arguments.defaults], strict=True)
    ]


def readme(title: str) -> str:
    """Return the table below a heading of README.md, as it stands there.

    Example:
        >>> readme("Which one do I use?").splitlines()[0].split(" | ")[:3]
        ['| a pair means', 'unit', 'slots a side']
    """
    section = (ROOT / "README.md").read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return "".join(f"{line}\n" for line in section.splitlines() if line.startswith("|"))


def checks(kind: str) -> str:
    """Return the table of all checks of a kind of declaration: name, tags that decide, and the rule."""
    lines = [f"| `{_name(check)}` | {_tags(check)} | {_rule(check)} |" for check in CHECKS[kind]]
    return "\n".join(["| check | tags | rule |", "| --- | --- | --- |", *lines, ""])


def _name(check: Check) -> str:
    return check.name.removeprefix("check_").replace("_", "-")


def _tags(check: Check) -> str:
    return ", ".join([*(f"not `{tag}`" for tag in check.unless), *(f"only `{tag}`" for tag in check.only)])


def _rule(check: Check) -> str:
    return (inspect.getdoc(check.function) or "").splitlines()[0].replace("|", "\\|")
