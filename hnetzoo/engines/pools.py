"""Executors of clusters, whose workers die alone: dask.distributed, and SLURM through submitit."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hnetzoo.engines.child import InChild
from hnetzoo.engines.choice import Engine
from hnetzoo.engines.submitted import SubmittedExecutor
from hnetzoo.errors import ConfigError

CONNECT_S = 10.0
LOTS_EACH = 2  # that the share of a submitted worker is cut into, so that all end at about the same time
THREADS = tuple(f"export {name}_NUM_THREADS=1" for name in ("OMP", "MKL", "OPENBLAS"))
_GENERAL = ("timeout_min", "mem_gb", "cpus_per_task", "gpus_per_node", "nodes", "tasks_per_node")  # others are SLURM's


@dataclass(frozen=True, kw_only=True)
class ClusterPool:
    """An executor, and what is known of its workers.

    Fields:
        executor: One of its futures raises BrokenExecutor if its own worker died.
        workers: How many lots are submitted at once.
        wrapped: Returns what is submitted for a lot.
        lots_each: Into how many lots the share of each worker is cut; None makes a lot of each item.
        missing: Returns what keeps work from being done; "" if nothing does.
    """

    executor: Executor
    workers: int
    wrapped: Callable[[Callable[[], Any]], Callable[[], Any]] = lambda work: work
    lots_each: int | None = None
    missing: Callable[[], str] = lambda: ""


@contextmanager
def cluster_pool(engine: Engine, workers: int, folder: Path) -> Iterator[ClusterPool]:
    """Yield the pool of an engine; what is submitted and not done at the end of the `with` block is cancelled.

    Args:
        engine: Not that of local processes.
        workers: How many; 0 means as many as dask has, and one elsewhere.
        folder: For files of the engine.

    Raises:
        ConfigError: If its package is not installed, or it cannot be reached.
    """
    pool = _dask(engine.address, workers) if engine.kind == "dask" else _submitit(engine, max(1, workers), folder)
    with pool as opened:
        yield opened


@contextmanager
def _dask(address: str, workers: int) -> Iterator[ClusterPool]:
    distributed = _extra("distributed", "dask")
    where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = distributed.Client(**where, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"no dask scheduler at '{address}' ({reason}); start one, or correct the address") from None

    def missing() -> str:
        return "" if client.scheduler_info(n_workers=-1)["workers"] else f"no dask worker is connected to {address}"

    executor = client.get_executor(pure=False)
    try:
        known = len(client.scheduler_info(n_workers=-1)["workers"])
        count = workers or max(1, known)
        yield ClusterPool(executor=executor, workers=count, wrapped=InChild, missing=missing)
    finally:
        executor.shutdown(wait=False)
        client.close()


@contextmanager
def _submitit(engine: Engine, workers: int, folder: Path) -> Iterator[ClusterPool]:
    submitit = _extra("submitit", "slurm")
    try:
        inner = submitit.AutoExecutor(folder=folder / "submitit", cluster=engine.kind)
        inner.update_parameters(**_parameters(engine, workers))
    except (RuntimeError, NameError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"SLURM cannot be used ({reason}); correct the parameters, or try slurm:local") from None
    executor = SubmittedExecutor(inner)
    try:
        yield ClusterPool(executor=executor, workers=workers, lots_each=LOTS_EACH)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _parameters(engine: Engine, workers: int) -> dict[str, Any]:
    """Return the parameters of submitit; without a limit of time, a day."""
    given = {name if name in _GENERAL else f"slurm_{name}": value for name, value in engine.parameters}
    own = {} if engine.kind == "local" else {"slurm_setup": list(THREADS), "slurm_array_parallelism": workers}
    return {"name": "hnetzoo", "timeout_min": 24 * 60, **own, **given}


def _extra(module: str, extra: str) -> Any:
    """Return a module of an extra; raises ConfigError if it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise ConfigError(f"{module} is not installed; run: pip install 'hnetzoo[{extra}]'") from None
