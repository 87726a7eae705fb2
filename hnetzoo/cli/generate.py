"""`hnetzoo generate DATASET --out FILE.npz`: write problems to a file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hnetzoo.cli.options import JsonOption, SetOption
from hnetzoo.cli.output import check_writable, print_json
from hnetzoo.config import MAX_SEED, read_values
from hnetzoo.errors import ConfigError
from hnetzoo.registry.discovery import discover


class Part(StrEnum):
    """The split to write, or all."""

    train = "train"
    validation = "validation"
    test = "test"
    all = "all"


def generate(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A registered dataset.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The .npz file to write.", show_default=False)],
    split: Annotated[
        Part, typer.Option(help="Which split; all adds an array with the split of each problem.")
    ] = Part.train,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the data.")] = 0,
    config: Annotated[Path | None, typer.Option(help="TOML file with a table dataset.")] = None,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write a split as .npz: distance, association, row_mask, col_mask.

    Train on the file with: hnetzoo train MODEL --dataset npz --set dataset.path=FILE.npz
    """
    if out.suffix != ".npz":
        raise ConfigError(f"--out '{out}' does not end in .npz; problems are written in that format")
    check_writable(out)
    values = read_values(config, settings or ())
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    import torch

    from hnetzoo.association.batch import SPLITS, AssociationBatch
    from hnetzoo.association.problem_files import write_problems
    from hnetzoo.association.splits import load_split
    from hnetzoo.registry.specs import DatasetSpec

    built = registry.configure(DatasetSpec, dataset, values["dataset"]).build()
    chosen = SPLITS if split is Part.all else tuple(name for name in SPLITS if name == split.value)
    batches = [load_split(built, name, seed) for name in chosen]
    batch = AssociationBatch.concatenate(batches)
    sizes = torch.tensor([len(part.distance) for part in batches])
    labels = torch.arange(len(sizes)).repeat_interleave(sizes) if split is Part.all else None
    write_problems(out, batch, labels)
    document = {"file": str(out), "dataset": dataset, "split": split.value, "seed": seed, "unit": built.unit}
    shape = list(batch.distance.shape)
    if json:
        print_json({**document, "shape": shape})
    else:
        typer.echo(f"wrote {shape[0]:,} problems of {shape[1]} x {shape[2]} ({split.value}, seed {seed}) to {out}")
