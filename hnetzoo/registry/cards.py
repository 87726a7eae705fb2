"""Cards of shipped weights. Torch-free."""

from importlib.resources import as_file, files
from typing import Any

from hnetzoo.errors import CheckpointError
from hnetzoo.files import read_json
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.specs import Pretrained


def read_card(pretrained: Pretrained) -> dict[str, Any]:
    """Return the card of shipped weights; raises CheckpointError if it is missing or damaged."""
    with as_file(resource(pretrained.card)) as path:
        return dict(read_json(path))


def scope_of(pretrained: Pretrained) -> str:
    """Return the scope of shipped weights in one line; "" where their card has none or cannot be read."""
    try:
        scope = Scope.from_json(read_card(pretrained).get("scope", {}), pretrained.card)
    except CheckpointError:
        return ""
    return str(scope) if scope else ""


def resource(name: str) -> Any:
    """Return a file inside a package; raises CheckpointError if it is in none."""
    package, _, path = name.partition(":")
    try:
        return files(package).joinpath(path)
    except (ImportError, TypeError):  # a module is no package
        raise CheckpointError(
            f"'{name}' is not inside an installed package; correct the weights of the plugin"
        ) from None
