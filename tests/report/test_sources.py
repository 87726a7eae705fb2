"""What is compared: which paths are accepted, and what they are called."""

from pathlib import Path

import pytest

from hnetzoo.errors import CheckpointError, ConfigError, DataError
from hnetzoo.files import read_json, write_json
from hnetzoo.report.sources import read_sources
from hnetzoo.training.runs import RESULT
from tests.report.places import document, outcomes, row, run


def test_a_run_is_a_report_of_its_test_row(tmp_path: Path) -> None:
    one, two = run(tmp_path / "r1", row()), run(tmp_path / "r2", None)
    first, second = read_sources([f"run:{one}", str(two)])
    assert (first.label, first.models, first.name("net"), first.digests("doa")) == ("r1", ("net",), "r1", {"0": "p"})
    assert first.report.tasks["doa"]["settings"] == {"samples": [1, 2], "path": None}
    assert [epoch.validation["f1"] for epoch in first.epochs] == [0.25, 0.5]
    assert (second.models, second.digests("doa")) == ((), {})


def test_a_model_of_a_document_is_called_after_both(tmp_path: Path) -> None:
    paths = [document(tmp_path / name, [row("a"), row("b")], {"doa": {"0": "p", "1": ""}}) for name in ("x", "y")]
    first, _ = read_sources(list(map(str, paths)))
    assert (first.models, first.name("b"), first.digests("doa")) == (("a", "b"), "b (x)", {"0": "p"})


def test_labels_are_the_shortest_ends_of_paths_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        run(tmp_path / folder / "r", None)
    monkeypatch.chdir(tmp_path / "a" / "r")
    assert [source.label for source in read_sources([".", "../../b/r"])] == ["a/r", "b/r"]


@pytest.mark.parametrize("names", [[], ["r"]])
def test_fewer_than_two_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"^{len(names)} given, and at least two are needed; give run directories"):
        read_sources(names)


def test_one_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = run(tmp_path / "r", None)
    with pytest.raises(ConfigError, match=r"r' is given twice; give each once$"):
        read_sources([str(path), f"run:{path.parent}/x/../r"])


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError) as raised:
        read_sources([str(tmp_path / name) for name in ("none", "bad.json", "nothing")] + [f"run:{tmp_path}"])
    text = str(raised.value)
    assert text.startswith(f"no file or folder '{tmp_path}/none' and no '{tmp_path}/nothing'; give run directories")
    assert "bad.json' is not a benchmark document" in text
    assert f"'{tmp_path}' is not a run directory" in text
    assert "\n" not in text


def test_a_file_of_a_run_directory_is_refused_naming_the_directory(tmp_path: Path) -> None:
    one, two = run(tmp_path / "r1", row()), run(tmp_path / "r2", row())
    with pytest.raises(ConfigError, match=rf"result.json' is a part of a run directory; give .* 'run:{one}'$"):
        read_sources([str(one / RESULT), str(two)])


@pytest.mark.parametrize("damage", [{"test": None}, {"test": {"f1": 1}}, {"sha256": 5}])
def test_a_damaged_result_is_refused(tmp_path: Path, damage: dict[str, object]) -> None:
    one, two = run(tmp_path / "r1", row()), run(tmp_path / "r2", row())
    known = {name: value for name, value in read_json(one / RESULT).items() if name != "digest"}
    write_json(one / RESULT, {**known, **damage})
    with pytest.raises(CheckpointError, match=r"result.json' is damaged \(.+\); restore it or train again$"):
        read_sources([str(one), str(two)])


@pytest.mark.parametrize("damage", [{"tasks": [1]}, {"tasks": {"doa": {"sha256": 5}}}, {"environment": 3}])
def test_a_document_whose_description_is_damaged_is_refused(tmp_path: Path, damage: dict[str, object]) -> None:
    path = document(tmp_path / "a.json", [row(text=outcomes())], {"doa": {"0": "p"}})
    write_json(path, {**read_json(path), **damage})
    with pytest.raises(DataError, match=rf"is not a benchmark document \({next(iter(damage))}.*: "):
        read_sources([str(path), str(run(tmp_path / "r", None))])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5, 1.5])
@pytest.mark.parametrize("name", ["f1", "exact"])
def test_what_is_no_share_is_refused(tmp_path: Path, name: str, value: float) -> None:
    path = document(tmp_path / "a.json", [row(**{name: value})], {"doa": {"0": "p"}})
    with pytest.raises(DataError, match=r"a.json' holds F1 .*, and both are shares from 0 to 1; "):
        read_sources([str(path), str(run(tmp_path / "r", None))])
    with pytest.raises(DataError, match=r"result.json' holds F1 .*, and both are shares from 0 to 1; "):
        read_sources([str(run(tmp_path / "r", None)), str(run(tmp_path / "s", row(**{name: value})))])
