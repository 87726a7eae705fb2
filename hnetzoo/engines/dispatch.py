"""Work on items, in processes of this machine or on a cluster, whichever engine is chosen."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from hnetzoo.engines.choice import Engine
from hnetzoo.engines.cluster import run_on_cluster
from hnetzoo.engines.items import Item, Work, Workplace, run_item
from hnetzoo.engines.logs import command_folder
from hnetzoo.engines.pools import cluster_pool
from hnetzoo.engines.progress import Progress, Tell
from hnetzoo.engines.workers import run_in_workers
from hnetzoo.errors import ConfigError

UNSHARED = "an executor of other machines needs a folder that all of them share; give --runs"

ItemType = TypeVar("ItemType", bound=Item)
Result = TypeVar("Result")


def dispatch(
    work: Work[ItemType, Result],
    items: Sequence[ItemType],
    engine: Engine,
    workers: int,
    folder: Path | None,
    failed: Callable[[ItemType, BaseException], Result],
    tell: Tell,
) -> Iterator[Result]:
    """Yield the results of work on items, as they arrive, one per item.

    Args:
        work: Importable by name; it and the items must survive pickling. It may be called again for an item that a
            worker died of, or that an engine starts twice, and is told how the item fared before.
        items: In the order in which they are begun.
        engine: What runs the workers.
        workers: How many; 0 means as many as the engine has.
        folder: Keeps a log per item; None keeps none. The machines of other engines must share it.
        failed: Returns the result of an item whose work raised, or whose workers died.
        tell: Takes lines about the progress of workers.

    Raises:
        ConfigError: If the engine cannot be used, or has no folder.
        ResourceError: If it ended.
    """
    logs = command_folder(folder.absolute()) if folder else None
    place = Workplace(folder=Path.cwd(), logs=logs, gives_up=engine.is_shared)
    progress = Progress(place, tell)

    def ended(item: ItemType, error: BaseException) -> Result:
        return failed(item, place.died(item) if isinstance(error, BrokenExecutor) else error)

    if not engine.is_shared:
        yield from run_in_workers(partial(run_item, work, place), items, workers, ended, watch=progress.show)
        return
    if logs is None:
        raise ConfigError(UNSHARED)
    with cluster_pool(engine, workers, logs) as pool:
        yield from run_on_cluster(work, items, pool, place, ended, progress)
