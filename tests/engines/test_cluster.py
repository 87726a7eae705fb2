"""Work on a cluster: a worker that dies is replaced once, then its item is given up by name; no other is lost."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hnetzoo.engines.choice import Engine
from hnetzoo.engines.cluster import Lot, run_on_cluster
from hnetzoo.engines.items import Workplace, run_item
from hnetzoo.engines.logs import BEGUN, Attempts, add_line, log_path, read_attempts
from hnetzoo.engines.pools import ClusterPool, cluster_pool
from hnetzoo.engines.presence import Presence
from hnetzoo.engines.progress import Progress
from hnetzoo.errors import ConfigError, DataError, HnetzooError, ResourceError


@dataclass(frozen=True)
class Word:
    index: int
    title: str


class Death(BaseException):
    """Ends a worker in the middle of its work, as far as anybody can tell."""


class Cluster(Executor):
    """Runs what it is handed at once; a worker that dies leaves a broken future behind."""

    def __init__(self, *, dies_at_start: bool = False) -> None:
        self.dies_at_start, self.handed = dies_at_start, 0

    def submit(self, work: Callable[[], Any]) -> Future[Any]:  # type: ignore[override]
        future: Future[Any] = Future()
        self.handed += 1
        try:
            if self.dies_at_start:
                raise Death
            future.set_result(work())
        except Death:
            future.set_exception(BrokenExecutor())
        return future


def shout(word: Word, before: Attempts) -> str:
    if word.title.startswith("dies") and before.died < int(word.title.removeprefix("dies")):
        raise Death
    if word.title == "raises":
        raise DataError("no luck")
    return word.title.upper()


def failed(word: Word, error: BaseException) -> str:
    return f"{word.title}: {error}"


def run(titles: str, folder: Path, cluster: Cluster, *, workers: int = 2, lots_each: int | None = None) -> list[str]:
    place = Workplace(folder=folder, logs=folder / "logs", gives_up=True)
    pool = ClusterPool(executor=cluster, workers=workers, lots_each=lots_each)
    words = [Word(index, title) for index, title in enumerate(titles.split())]
    return list(run_on_cluster(shout, words, pool, place, failed, Progress(place, lambda line: None)))


HERE = Presence.here()
GIVEN_UP = f"the worker process died ({HERE}); it was killed, or out of memory"


@pytest.mark.parametrize("lots_each", [None, 1, 2])
@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        ("", []),
        ("a", ["A"]),
        ("a b c d e f g", list("ABCDEFG")),
        ("a raises b", ["A", "raises: no luck", "B"]),
        ("a dies1 b", ["A", "DIES1", "B"]),
        ("a dies2 b", ["A", f"dies2: {GIVEN_UP}", "B"]),
        ("dies9 dies9 a", [f"dies9: {GIVEN_UP}", f"dies9: {GIVEN_UP}", "A"]),
    ],
)
def test_every_item_has_one_result_and_only_what_kills_two_workers_is_given_up(
    titles: str, expected: list[str], lots_each: int | None, tmp_path: Path
) -> None:
    assert Counter(run(titles, tmp_path, Cluster(), lots_each=lots_each)) == Counter(expected)


def test_who_died_and_who_took_over_is_told(tmp_path: Path) -> None:
    place = Workplace(folder=tmp_path, logs=tmp_path / "logs", gives_up=True)
    told: list[str] = []
    pool = ClusterPool(executor=Cluster(), workers=1)
    list(run_on_cluster(shout, [Word(0, "a"), Word(1, "dies1")], pool, place, failed, Progress(place, told.append)))
    assert told == ["a worker of 'dies1' died; another one takes over", f"dies1: {HERE} died, {HERE} took over"]


def test_workers_that_die_before_they_begin_are_not_replaced_for_ever(tmp_path: Path) -> None:
    cluster = Cluster(dies_at_start=True)
    assert run("a", tmp_path, cluster) == ["a: the worker process died; it was killed, or out of memory"]
    assert cluster.handed == 2


def test_work_that_the_engine_drops_is_an_error_that_says_what_is_kept(tmp_path: Path) -> None:
    class Dropping(Cluster):
        def submit(self, work: Callable[[], Any]) -> Future[Any]:  # type: ignore[override]
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(ResourceError, match="finished rows are kept, and the same command continues"):
        run("a", tmp_path, Dropping())


def test_a_worker_that_was_told_to_stop_is_no_death_and_its_lot_goes_on_where_it_was(tmp_path: Path) -> None:
    submitit = pytest.importorskip("submitit")
    place = Workplace(folder=tmp_path, logs=tmp_path / "logs", gives_up=True)
    words = [Word(0, "a"), Word(1, "dies1"), Word(2, "b")]
    lot = Lot(shout, place, words)
    with pytest.raises(Death):
        lot()
    delayed = lot.checkpoint()
    assert isinstance(delayed, submitit.helpers.DelayedSubmission)
    assert read_attempts(log_path(tmp_path / "logs", 1, "dies1")).died == 0
    done: list[str] = []
    delayed.function.work = lambda word, before: done.append(word.title) or word.title
    assert delayed.function() == ["A", "dies1", "b"]
    assert done == ["dies1", "b"]


def test_an_item_is_worked_on_in_the_folder_of_its_command(tmp_path: Path) -> None:
    place = Workplace(folder=tmp_path)
    assert run_item(lambda item, before: Path.cwd(), place, Word(0, "a")) == tmp_path
    with pytest.raises(ConfigError, match=r"has no folder '.*gone'; start the command in one that all machines share"):
        run_item(shout, Workplace(folder=tmp_path / "gone"), Word(0, "a"))


def test_a_log_says_who_began_an_item_and_how_that_ended(tmp_path: Path) -> None:
    log = log_path(tmp_path, 0, "a")
    assert read_attempts(log) == Attempts()
    add_line(log, f"{BEGUN}process 3 on node7")
    add_line(log, f"{BEGUN}process 5 on node8")
    add_line(log, "ended")
    found = read_attempts(log)
    assert (found.workers, found.ended, found.died) == (("process 3 on node7", "process 5 on node8"), 1, 1)


@pytest.mark.parametrize("text", ["", "ray", "loky:2", "dask", "dask:", "slurm:", "Slurm"])
def test_other_engines_are_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown executor .*; give loky, dask:ADDRESS, slurm"):
        Engine.parse(text)


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="'timeout_min' of the executor is no parameter"):
        Engine.parse("slurm:timeout_min")


@pytest.mark.parametrize(("text", "extra"), [("dask:tcp://10.0.0.1:8786", "dask"), ("slurm:local", "slurm")])
def test_a_missing_extra_is_named(text: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("hnetzoo.engines.pools.import_module", missing)
    with pytest.raises(HnetzooError, match=rf"is not installed; run: pip install 'hnetzoo\[{extra}\]'"):
        cluster_pool(Engine.parse(text), 1, tmp_path).__enter__()
