"""Work in processes: results in order of completion, and a death that takes nobody along."""

import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from hnetzoo.engines.workers import run_in_workers

WORK = """
import os, signal, sys
def work(item):
    print("noise on stdout")
    if item == "exit":
        os._exit(3)
    if item == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "raise":
        raise ValueError("no luck")
    if item == "system":
        sys.exit(1)
    return item, os.environ["OMP_NUM_THREADS"], os.getpid()
"""


def failed(item: str, error: BaseException) -> tuple[str, str]:
    return item, type(error).__name__


class Mortal(Executor):
    """Breaks for good, and for all that runs, when it meets "dies"; beside others, "slow" is still running then."""

    def __init__(self, log: list[int], workers: int) -> None:
        self.broken = False
        self.alone = workers == 1
        self.running: list[Future[str]] = []
        log.append(workers)

    def submit(self, work: Callable[[str], str], item: str) -> "Future[str]":  # type: ignore[override]
        if self.broken:
            raise BrokenExecutor
        future: Future[str] = Future()
        self.running.append(future)
        if item == "dies":
            self.broken = True
            for other in self.running:
                if not other.done():
                    other.set_exception(BrokenExecutor())
        elif item != "slow" or self.alone:
            future.set_result(work(item))
        return future


@pytest.mark.parametrize("items", [[], ["a"], [f"{index}" for index in range(20)]])
def test_every_item_gives_one_result(items: list[str]) -> None:
    assert sorted(run_in_workers(str.upper, items, 3, failed, ThreadPoolExecutor)) == sorted(map(str.upper, items))


def test_results_come_as_they_are_made() -> None:
    first = threading.Event()
    waits = {"slow": first.wait, "quick": lambda: None}
    results = run_in_workers(lambda item: (waits[item](), item)[1], ["slow", "quick"], 2, failed, ThreadPoolExecutor)
    assert next(results) == "quick"
    first.set()
    assert list(results) == ["slow"]


def test_no_more_are_at_work_than_there_are_workers() -> None:
    log: list[int] = []
    started = []
    results = run_in_workers(lambda item: started.append(item) or item, "abcdef", 2, failed, lambda n: Mortal(log, n))
    next(results)
    assert len(started) == 2
    assert log == [2]
    results.close()


def test_an_exception_is_the_items_own() -> None:
    assert list(run_in_workers(int, ["1", "x", "2"], 1, failed, ThreadPoolExecutor)) == [1, ("x", "ValueError"), 2]


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupt(item: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_in_workers(interrupt, ["a"], 1, failed, ThreadPoolExecutor))


@pytest.mark.parametrize(
    "items",
    [["dies"], ["a", "dies", "b", "c"], ["dies", "dies"], ["slow", "dies", "a"], ["a", "b", "c", "dies"]],
)
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_only_the_item_whose_worker_dies_again_is_given_up(items: list[str], workers: int) -> None:
    log: list[int] = []
    results = list(run_in_workers(str.upper, items, workers, failed, lambda n: Mortal(log, n)))
    expected = [("dies", "BrokenExecutor") if item == "dies" else item.upper() for item in items]
    assert Counter(results) == Counter(expected)


def test_real_workers_die_alone_have_one_thread_and_leave_stdout_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "acme_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    import acme_work

    results = {
        item: rest for item, *rest in run_in_workers(acme_work.work, ["a", "exit", "raise", "system", "b"], 2, failed)
    }
    assert results.keys() == {"a", "exit", "raise", "system", "b"}
    assert results["exit"] == ["BrokenExecutor"]
    assert (results["raise"], results["system"]) == (["ValueError"], ["SystemExit"])
    for item in "ab":
        threads, process = results[item]
        assert threads == "1"
        assert process != os.getpid()
    assert capfd.readouterr().out == ""
