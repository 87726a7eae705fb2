"""Digests: equal for equal contents, different after any change."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hnetzoo.digests import digest_document, digest_sources, digest_tensors


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that writes an importable package."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, **files: str) -> Path:
        for file, code in {"__init__": "", **files}.items():
            path = tmp_path / name / f"{file}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
        return tmp_path / name

    return write


def test_the_order_of_keys_does_not_matter_and_the_order_of_items_does() -> None:
    assert digest_document({"a": 1, "b": 2}) == digest_document({"b": 2, "a": 1})
    assert digest_document([1, 2]) != digest_document([2, 1])


def test_equal_tensors_have_equal_digests_however_they_lie_in_memory(generator: torch.Generator) -> None:
    tensor = torch.rand(3, 2, generator=generator)
    assert digest_tensors({"a": tensor.T.contiguous().T}) == digest_tensors({"a": tensor})
    assert digest_tensors({"a": tensor, "b": tensor}) == digest_tensors({"b": tensor.clone(), "a": tensor})


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.ones(4)},
        {"a": torch.ones(1, 2, 2)},
        {"a": torch.ones(2, 2), "b": torch.ones(1)},
        {"c": torch.ones(2, 2)},
        {"a": torch.ones(2, 2, dtype=torch.int32)},
        {"a": torch.ones(2, 2).view(torch.int32)},
        {"a": torch.full((2, 2), 2.0)},
        {"a": -torch.zeros(2, 2)},
        {"a": torch.zeros(2, 0)},
        {},
    ],
)
def test_tensors_differ_by_name_shape_type_and_value(other: dict[str, torch.Tensor]) -> None:
    assert digest_tensors(other) != digest_tensors({"a": torch.ones(2, 2)})
    assert digest_tensors(other) != digest_tensors({"a": torch.zeros(2, 2)})


@pytest.mark.parametrize("change", [{"model": "a = 2"}, {"model/deep": "a = 1"}, {"__init__": "import os"}])
def test_any_edit_makes_it_other_sources(package: Callable[..., Path], change: dict[str, str]) -> None:
    package("acme_net", model="a = 1")
    before = digest_sources("acme_net")
    package("acme_net", model="a = 1")
    assert digest_sources("acme_net") == before
    package("acme_net", **{"model": "a = 1", **change})
    assert digest_sources("acme_net") != before


def test_what_is_left_out_may_change(package: Callable[..., Path]) -> None:
    package("acme_net", **{"cli/app": "a = 1"})
    before = digest_sources("acme_net", without=("cli",))
    package("acme_net", **{"cli/app": "a = 2"})
    assert digest_sources("acme_net", without=("cli",)) == before


def test_a_single_module_is_digested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "acme_single.py").write_text("a = 1")
    before = digest_sources("acme_single")
    (tmp_path / "acme_single.py").write_text("a = 2")
    assert digest_sources("acme_single") != before
