"""Suites: read from TOML, and filled in."""

from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite, default_suite, read_suite, with_models

REGISTRY = hnetzoo.discover()


def test_default_suite_is_every_solver_and_pretrained_model_on_the_doa_datasets() -> None:
    suite = default_suite(REGISTRY)
    names = {entry.name for entry in suite.models}
    assert names >= {"hungarian", "hungarian-gated", "greedy", "mutual-nearest", "hnetgru"}
    assert {entry.name for entry in suite.datasets} == {"doa", "doa-reference"}
    assert suite.seeds == (0,)


def test_models_that_take_features_are_among_the_defaults_where_datasets_are_given() -> None:
    by_default, given = default_suite(REGISTRY), default_suite(REGISTRY, datasets=["box-tracks"])
    assert "two-stage" not in {entry.name for entry in by_default.models}
    assert {"two-stage", "hungarian"} <= {entry.name for entry in given.models}


def test_suite_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(
        'models = ["greedy", {name = "exchangeable", label = "ours", train = true, trainer = {epochs = 2}},\n'
        '          {name = "hungarian-gated", tune = {gate = [0.5, 1]}}]\n'
        'datasets = [{name = "doa", settings = {samples = 100}}, "lsap"]\nseeds = [3]\n'
    )
    suite = read_suite(path)
    assert suite.seeds == (3,)
    assert suite.datasets == (Entry(name="doa", settings={"samples": 100}), Entry(name="lsap"))
    assert [entry.title for entry in suite.models] == ["greedy", "ours", "hungarian-gated"]
    assert (suite.models[1].train, suite.models[1].trainer) == (True, {"epochs": 2})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = 3\ndatasets = []\n", r"suite '.*suite.toml'.models = 3: .*tuple"),
        ("datasets = []\n", r"suite '.*suite.toml'.models is required"),
        ("models = []\ndatasets = []\nseed = [0]\n", r"suite '.*suite.toml'.seed = \[0\]: Extra inputs"),
        ('models = [{name = "a", tuned = {}}]\ndatasets = []\n', r"suite '.*'.models.0.tuned = .*: Extra inputs"),
        ('models = [{name = "a", tune = {gate = []}}]\ndatasets = []\n', r"models.0.tune.gate = \[\]: .*at least 1"),
        ('models = []\ndatasets = [{name = "a", train = true}]\n', r"datasets.0.train = True: Extra inputs"),
    ],
)
def test_wrong_suite_file_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(hnetzoo.ConfigError, match=message):
        read_suite(path)


def test_tuned_settings_are_tried_in_all_combinations_in_the_order_given() -> None:
    entry = ModelEntry(name="a", tune={"gate": (1, 2), "gating": ("before", "after")})
    assert [tuple(choice.values()) for choice in entry.choices] == [
        (1, "before"),
        (1, "after"),
        (2, "before"),
        (2, "after"),
    ]
    assert ModelEntry(name="a").choices == [{}]


def test_given_models_take_the_place_of_a_suites_own_beside_its_baseline() -> None:
    tuned = ModelEntry(name="hungarian-gated", label="gate", tune={"gate": (1, 2)})
    never = ModelEntry(name="hungarian", label="exact")
    suite = Suite(models=("greedy", never, tuned), datasets=("doa",), seeds=(3, 4))
    registry = hnetzoo.discover()
    chosen = with_models(suite, ["sinkhorn", "gate", "exchangeable@default"], registry)
    assert chosen.models == (never, ModelEntry(name="sinkhorn"), tuned, ModelEntry(name="exchangeable@default"))
    assert (chosen.datasets, chosen.seeds) == (suite.datasets, suite.seeds)
    assert with_models(suite, ["exact"], registry).models == (never,), "the baseline is not doubled"
    without = suite.model_copy(update={"models": (tuned,)})
    assert with_models(without, ["greedy"], registry).models == (ModelEntry(name="greedy"),)
