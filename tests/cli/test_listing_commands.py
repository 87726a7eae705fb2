"""Commands `list`, `show` and `doctor` show what is registered, its settings, and what did not load."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import hnetzoo
from tests.cli.outcome import Run, fails

REGISTRY = hnetzoo.discover()


def test_list_names_everything_registered(run: Run) -> None:
    plain, document = run("list"), json.loads(run("list", "--json").out)
    for entry in document["entries"]:
        assert entry["name"] in plain.out
    assert {entry["name"] for entry in document["entries"]} >= {"hnetgru", "hungarian", "doa", "npz", "hnet"}
    assert {entry["kind"] for entry in json.loads(run("list", "trainers", "--json").out)["entries"]} == {"trainer"}


def test_list_has_a_table_per_kind(run: Run) -> None:
    lines = run("list").out.splitlines()
    heads = [index for index, line in enumerate(lines) if line in ("models", "datasets", "trainers")]
    assert [lines[index] for index in heads] == ["models", "datasets", "trainers"]
    columns = [lines[index + 1].split() for index in heads]
    assert columns == [["name", "summary", "plugin", "pretrained"], *[["name", "summary", "plugin"]] * 2]
    for start, end, kind in zip(heads, [*heads[1:], None], ("model", "dataset", "trainer"), strict=True):
        shown = {line.split()[0] for line in lines[start + 3 : end] if line[:1].strip()}
        entries = json.loads(run("list", f"{kind}s", "--json").out)["entries"]
        assert shown == {entry["name"] for entry in entries}


@pytest.mark.parametrize("name", ["hnetgru", "doa-reference", "hnet", "npz", "hungarian"])
def test_show_gives_settings_with_type_default_and_help(run: Run, name: str) -> None:
    document = json.loads(run("show", name, "--json").out)
    plain = run("show", name).out
    for setting in document["settings"]:
        assert setting["help"], setting
        assert setting["key"] in plain
    assert "distribution" in document


def test_show_says_of_a_dataset_its_unit_size_and_splits_where_settings_tell(run: Run) -> None:
    extent = {"unit": "chord", "shape": [2, 2], "train": 405_000, "validation": 40_500, "test": 40_500}
    assert json.loads(run("show", "doa-reference", "--json").out)["extent"] == extent
    plain = run("show", "doa-reference").out
    assert "  unit      chord\n  problems  2 x 2: 405,000 train, 40,500 validation, 40,500 test\n" in plain
    assert json.loads(run("show", "npz", "--json").out)["extent"] is None
    assert "problems  " not in run("show", "npz").out


def test_doctor_reports_every_plugin(run: Run) -> None:
    document = json.loads(run("doctor", "--json").out)
    assert {plugin["state"] for plugin in document["plugins"]} == {"loaded"}
    assert document["versions"]["torch"]
    assert "hnetzoo:hnetgru" in run("doctor").out


def test_broken_plugin_is_listed_and_exits_3_when_used(run: Run, fake_distribution: Callable[..., Path]) -> None:
    fake_distribution("acme-net", "raise RuntimeError('no luck')", entry_point="acme")
    listed = run("list")
    assert listed.code == 0
    assert "warning: plugin acme-net:acme did not load (RuntimeError: no luck); see 'hnetzoo doctor'" in listed.err
    assert "Traceback" in run("doctor").out
    fails(run("train", "acme"), 3, "plugin acme-net:acme did not load", "hnetzoo doctor")


@pytest.mark.parametrize("name", sorted({*REGISTRY.models, *REGISTRY.datasets, *REGISTRY.trainers}))
def test_everything_registered_is_shown_as_json(run: Run, name: str) -> None:
    outcome = run("show", name, "--json")
    assert outcome.code == 0, outcome.err
    json.loads(outcome.out)
