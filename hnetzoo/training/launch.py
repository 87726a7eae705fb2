"""Run a command in several processes of this machine, as torchrun does, and start them anew when one was killed."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from uuid import uuid4

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from hnetzoo.errors import ResourceError, Terminated
from hnetzoo.training.ranks import ATTEMPT

RESTARTS = 3
THREADS = "OMP_NUM_THREADS"
SHUTDOWN_S = 10  # after which processes that do not end are killed
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # which the agent handles
_TERMINATED = 128 + signal.SIGTERM


def launch(arguments: Sequence[str], processes: int, told: Callable[[str], None]) -> int:
    """Run `python -m hnetzoo ARGUMENTS` in several processes, each with its rank in its environment.

    Each gets its share of the threads, unless OMP_NUM_THREADS says how many. When one is killed, all are started anew,
    at most `RESTARTS` times.

    Args:
        arguments: Of the command line.
        processes: How many.
        told: Called with a line when processes are started anew.

    Returns:
        The exit code of a process that failed and has told why; 0 if none did.

    Raises:
        KeyboardInterrupt: After SIGINT, once all processes have ended.
        Terminated: Likewise after SIGTERM and the like.
        ResourceError: If a process is killed again and again.
    """
    for attempt in range(RESTARTS + 1):
        code = _run(arguments, processes, attempt)
        if code >= 0:
            return code
        killed = f"a process of the training was killed ({signal.Signals(-code).name})"
        if attempt < RESTARTS:
            told(f"{killed}; all {processes} start again from the newest checkpoint")
    raise ResourceError(
        f"{killed} {RESTARTS + 1} times, as when memory runs out; continue with --resume and fewer --processes"
    )


def _run(arguments: Sequence[str], processes: int, attempt: int) -> int:
    """Return the exit code of a process that failed, negative if a signal ended it; 0 if none failed."""
    with TemporaryDirectory(prefix="hnetzoo-") as logs, _own_environment(processes, attempt), _quiet(), _own_signals():
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
            signals_to_handle=",".join(number.name for number in _SIGNALS),
            shutdown_timeout=SHUTDOWN_S,
        )
        try:
            elastic_launch(config, sys.executable)("-P", "-m", "hnetzoo", *arguments)
        except ChildFailedError as error:
            return _decisive([failure.exitcode for failure in error.failures.values()])
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Terminated(_TERMINATED) from None
    return 0


def _decisive(codes: Sequence[int]) -> int:
    """Return the exit code that says how processes ended, of those that failed, the first one first.

    SIGTERM is what the agent ends the others with, and a process that was killed makes others fail.

    Example:
        >>> _decisive([2, -15]), _decisive([2, -9]), _decisive([-15])
        (2, -9, -15)
    """
    killed = [code for code in codes if code < 0 and code != -signal.SIGTERM]
    return [*killed, *codes][0]


@contextmanager
def _own_environment(processes: int, attempt: int) -> Iterator[None]:
    """Set in a `with` block what the processes inherit: modules, threads, and that they were launched from here."""
    before = dict(os.environ)
    os.environ[ATTEMPT] = str(attempt)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    os.environ.setdefault(THREADS, str(max(1, torch.get_num_threads() // processes)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the agent's own reports off stderr in a `with` block: the process that failed has told why."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Restore the handlers of signals after a `with` block."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
