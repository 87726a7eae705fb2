"""`hnetzoo generate DATASET --out FILE.npz`, or `--shards N --out FOLDER`: write problems to a file or a folder."""

import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import JsonOption, SetOption
from hnetzoo.cli.output import check_writable, note, print_json
from hnetzoo.config import MAX_SEED, read_values
from hnetzoo.errors import ConfigError, ResourceError
from hnetzoo.registry.components import Component
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.paths import hide_folders
from hnetzoo.registry.specs import SYNTHETIC, DatasetSpec

if TYPE_CHECKING:
    from hnetzoo.association.batch import AssociationBatch, Split
    from hnetzoo.association.contracts import Dataset

SUFFIX = ".npz"
MOST_NOTES = 10  # of how many shards are written


class Part(StrEnum):
    """The split to write, or all."""

    train = "train"
    validation = "validation"
    test = "test"
    all = "all"


def generate(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A registered dataset.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The .npz file to write, or with --shards the folder.", show_default=False)],
    split: Annotated[
        Part, typer.Option(help="Which split; all adds an array with the split of each problem.")
    ] = Part.train,
    shards: Annotated[
        int | None,
        typer.Option(
            min=1, help="Write a folder: draw the training split so many times, one draw in memory at a time."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the data.")] = 0,
    config: Annotated[Path | None, typer.Option(help="TOML file with a table dataset.")] = None,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write a split as .npz: distance, association, row_mask, col_mask. With --shards, as a folder of arrays.

    Train on either with: hnetzoo train MODEL --dataset npz --set dataset.path=FILE.npz
    """
    _check_options(out, split, shards)
    check_writable(out)
    values = read_values(config, settings or ())
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    component = registry.configure(DatasetSpec, dataset, values["dataset"])
    if shards is None:
        document = {"file": str(out)} | _write_file(component, out, split, seed)
    else:
        document = {"folder": str(out)} | _write_folder(component, out, split, seed, shards)
    if json:
        print_json(document)
    else:
        told = document["shape"] if shards is None else [sum(document["problems"].values()), *document["shape"]]
        b, n, m = told
        typer.echo(f"wrote {b:,} problems of {n} x {m} ({split.value}, seed {seed}) to {out}")


def _check_options(out: Path, split: Part, shards: int | None) -> None:
    if shards is None and out.suffix != SUFFIX:
        raise ConfigError(
            f"--out '{out}' does not end in {SUFFIX}; problems are written in that format, "
            "or with --shards N as a folder"
        )
    if shards is not None and out.suffix == SUFFIX:
        raise ConfigError(f"--out '{out}' ends in {SUFFIX}, and --shards writes a folder; name a folder")
    if shards is not None and shards > 1 and split not in (Part.train, Part.all):
        raise ConfigError(f"--shards {shards} draws the training split several times; choose --split train or all")


def _write_file(component: Component[DatasetSpec], out: Path, split: Part, seed: int) -> dict[str, Any]:
    """Write problems as .npz, and return the document that --json prints."""
    import torch

    from hnetzoo.association.batch import AssociationBatch
    from hnetzoo.association.problem_files import write_problems
    from hnetzoo.association.splits import load_split

    built = component.build()
    batches = [load_split(built, name, seed) for name in _chosen(split)]
    batch = AssociationBatch.concatenate(batches)
    sizes = torch.tensor([len(part.distance) for part in batches])
    labels = torch.arange(len(sizes)).repeat_interleave(sizes) if split is Part.all else None
    write_problems(out, batch, labels)
    return _document(component, split, seed, built) | {"shape": list(batch.distance.shape)}


def _write_folder(component: Component[DatasetSpec], out: Path, split: Part, seed: int, shards: int) -> dict[str, Any]:
    """Write problems as a folder, and return the document that --json prints."""
    from hnetzoo.association.problem_writer import write_problem_folder

    if shards > 1 and SYNTHETIC not in component.spec.tags:
        raise ConfigError(
            f"'{component.spec.name}' cannot be drawn {shards} times, only synthetic datasets; use --shards 1"
        )
    built = component.build()
    document = _document(component, split, seed, built)
    manifest = write_problem_folder(
        out,
        {
            name: _draws(built, name, seed, shards if name == Part.train else 1, out.absolute().parent)
            for name in _chosen(split)
        },
        unit=built.unit,
        truth=getattr(built, "truth", ""),
        source={
            "dataset": component.spec.name,
            "settings": hide_folders(type(component.config), component.settings),
            "seed": seed,
            "shards": shards,
        },
    )
    counts = {name: arrays["distance"].shape[0] for name, arrays in manifest.splits.items()}
    return document | {"shards": shards, "problems": counts, "shape": list(built.shape)}


def _draws(dataset: "Dataset", split: "Split", seed: int, shards: int, folder: Path) -> Iterator["AssociationBatch"]:
    """Yield the draws of a split, that of the seed first, then those of derived seeds, as `train --resample` draws.

    Raises:
        ResourceError: If they will not fit on the disk.
    """
    from hnetzoo.association.splits import load_split
    from hnetzoo.training.determinism import derived_seed

    for shard in range(1, shards + 1):
        batch = load_split(dataset, split, seed if shard == 1 else derived_seed(seed, shard))
        needed = (shards - shard + 1) * sum(field.nbytes for field in batch.tensors.values())
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise ResourceError(
                f"the {split} split needs {needed:,} more bytes, and {free:,} are free in '{folder}'; free some, "
                "or lower --shards"
            )
        yield batch
        if shards > 1 and shard % -(-shards // MOST_NOTES) == 0:
            note(f"{split}: shard {shard} of {shards}")


def _chosen(split: Part) -> "tuple[Split, ...]":
    from hnetzoo.association.batch import SPLITS

    return SPLITS if split is Part.all else tuple(name for name in SPLITS if name == split.value)


def _document(component: Component[DatasetSpec], split: Part, seed: int, built: "Dataset") -> dict[str, Any]:
    return {"dataset": component.spec.name, "split": split.value, "seed": seed, "unit": built.unit}
