"""Settings that are written for --set are read back as they were."""

from typing import Any

import pytest

import hnetzoo
from hnetzoo import ModelSpec
from hnetzoo.config import read_values
from hnetzoo.registry.command_options import as_toml, set_values
from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.specs import DatasetSpec

PARTS = [{"dataset": "doa", "share": 2.0, "settings": {"counts": "known", "noise_deg": [1, 5]}}]


@pytest.mark.parametrize(
    "value",
    [4, 0.5, 1e-07, float("inf"), True, [3000, 5000], ["a", 'b"'], "runs/my data.npz", [[1, 2], []], {}, PARTS,
     {"a key": {"deep-er": [1.5]}}],
)  # fmt: skip
def test_a_value_that_is_written_for_set_is_read_back(value: Any) -> None:
    assert read_values(overrides=[f"dataset.key={as_toml(value)}"])["dataset"] == {"key": value}


def test_none_inside_a_table_is_left_out() -> None:
    assert as_toml([{"a": None, "b": 1}]) == "[{b=1}]"


@pytest.mark.parametrize("given", [{}, {"samples": 500}, {"samples": 700, "parts": PARTS}, {"samples": 360_000}])
def test_set_values_lead_to_the_settings_from_whatever_a_file_gives(given: dict[str, Any]) -> None:
    spec = hnetzoo.discover().dataset("mixture")
    component = configure(spec, {"samples": 500, "parts": [{"dataset": "doa"}, *PARTS]})
    values = read_values(overrides=set_values(component, given))["dataset"]
    assert configure(spec, {**given, **values}) == component


def test_what_a_file_gives_and_defaults_are_not_repeated() -> None:
    component: Component[ModelSpec] = hnetzoo.discover().configure(ModelSpec, "hnetgru", {"hidden_size": 8})
    assert list(set_values(component, {})) == ["model.hidden_size=8"]
    assert list(set_values(component, {"hidden_size": 8})) == []
    assert list(set_values(component, {"hidden_size": 16})) == ["model.hidden_size=8"]


def test_absolute_paths_are_cut_to_their_last_name() -> None:
    component = hnetzoo.discover().configure(DatasetSpec, "npz", {"path": "/data/private/p.npz"})
    assert list(set_values(component, {})) == ["dataset.path=p.npz"]
