"""Work spread over processes, through the interface of concurrent.futures.

A worker may die, killed by the system or by the model that it runs. The pool is then lost, and it is not known which
item killed it: those that were running are tried again, one at a time, and one whose worker dies again has failed.
"""

import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from hnetzoo.engines.progress import PROGRESS_S
from hnetzoo.registry.isolation import ignore_unreadable_distributions
from hnetzoo.registry.stdout import STDERR, STDOUT
from hnetzoo.training.ranks import end_with

Item = TypeVar("Item")
Result = TypeVar("Result")
Pool = Callable[[int], AbstractContextManager[Executor]]

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@contextmanager
def local_pool(workers: int) -> Iterator[Executor]:
    """Yield a pool of worker processes with one thread each; an error in the `with` block kills them."""
    from joblib.externals.loky import ProcessPoolExecutor

    level = logging.getLogger("hnetzoo").getEffectiveLevel()
    pool = ProcessPoolExecutor(workers, initializer=start_worker, initargs=(level, os.getpid()), env=THREADS)
    try:
        yield pool
    except BaseException:
        # A second interrupt would leave workers alive, and the interpreter waits for them at its end.
        with _uninterrupted():
            pool.shutdown(kill_workers=True)
        raise
    pool.shutdown()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore interrupts in a `with` block; only the main thread receives them and can set their handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def run_in_workers(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    failed: Callable[[Item, BaseException], Result],
    pool: Pool = local_pool,
    watch: Callable[[Iterable[Item]], None] = lambda running: None,
) -> Iterator[Result]:
    """Yield the results of work on items, done in processes, as they arrive.

    Args:
        work: Importable by name; it and the items must survive pickling.
        items: Submitted in this order.
        workers: How many run at once.
        failed: Returns the result of an item whose work raised, or whose worker died.
        pool: Returns a context manager of an executor with so many workers; a broken one raises BrokenExecutor.
        watch: Called now and then with the items that are worked on.

    Yields:
        One result per item.
    """
    waiting = deque(items)
    while waiting:
        suspects = deque((yield from _until_broken(work, waiting, workers, failed, pool, watch)))
        while suspects:
            for culprit in (yield from _until_broken(work, suspects, 1, failed, pool, watch)):
                yield failed(culprit, BrokenExecutor("the worker process died; it was killed, or out of memory"))


def _until_broken(
    work: Callable[[Item], Result],
    waiting: deque[Item],
    workers: int,
    failed: Callable[[Item, BaseException], Result],
    pool: Pool,
    watch: Callable[[Iterable[Item]], None],
) -> Generator[Result, None, list[Item]]:
    """Yield results until all items are done or the pool breaks; return the items that it broke on."""
    running: dict[Future[Result], Item] = {}
    with pool(workers) as executor:
        while waiting or running:
            try:
                while waiting and len(running) < workers:  # no more, so that few are suspects
                    running[executor.submit(work, waiting[0])] = waiting[0]
                    waiting.popleft()
            except BrokenExecutor:
                if not running:  # broken before it began
                    raise
                return list(running.values())
            done, _ = wait(running, PROGRESS_S, FIRST_COMPLETED)
            watch(running.values())
            whole = [future for future in done if not isinstance(future.exception(), BrokenExecutor)]
            for future in whole:
                item, error = running.pop(future), future.exception()
                if isinstance(error, KeyboardInterrupt):
                    raise error
                yield future.result() if error is None else failed(item, error)
            if len(whole) < len(done):
                return list(running.values())
    return []


def start_worker(level: int, parent: int) -> None:
    """Ignore interrupts, since the parent kills its workers, and keep stdout for the document of the parent."""
    end_with(parent)
    ignore_unreadable_distributions()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    os.dup2(STDERR, STDOUT)
    logging.basicConfig(format="%(message)s")
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)  # the log of an item takes more
