"""Train on ten million problems of 8 x 8 that stay on disk, and compare with problems in memory where these fit.

    python benchmarks/speed/out_of_core.py

`hnetzoo generate --shards` and `hnetzoo train` are run as commands, and their memory is read from /proc while they run
(Linux). Anonymous memory is what a process cannot do without; pages of files are dropped when memory is needed. In the
end the files are dropped from the page cache, and batches are gathered from the disk, as where they exceed the memory.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer
from measure import ENVIRONMENT, RESULTS

import hnetzoo
from hnetzoo.files import write_json

COMMAND = (sys.executable, "-c", "import sys; sys.argv[0] = 'hnetzoo'; from hnetzoo.cli import main; main()")
PER_SHARD = 100_000  # problems; validation and test are a tenth of a shard
BATCH_SIZE = 4096
POLL_S = 0.02
MEMORY = {"anonymous": ("RssAnon",), "files": ("RssFile",), "resident": ("RssAnon", "RssFile", "RssShmem")}
COLD_BATCHES = 50

Numbers = dict[str, Any]


def run(*arguments: object) -> Numbers:
    """Return the seconds and the peaks of memory [bytes] of a command; raises CalledProcessError if it fails."""
    start, peaks = time.perf_counter(), dict.fromkeys(MEMORY, 0)
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        for name, value in _memory(process.pid).items():
            peaks[name] = max(peaks[name], value)
        time.sleep(POLL_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return {"seconds": time.perf_counter() - start, **peaks}


def _memory(pid: int) -> dict[str, int]:
    """Return the memory of a process by kind [bytes]; nothing if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    return {name: 1024 * sum(kilobytes.get(key, 0) for key in keys) for name, keys in MEMORY.items()}


def generated(folder: Path, problems: int) -> Numbers:
    """Write training problems and, of one shard, validation and test problems; return what it took."""
    settings = f"dataset.samples={min(problems, PER_SHARD)}", "dataset.min_size=8"
    options = [part for setting in settings for part in ("--set", setting)]
    shards = max(1, problems // PER_SHARD)
    return run("generate", "lsap", "--split", "all", "--shards", shards, "--out", folder, *options)


def trained(path: Path, out: Path, problems: int) -> Numbers:
    """Return what one epoch of dual-softmax on a file or folder took, and its loss."""
    where = "--dataset", "npz", "--set", f"dataset.path={path}", "--out", out
    found = run("train", "dual-softmax", *where, "--epochs", 1, "--batch-size", BATCH_SIZE, "--quiet")
    (epoch,) = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return {**found, "problems_per_second": problems / epoch["seconds"]["train"], "losses": epoch["losses"]}


def copied(folder: Path, path: Path) -> None:
    """Write the problems of a folder as a .npz file, which is read into memory."""
    stored = hnetzoo.read_problem_folder(folder)
    batches = [stored.load(split) for split in hnetzoo.SPLITS]
    split = torch.arange(len(batches)).repeat_interleave(torch.tensor([len(batch.distance) for batch in batches]))
    hnetzoo.write_problems(path, hnetzoo.AssociationBatch.concatenate(batches), split)


def gathered(folder: Path) -> Iterator[float]:
    """Yield problems per second of gathering random batches, from the disk and then from the page cache."""
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    arrays = [_mapped(folder / f"train-{field}.npy") for field in ("distance", "association", "row_mask", "col_mask")]
    order = torch.randperm(len(arrays[0]), generator=torch.Generator().manual_seed(0))[: COLD_BATCHES * BATCH_SIZE]
    for _ in range(2):
        start = time.perf_counter()
        for index in torch.split(order, BATCH_SIZE):
            for array in arrays:
                array[index]
        yield len(order) / (time.perf_counter() - start)


def _mapped(path: Path) -> torch.Tensor:
    """Return an array as `hnetzoo.read_problem_folder` maps it, without the pass over its files."""
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def main(
    problems: Annotated[int, typer.Option(min=PER_SHARD, help="Training problems on disk.")] = 10_000_000,
    in_memory: Annotated[int, typer.Option(min=PER_SHARD, help="Training problems in memory and on disk.")] = 1_000_000,
    folder: Annotated[
        Path | None, typer.Option(help="Where files are for a while; by default a temporary one.")
    ] = None,
) -> None:
    """Generate, train, compare, and store the result."""
    cases: dict[str, dict[str, Numbers]] = {}
    with TemporaryDirectory(dir=folder) as temporary:
        for count in sorted({in_memory, problems}):
            place = Path(temporary, str(count))
            place.mkdir()
            case = cases[f"{count:,} problems"] = {"generate": generated(place / "folder", count)}
            case["train, on disk"] = trained(place / "folder", place / "run", count)
            if count == in_memory:
                copied(place / "folder", place / "copy.npz")
                case["train, in memory"] = trained(place / "copy.npz", place / "memory", count)
                assert case["train, in memory"]["losses"] == case["train, on disk"]["losses"], "the order is the same"
            disk, cache = gathered(place / "folder")
            case["gather, from the disk"] = {"problems_per_second": disk}
            case["gather, from the page cache"] = {"problems_per_second": cache}
            print(json.dumps({f"{count:,}": case}, indent=2), flush=True)
    document = {
        "title": "More problems than memory",
        "what": f"Problems of 8 x 8; one epoch of dual-softmax at batch {BATCH_SIZE}, with all checks and the test.",
        "cases": cases,
        "environment": {**ENVIRONMENT, "threads": torch.get_num_threads()},
    }
    write_json(RESULTS / "speed-out-of-core.json", document)


if __name__ == "__main__":
    typer.run(main)
