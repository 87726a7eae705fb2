"""Cards of shipped weights. Torch-free."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from hnetzoo.errors import CheckpointError
from hnetzoo.files import read_record
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.specs import Pretrained


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a card says of weights, as far as they cannot be used without it; cards say more.

    `settings` holds the tables "model", "trainer" and "dataset", `scope` what `Scope.from_json` reads; `sha256` is the
    digest of the weights' file; `data` says what they were trained on.
    """

    __pydantic_config__ = ConfigDict(extra="ignore", strict=True)

    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    data: Any = None

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the problems trained on, by split, as far as `data` holds them."""
        known = self.data if isinstance(self.data, Mapping) else {}
        return {split: known[split] for split in ("train", "validation") if isinstance(known.get(split), str)}


def read_card(pretrained: Pretrained) -> Card:
    """Return the card of shipped weights; raises CheckpointError if it is missing or damaged."""
    with as_file(resource(pretrained.card)) as path:
        document = read_record(path)
    try:
        return TypeAdapter(Card).validate_json(json.dumps(document))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise CheckpointError(
            f"card '{pretrained.card}' is damaged ({place}: {problem['msg']}); reinstall the plugin"
        ) from None


def scope_of(pretrained: Pretrained) -> str:
    """Return the scope of shipped weights in one line; "" where their card has none or cannot be read."""
    try:
        scope = Scope.from_json(read_card(pretrained).scope, pretrained.card)
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
