"""Run directories: their contents, and which trainings may write into them."""

import json
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import pytest

from hnetzoo.errors import CheckpointError, ConfigError
from hnetzoo.training.runs import (
    METRICS,
    RunRecord,
    check_run_directory,
    open_run,
    read_epochs,
    read_run,
    write_metrics,
    write_run,
)

RECORD = RunRecord(
    model="hnetgru",
    shape=(2, 2),
    settings={"model": {"hidden_size": 8}, "trainer": {"epochs": 3, "loss_weights": (1.0, 1.0)}, "dataset": {}},
    dataset="doa",
    trainer="hnet",
    environment={"python": "3"},
)
OTHER = replace(RECORD, seed=1, settings={**RECORD.settings, "trainer": {"epochs": 4, "loss_weights": (1.0, 1.0)}})


def test_record_is_read_back_as_the_same_training(tmp_path: Path) -> None:
    write_run(tmp_path / "run", RECORD)
    assert read_run(tmp_path / "run").differences(RECORD) == []


def test_other_versions_are_the_same_training() -> None:
    assert RECORD.differences(replace(RECORD, environment={})) == []


@pytest.mark.parametrize("prepare", [lambda path: None, lambda path: path.mkdir()])
def test_missing_or_empty_directory_is_initialised(tmp_path: Path, prepare: object) -> None:
    prepare(tmp_path / "run")  # type: ignore[operator]
    open_run(tmp_path / "run", RECORD)
    assert read_run(tmp_path / "run").model == "hnetgru"


@pytest.mark.parametrize("held", [True, False])
def test_partial_files_of_a_killed_write_are_removed(tmp_path: Path, held: bool) -> None:
    run = tmp_path / "run"
    if held:
        open_run(run, RECORD)
    run.mkdir(exist_ok=True)
    (run / ".run.json.4711.tmp").write_text("{")
    open_run(run, RECORD, resume=True)
    assert [path.name for path in run.iterdir()] == ["run.json"]


def test_a_check_leaves_what_another_process_writes(tmp_path: Path) -> None:
    (tmp_path / ".run.json.4711.tmp").write_text("{")
    assert not check_run_directory(tmp_path)
    open_run(tmp_path / "run", RECORD)
    (tmp_path / "run" / ".metrics.jsonl.4711.tmp").write_text("{")
    assert check_run_directory(tmp_path / "run")
    assert len(list(tmp_path.rglob("*.tmp"))) == 2


def test_other_files_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / ".thesis.tex.tmp").write_text("precious")
    with pytest.raises(ConfigError, match="is not a run directory"):
        open_run(tmp_path, RECORD)
    assert (tmp_path / ".thesis.tex.tmp").exists()


def test_directory_of_another_training_is_refused_naming_the_differences(tmp_path: Path) -> None:
    open_run(tmp_path / "run", RECORD)
    for resume in (False, True):
        with pytest.raises(ConfigError, match=r"another training \(hnetgru; differs in seed, trainer.epochs\); choose"):
            open_run(tmp_path / "run", OTHER, resume=resume)


def test_directory_of_this_training_asks_for_resume(tmp_path: Path) -> None:
    open_run(tmp_path / "run", RECORD)
    with pytest.raises(ConfigError, match="already holds this training; continue with --resume, or start over with"):
        open_run(tmp_path / "run", RECORD)
    open_run(tmp_path / "run", RECORD, resume=True)


def test_fresh_deletes_a_training_and_nothing_but_a_training(tmp_path: Path) -> None:
    open_run(tmp_path / "run", RECORD)
    (tmp_path / "run" / "metrics.jsonl").write_text("{}\n")
    open_run(tmp_path / "run", OTHER, fresh=True)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("precious")
    with pytest.raises(ConfigError, match="exists and is not a run directory; choose another --out"):
        open_run(tmp_path / "home", RECORD, fresh=True)
    assert (tmp_path / "home" / "thesis.tex").exists()


def test_resume_and_fresh_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose one"):
        open_run(tmp_path / "run", RECORD, resume=True, fresh=True)


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema": 99}', '{"schema": 1, "model": "x"}', "{"])
def test_damaged_record_is_a_checkpoint_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"run.json"):
        read_run(tmp_path)


def test_every_flipped_bit_of_a_record_is_found_or_harmless(tmp_path: Path) -> None:
    path = write_run(tmp_path, RECORD).path / "run.json"
    content = path.read_bytes()
    for index in range(len(content)):
        path.write_bytes(content[:index] + bytes([content[index] ^ 1 << index % 8]) + content[index + 1 :])
        with suppress(CheckpointError):
            assert read_run(tmp_path) == replace(RECORD, settings=read_run(tmp_path).settings)
            assert read_run(tmp_path).differences(RECORD) == []


RIGHT = {"scope": ({}, {"x": 3}), "environment": ({}, {"x": 3}), "resample": (True,), "stopped": (None,),
         "compiled": (True,)}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (entry.name, value)
        for entry in fields(RunRecord)
        for value in (None, 3.5, -1, [], ["x"], {}, {"x": 3}, True)
        if value not in RIGHT.get(entry.name, ()) and not (value == {} and "Mapping" in str(entry.type))
    ],
    ids=str,
)
def test_a_field_of_a_wrong_type_is_a_checkpoint_error(tmp_path: Path, name: str, value: object) -> None:
    write_run(tmp_path, RECORD)
    document = json.loads((tmp_path / "run.json").read_text())
    del document["digest"]
    (tmp_path / "run.json").write_text(json.dumps({**document, name: value}))
    with pytest.raises(CheckpointError, match=rf"run.json' is damaged \({name}"):
        read_run(tmp_path)


def test_an_interrupted_fresh_start_leaves_a_directory_that_can_be_started_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(tmp_path / "run", RECORD).path
    (run / "checkpoints").mkdir()
    (run / "metrics.jsonl").write_text("{}\n")
    with monkeypatch.context() as patch:
        patch.setattr("hnetzoo.training.runs.shutil.rmtree", _stop)
        with pytest.raises(KeyboardInterrupt):
            open_run(run, OTHER, fresh=True)
    assert read_run(run).differences(RECORD) == []
    open_run(run, OTHER, fresh=True)
    assert [path.name for path in run.iterdir()] == ["run.json"]


def _stop(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


def test_directory_without_record_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a run directory \(no run.json in it\)"):
        read_run(tmp_path)


@pytest.mark.parametrize("epochs", ["many", None, [], 1.5])
def test_a_record_whose_epochs_are_no_number_is_damaged(tmp_path: Path, epochs: object) -> None:
    write_run(tmp_path / "run", replace(RECORD, settings={"trainer": {"epochs": epochs}}))
    with pytest.raises(CheckpointError, match=r"run.json' is damaged \(trainer.epochs: "):
        read_run(tmp_path / "run")


def test_a_record_whose_patience_is_no_number_is_damaged(tmp_path: Path) -> None:
    write_run(tmp_path / "run", replace(RECORD, settings={"trainer": {"epochs": 1, "patience": "long"}}))
    with pytest.raises(CheckpointError, match=r"run.json' is damaged \(trainer.patience: 'long'\)"):
        read_run(tmp_path / "run")


LINE = {
    "epoch": 1,
    "losses": {"cell": 0.5},
    "validation": {"f1": 0.75},
    "seconds": {},
    "learning_rate": 0.1,
    "best_epoch": 1,
    "best_f1": 0.75,
}


def test_the_epochs_of_a_run_are_read_in_order(tmp_path: Path) -> None:
    write_metrics(tmp_path, [LINE, {**LINE, "epoch": 2, "validation": {"f1": 1}}])
    assert [(epoch.epoch, epoch.validation["f1"]) for epoch in read_epochs(tmp_path)] == [(1, 0.75), (2, 1)]


def test_a_run_without_metrics_has_no_epochs(tmp_path: Path) -> None:
    assert read_epochs(tmp_path) == ()


@pytest.mark.parametrize(
    "line", ["x", "[]", json.dumps({**LINE, "losses": {"cell": "low"}}), json.dumps({**LINE, "validation": {}}),
             json.dumps({**LINE, "validation": {"f1": "high"}}),
             json.dumps({**LINE, "validation": {"f1": 1, "mine": "x"}})]
)  # fmt: skip
def test_damaged_metrics_are_refused_naming_the_file(tmp_path: Path, line: str) -> None:
    (tmp_path / METRICS).write_text(f"{json.dumps(LINE)}\n{line}\n")
    with pytest.raises(CheckpointError, match=rf"^cannot read '.*{METRICS}' \(.+\); restore it or train again$"):
        read_epochs(tmp_path)
