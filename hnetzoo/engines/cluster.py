"""Work on a cluster: lots of items are handed to its executor, and those whose workers die to another worker.

An engine may start a lot twice, or again after its worker died, without telling; workers therefore note in the log of
each item that they begin it, and refuse one that others died of. Whatever is done twice must give the same result.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hnetzoo.engines.items import MOST_DEATHS, Item, Work, Workplace, run_item
from hnetzoo.engines.logs import INTERRUPTED, Attempts, add_line, read_attempts
from hnetzoo.engines.pools import ClusterPool
from hnetzoo.engines.progress import PROGRESS_S, Progress
from hnetzoo.errors import HnetzooError, ResourceError, one_line

ItemType = TypeVar("ItemType", bound=Item)
Result = TypeVar("Result")
MOST_IN_LOT = 100
_DEATHS = ("KilledWorker", "WorkerStartTimeoutError")  # of dask, whose scheduler has given up


class Lot(Generic[ItemType, Result]):
    """What a worker is handed: items, and what to do with each of them.

    Args:
        work: Importable by name.
        place: Where it is done.
        items: In turn.
    """

    def __init__(self, work: Work[ItemType, Result], place: Workplace, items: Sequence[ItemType]) -> None:
        self.work, self.place, self.items = work, place, items
        self.results: list[Result | HnetzooError] = []

    def __call__(self) -> list[Result | HnetzooError]:
        """Return the result of each item, or the error that it ended with."""
        for item in self.items[len(self.results) :]:
            try:
                self.results.append(run_item(self.work, self.place, item))
            except Exception as error:
                text = str(error) if isinstance(error, HnetzooError) else one_line(error)
                self.results.append(HnetzooError(text))  # any other might not survive pickling
        return self.results

    def checkpoint(self) -> Any:
        """Return what submitit continues with, after this worker was told to stop."""
        from submitit.helpers import DelayedSubmission

        if len(self.results) < len(self.items):
            log = self.place.log_of(self.items[len(self.results)])
            if log is not None and log.exists():
                add_line(log, INTERRUPTED)
        return DelayedSubmission(self)


@dataclass
class _Share(Generic[ItemType]):
    """The items of a lot, how many workers died of them so far, and how many of nothing that is known."""

    items: Sequence[ItemType]
    died: int = 0
    unexplained: int = 0


def run_on_cluster(
    work: Work[ItemType, Result],
    items: Iterable[ItemType],
    pool: ClusterPool,
    place: Workplace,
    failed: Callable[[ItemType, BaseException], Result],
    progress: Progress,
) -> Iterator[Result]:
    """Yield the results of work on items, as they arrive, one per item.

    Args:
        work: Importable by name on every machine; it and the items must survive pickling.
        items: Submitted in this order.
        pool: Of a cluster.
        place: Where workers work; it gives up items, and keeps logs.
        failed: Returns the result of an item whose work raised, or whose workers died.
        progress: Is shown the items that are worked on.

    Raises:
        ResourceError: If the engine ended.
    """
    waiting = deque(_shares(list(items), pool))
    running: dict[Future[list[Result | HnetzooError]], _Share[ItemType]] = {}
    while waiting or running:
        while waiting and len(running) < pool.workers:
            share = waiting.popleft()
            running[pool.executor.submit(pool.wrapped(Lot(work, place, share.items)))] = share
        done, _ = wait(running, PROGRESS_S, FIRST_COMPLETED)
        progress.show([item for share in running.values() for item in share.items])
        if not done and (reason := pool.missing()):
            progress.tell(f"waiting: {reason}")
        for future in done:
            share = running.pop(future)
            error = _error(future)
            if error is None:
                _tell_deaths(share, place, progress)
                for item, result in zip(share.items, future.result(), strict=True):
                    yield failed(item, result) if isinstance(result, HnetzooError) else result
            elif _is_death(error) and _may_go_on(share, place):
                progress.tell(f"a worker of {_named(share)} died; another one takes over")
                waiting.appendleft(share)
            else:
                for item in share.items:
                    yield failed(item, place.died(item) if _is_death(error) else error)


def _shares(items: Sequence[ItemType], pool: ClusterPool) -> Iterator[_Share[ItemType]]:
    """Yield lots of neighbours, which often share their problems."""
    size = 1
    if pool.lots_each is not None:
        size = min(MOST_IN_LOT, -(-len(items) // (pool.workers * pool.lots_each))) or 1
    for start in range(0, len(items), size):
        yield _Share(items[start : start + size])


def _error(future: "Future[Any]") -> BaseException | None:
    try:
        return future.exception()
    except CancelledError:
        raise ResourceError(
            "the engine dropped work that was handed to it; finished rows are kept, and the same command continues"
        ) from None


def _is_death(error: BaseException) -> bool:
    return isinstance(error, BrokenExecutor) or type(error).__name__ in _DEATHS


def _may_go_on(share: _Share[ItemType], place: Workplace) -> bool:
    """Return whether another worker may take over a lot; not, if workers die before they begin an item."""
    logs = [place.log_of(item) for item in share.items]
    died = sum(read_attempts(log).died for log in logs if log)
    share.unexplained = share.unexplained + 1 if died == share.died else 0
    share.died = died
    return share.unexplained < MOST_DEATHS


def _tell_deaths(share: _Share[ItemType], place: Workplace, progress: Progress) -> None:
    """Tell which workers died of the items of a lot; some engines give these to others without a word."""
    for item in share.items:
        log = place.log_of(item)
        found = read_attempts(log) if log else Attempts()
        if found.died and len(found.workers) > 1:
            progress.tell(f"{item.title}: {found.workers[-2]} died, {found.workers[-1]} took over")


def _named(share: _Share[ItemType]) -> str:
    first, *rest = share.items
    return f"'{first.title}'" + (f" and {len(rest)} more" if rest else "")
