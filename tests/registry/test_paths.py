"""Paths among settings are told by the types of the fields."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from hnetzoo import Config, ConfigError
from hnetzoo.registry.paths import hide_folders, map_paths, resolve_paths


class AcmeConfig(Config):
    one: Path
    many: tuple[Path, ...] = ()
    perhaps: Path | None = None
    noted: Annotated[Path, Field(description="A file.")] = Path("noted")
    name: str = "gt.txt"
    mode: Literal["near", "far"] = "near"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"one": "a.csv"}, {"one": "data/a.csv"}),
        ({"one": Path("a.csv")}, {"one": "data/a.csv"}),
        ({"many": ["a", "b/c"]}, {"many": ["data/a", "data/b/c"]}),
        ({"many": "a"}, {"many": "data/a"}),
        ({"perhaps": "a", "noted": "b"}, {"perhaps": "data/a", "noted": "data/b"}),
        ({"perhaps": None}, {"perhaps": None}),
        ({"one": "/a"}, {"one": "/a"}),
        ({"name": "a", "mode": "near"}, {"name": "a", "mode": "near"}),
        ({"unknown": "a"}, {"unknown": "a"}),
        ({}, {}),
    ],
)
def test_relative_paths_are_seen_from_the_folder_and_nothing_else_is_touched(given: dict, expected: dict) -> None:
    assert map_paths(AcmeConfig, given, lambda path: "data" / path) == expected


def test_paths_that_exist_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    assert resolve_paths(AcmeConfig, {"one": "a.csv"}, tmp_path) == {"one": str(tmp_path / "a.csv")}
    absolute = str(tmp_path / "a.csv")
    assert resolve_paths(AcmeConfig, {"one": absolute}, Path("elsewhere")) == {"one": absolute}


def test_a_path_that_is_not_there_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^'{tmp_path}/b\.csv' does not exist; correct the path"):
        resolve_paths(AcmeConfig, {"many": ["b.csv"]}, tmp_path)


def test_of_absolute_paths_only_the_name_is_published() -> None:
    given = {"one": "/home/acme/a.csv", "many": ["b/c.csv", "/d"], "name": "/not/a/path"}
    assert hide_folders(AcmeConfig, given) == {"one": "a.csv", "many": ["b/c.csv", "d"], "name": "/not/a/path"}
