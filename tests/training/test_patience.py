"""A training stops when validation F1 has not improved for as many epochs as its patience."""

import json
from pathlib import Path
from typing import Any

import pytest

import hnetzoo
from hnetzoo.registry.components import Component, configure
from hnetzoo.training.observer import EpochRecord
from hnetzoo.training.runs import read_run
from tests.training.train import REGISTRY, Recorder, final_state, metrics, train, weights


def trainer(**settings: Any) -> Component[hnetzoo.TrainerSpec]:
    """Return a trainer of so small a rate that no epoch is better than the first."""
    return configure(
        REGISTRY.trainer("hnet"), {"batch_size": 128, "learning_rate": 1e-12, "schedule": "constant", **settings}
    )


class Watches(Recorder):
    """An observer that is told of an early stop."""

    told: tuple[int, int] | None = None

    def stopped_early(self, record: EpochRecord, patience: int) -> None:
        self.told = record.epoch, patience


def result(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "result.json").read_text())
    return found


def test_training_stops_after_its_patience_and_says_so_everywhere(tmp_path: Path) -> None:
    watches = Watches()
    last = train(tmp_path / "run", watches, trainer=trainer(epochs=9, patience=2)).last
    assert (last.epoch, last.best_epoch) == (3, 1)
    assert watches.told == (3, 2)
    assert (read_run(tmp_path / "run").stopped, result(tmp_path / "run")["stopped"]) == (3, 3)


@pytest.mark.parametrize("settings", [{"epochs": 3, "patience": 2}, {"epochs": 3}])
def test_a_training_that_runs_all_epochs_did_not_stop_early(tmp_path: Path, settings: dict[str, int]) -> None:
    watches = Watches()
    assert train(tmp_path / "run", watches, trainer=trainer(**settings)).last.epoch == 3
    assert watches.told is None
    assert (read_run(tmp_path / "run").stopped, result(tmp_path / "run")["stopped"]) == (None, None)


def test_epochs_that_improve_do_not_stop_a_training(tmp_path: Path) -> None:
    learns = trainer(epochs=4, patience=1, learning_rate=0.01)
    recorder = Recorder()
    train(tmp_path / "run", recorder, trainer=learns)
    scores = [record.validation["f1"] for record in recorder.records]
    expected = next((at for at in range(1, 4) if scores[at] <= max(scores[:at])), 3)
    assert len(scores) == expected + 1


def test_resuming_a_stopped_training_does_nothing(tmp_path: Path) -> None:
    stops = trainer(epochs=9, patience=2)
    first = train(tmp_path / "run", trainer=stops)
    held = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.name != ".lock"}
    watches = Watches()
    again = train(tmp_path / "run", watches, trainer=stops, resume=True)
    assert (watches.steps, again.last) == (0, first.last)
    assert held == {path: path.stat().st_mtime_ns for path in held}


@pytest.mark.parametrize("patience", [4, None])
def test_more_patience_goes_on_as_if_nothing_had_stopped(tmp_path: Path, patience: int | None) -> None:
    longer = trainer(epochs=6, patience=patience, schedule="one-cycle")
    train(tmp_path / "whole", trainer=longer)
    train(tmp_path / "run", trainer=trainer(epochs=6, patience=2, schedule="one-cycle"))
    assert len(metrics(tmp_path / "run")) == 3
    train(tmp_path / "run", trainer=longer, resume=True)
    assert final_state(tmp_path / "run") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")
    assert read_run(tmp_path / "run").stopped == read_run(tmp_path / "whole").stopped


def test_more_epochs_have_a_patience_of_their_own(tmp_path: Path) -> None:
    train(tmp_path / "run", trainer=trainer(epochs=4, patience=2))
    train(tmp_path / "run", trainer=trainer(epochs=9, patience=2), resume=True)
    assert len(metrics(tmp_path / "run")) == 5
    assert (read_run(tmp_path / "run").stopped, result(tmp_path / "run")["stopped"]) == (5, 5)


def test_less_patience_is_another_training(tmp_path: Path) -> None:
    train(tmp_path / "run", trainer=trainer(epochs=4, patience=2))
    for settings in ({"epochs": 4, "patience": 1}, {"epochs": 9, "patience": 1}):
        with pytest.raises(hnetzoo.ConfigError, match=r"another training .*differs in .*trainer\.patience"):
            train(tmp_path / "run", trainer=trainer(**settings), resume=True)


def test_a_training_that_is_killed_between_its_stop_and_its_end_stops_again(tmp_path: Path) -> None:
    stops = trainer(epochs=9, patience=2)
    train(tmp_path / "run", trainer=stops)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    del record["digest"]
    (tmp_path / "run" / "run.json").write_text(json.dumps({**record, "weights": "", "stopped": None}))
    (tmp_path / "run" / "result.json").unlink()
    watches = Watches()
    train(tmp_path / "run", watches, trainer=stops, resume=True)
    assert (watches.steps, watches.told) == (0, (3, 2))
    assert read_run(tmp_path / "run").stopped == 3
