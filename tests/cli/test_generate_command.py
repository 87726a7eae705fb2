"""`generate --shards` writes folders that other commands read; failures are one line and leave nothing."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo.training.determinism import derived_seed
from tests.cli.outcome import Run, fails

SMALL = ("--set", "dataset.samples=60", "--set", "dataset.max_size=3")


def small() -> Any:
    return hnetzoo.load_dataset("lsap", samples=60, max_size=3)


def test_the_training_split_is_several_draws_and_the_others_are_those_of_the_dataset(run: Run) -> None:
    outcome = run("generate", "lsap", *SMALL, "--split", "all", "--shards", 3, "--seed", 5, "--out", "p", "--json")
    assert json.loads(outcome.out) == {
        "folder": "p",
        "dataset": "lsap",
        "split": "all",
        "seed": 5,
        "unit": "cost",
        "shards": 3,
        "problems": {"train": 180, "validation": 6, "test": 6},
        "shape": [3, 3],
    }
    stored = hnetzoo.read_problem_folder("p")
    seeds = 5, derived_seed(5, 2), derived_seed(5, 3)  # as --resample draws epochs 1 to 3
    draws = hnetzoo.AssociationBatch.concatenate(small().load("train", seed) for seed in seeds)
    assert torch.equal(stored.load("train").distance, draws.distance)
    assert torch.equal(stored.load("train").association, draws.association)
    for split in ("validation", "test"):
        assert torch.equal(stored.load(split).distance, small().load(split, 5).distance)
    assert (stored.manifest.unit, stored.manifest.truth) == ("cost", "assignment")
    source = stored.manifest.source
    assert (source["dataset"], source["seed"], source["shards"]) == ("lsap", 5, 3)
    assert source["settings"]["samples"] == 60


def test_a_folder_of_one_split_is_divided_in_its_order(run: Run) -> None:
    assert (
        "wrote 120 problems of 3 x 3 (train, seed 0) to p"
        in run("generate", "lsap", *SMALL, "--shards", 2, "--out", "p").out
    )
    dataset: Any = hnetzoo.load_dataset("npz", path=Path("p"), validation_share=0.2, test_share=0.1)
    whole = hnetzoo.read_problem_folder("p").load("train").distance
    parts = [dataset.load(split, 0).distance for split in hnetzoo.SPLITS]
    assert [len(part) for part in parts] == [84, 24, 12]
    assert torch.equal(torch.cat(parts), whole)
    assert (dataset.unit, dataset.truth, dataset.mapped) == ("cost", "assignment", True)
    assert hnetzoo.load_dataset("npz", path=Path("p"), unit="m").unit == "m"


def test_one_shard_of_a_dataset_that_cannot_be_redrawn_holds_its_problems(run: Run) -> None:
    run("generate", "lsap", *SMALL, "--split", "all", "--out", "p.npz")
    run("generate", "npz", "--set", "dataset.path=p.npz", "--split", "all", "--shards", 1, "--out", "p")
    stored, file = hnetzoo.read_problem_folder("p"), hnetzoo.load_dataset("npz", path=Path("p.npz"))
    for split in hnetzoo.SPLITS:
        assert torch.equal(stored.load(split).distance, file.load(split, 0).distance)
    assert stored.manifest.source["settings"]["path"] == "p.npz"


def test_a_folder_is_trained_on_and_benchmarked_like_a_file_of_the_same_problems(run: Run) -> None:
    run("generate", "lsap", *SMALL, "--split", "all", "--shards", 1, "--out", "p")
    run("generate", "lsap", *SMALL, "--split", "all", "--out", "p.npz")
    rows = {}
    for path in ("p", "p.npz"):
        where = "--dataset", "npz", "--set", f"dataset.path={path}"
        command = "train", "dual-softmax", *where, "--epochs", 1, "--batch-size", 8, "--out", f"run-{path}", "--json"
        trained = json.loads(run(*command).out)["test"]
        models = "--model", "hungarian", "--model", f"run:run-{path}"
        run("benchmark", *models, *where, "--json", "ranked.json")
        ranked = json.loads(Path("ranked.json").read_text())
        rows[path] = [[row["f1"], row["cells"]] for row in (trained, *ranked["rows"])]
    assert rows["p"] == rows["p.npz"]


def test_advise_reads_a_folder_of_problems(run: Run) -> None:
    from hnetzoo.cli.own_data import described

    run("generate", "lsap", *SMALL, "--shards", 1, "--out", "p")
    assert described(Path("p"), None, Path("q.npz")) == (
        "npz", {"path": "p", "validation_share": 0.2, "test_share": 0.3}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["lsap", "--out", "p"], 2, ["'p' does not end in .npz", "or with --shards N as a folder"]),
        (["lsap", "--out", "p.npz", "--shards", "2"], 2, ["'p.npz' ends in .npz, and --shards writes a folder"]),
        (["lsap", "--out", "p", "--shards", "2", "--split", "test"], 2, ["choose --split train or all"]),
        (["lsap", "--out", "no/p", "--shards", "2"], 2, ["cannot write 'no/p': folder 'no' does not exist"]),
        (["lsap", "--out", "full", "--shards", "2"], 2, ["folder 'full' holds other files ('mine.txt')"]),
        (
            ["doa-csv", "--out", "p", "--shards", "2", "--set", "dataset.reference=a", "--set", "dataset.predicted=b"],
            2, ["'doa-csv' cannot be drawn 2 times, only synthetic datasets; use --shards 1"],
        ),
        (["npz", "--out", "p", "--shards", "1", "--set", "dataset.path=no.npz"], 4, ["cannot read 'no.npz' as .npz"]),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_written_is_one_line_and_leaves_nothing(
    arguments: list[str], code: int, parts: list[str], run: Run
) -> None:
    Path("full").mkdir()
    Path("full", "mine.txt").touch()
    fails(run("generate", *arguments, *(SMALL if arguments[0] == "lsap" else ())), code, *parts)
    assert sorted(path.name for path in Path().iterdir()) == ["full"]
    assert [path.name for path in Path("full").iterdir()] == ["mine.txt"]


class Usage(NamedTuple):
    free: int


def test_a_disk_that_is_too_small_is_told_before_it_is_full(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free=10_000))
    outcome = run("generate", "lsap", *SMALL, "--shards", 9, "--out", "p")
    fails(
        outcome, 5, f"the train split needs {9 * 60 * (9 * 5 + 6):,} more bytes, and 10,000 are free", "lower --shards"
    )
    assert not Path("p").exists()


@pytest.mark.parametrize(
    ("split", "shares", "message"),
    [
        ("train", ("dataset.test_share=0",), "leaves the test split without problems (60 in all)"),
        ("missing", (), "holds no test split (found: train, validation)"),
    ],
)
def test_a_split_that_a_folder_does_not_hold_is_told(
    split: str, shares: tuple[str, ...], message: str, run: Run
) -> None:
    if split == "train":
        run("generate", "lsap", *SMALL, "--shards", 1, "--out", "p")
    else:
        hnetzoo.write_problem_folder("p", {name: [small().load(name, 0)] for name in ("train", "validation")})
    settings = [part for share in shares for part in ("--set", share)]
    where = "--dataset", "npz", "--set", "dataset.path=p", *settings
    fails(run("train", "dual-softmax", *where, "--out", "run", "--quiet"), 4, message)


def test_training_on_a_damaged_folder_is_one_line(run: Run) -> None:
    run("generate", "lsap", *SMALL, "--shards", 1, "--out", "p")
    np.save("p/train-distance.npy", np.load("p/train-distance.npy") + 1)
    where = "--dataset", "npz", "--set", "dataset.path=p"
    fails(run("train", "dual-softmax", *where, "--out", "run"), 4, "'p/train-distance.npy' does not match its digest")
    assert not Path("run").exists()
