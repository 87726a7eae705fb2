"""submitit behind the interface of concurrent.futures. Jobs are submitted in arrays that SLURM accepts."""

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

POLL_S = 0.5
_RULE = "-" * 22  # around the traceback in errors of submitit
MOST_IN_ARRAY = 1000  # MaxArraySize of SLURM is 1001 by default


class SubmittedExecutor(Executor):
    """An executor over one of submitit's.

    Args:
        inner: A submitit executor.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self._new: list[tuple[Future[Any], Callable[..., Any]]] = []
        self._jobs: dict[Future[Any], Any] = {}
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of work, which takes no arguments; those of one moment make an array."""
        if args or kwargs:
            raise TypeError("work takes no arguments, so that it can say how it is continued")
        future: Future[Any] = Future()
        with self._lock:
            self._new.append((future, work))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop looking after jobs; cancel those that are not done, if asked."""
        self._closed.set()
        self._thread.join()
        for job in self._jobs.values() if cancel_futures else ():
            job.cancel(check=False)

    def _serve(self) -> None:
        while not self._closed.wait(POLL_S):
            with self._lock:
                new, self._new = self._new[:MOST_IN_ARRAY], self._new[MOST_IN_ARRAY:]
            if new:
                self._submit(new)
            for future, job in list(self._jobs.items()):
                if job.done():
                    del self._jobs[future]
                    _settle(future, job)

    def _submit(self, new: list[tuple[Future[Any], Callable[..., Any]]]) -> None:
        try:
            jobs = self.inner.submit_array([work for _, work in new])
        except Exception as error:  # whatever sbatch or submitit finds wrong
            for future, _ in new:
                future.set_exception(error)
        else:
            self._jobs.update(zip((future for future, _ in new), jobs, strict=True))


def _settle(future: Future[Any], job: Any) -> None:
    """Hand the result of a job to its future; without one, its process has died."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        future.set_result(job.result())
    except FailedJobError as error:
        trace = "".join(str(error).split(_RULE)[1:2]).strip().splitlines()
        future.set_exception(RuntimeError(trace[-1] if trace else f"job {job.job_id} failed"))
    except UncompletedJobError:
        future.set_exception(BrokenExecutor(f"job {job.job_id} ended without a result"))
    except Exception as error:  # its result cannot be read
        future.set_exception(error)
