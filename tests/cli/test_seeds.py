"""Command `train --seeds`: independent run directories, one summary, and a failure that takes nobody along."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev

import pytest

from tests.cli.outcome import Run, fails

DEADLY = """
import os
import torch
import hnetzoo

class Learns(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        self.gate = torch.nn.Parameter(torch.rand(()))

    def forward(self, distance, row_mask=None, col_mask=None):
        return self.gate - distance

class Deadly:
    unit, shape = "metres", (1, 1)

    def __init__(self, config):
        pass

    def load(self, split, seed):
        if seed == 1:
            os._exit(3)
        distance = torch.rand(200, 1, 1, generator=torch.Generator().manual_seed(seed))
        return hnetzoo.AssociationBatch.with_full_masks(distance, distance < 0.5)

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="learns", summary="", target="deadly_data:Learns", config="hnetzoo:Config",
                              dataset="deadly")]

@hnetzoo.hookimpl
def hnetzoo_datasets():
    return [hnetzoo.DatasetSpec(name="deadly", summary="", target="deadly_data:Deadly", config="hnetzoo:Config")]
"""
TRAIN = ("train", "learns", "--epochs", "2", "--batch-size", "50")


def test_seeds_train_as_they_would_alone_and_one_whose_worker_dies_is_named(
    fake_distribution: Callable[..., Path], run: Run, tmp_path: Path
) -> None:
    fake_distribution("deadly-data", DEADLY)
    outcome = run(*TRAIN, "--seeds", "0,1,2", "--out", "r")
    assert outcome.code == 1
    assert "seed 1 failed: the worker process died (process " in outcome.err
    summary = json.loads((tmp_path / "r" / "seeds.json").read_text())
    assert [entry["seed"] for entry in summary["failed"]] == [1]
    f1 = [entry["test"]["f1"] for entry in summary["runs"]]
    assert [entry["seed"] for entry in summary["runs"]] == [0, 2]
    assert (summary["spread"]["f1"]["mean"], summary["spread"]["f1"]["std"]) == (fmean(f1), stdev(f1))

    assert run(*TRAIN, "--seed", 2, "--out", "lone").code == 0
    lone, beside = ((tmp_path / folder / "best.safetensors").read_bytes() for folder in ("lone", "r/seed-2"))
    assert lone == beside
    assert json.loads((tmp_path / "lone" / "result.json").read_text())["test"]["f1"] == f1[1]

    compared = run("compare", "r", "--json")
    assert compared.code == 0, compared.err
    assert [source["label"] for source in json.loads(compared.out)["sources"]] == ["seed-0", "seed-2"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--seeds", "0,x"), "--seeds is '0,x'; give different whole numbers"),
        (("--seeds", "1,1"), "--seeds is '1,1'; give different whole numbers"),
        (("--seeds", ""), "--seeds is ''; give different whole numbers"),
        (("--seeds", "0,1", "--seed", "2"), "leave out --seed"),
        (("--jobs", "2"), "--jobs and --executor are for several trainings; give their --seeds"),
        (("--executor", "slurm"), "--jobs and --executor are for several trainings; give their --seeds"),
        (("--seeds", "0,1", "--executor", "ray"), "unknown executor 'ray'"),
        (("--seeds", "0,1", "--html", "t.html"), "--html is for one training"),
    ],
)
def test_what_does_not_go_with_seeds_is_refused_before_anything_is_written(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], part: str
) -> None:
    fails(run("train", "hnetgru", "--out", "r", *arguments), 2, part)
    assert list(tmp_path.iterdir()) == []


def test_a_run_directory_is_not_taken_for_a_folder_of_several(run: Run, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "run.json").write_text("{}")
    fails(run("train", "hnetgru", "--seeds", "0,1", "--out", "r"), 2, "'r' is itself a run directory")


def test_a_device_of_other_machines_need_not_be_here(run: Run) -> None:
    there = ("--seeds", "3,5", "--executor", "slurm", "--device", "xpu", "--dry-run", "--json")
    assert json.loads(run("train", "hnetgru", *there).out)["device"] == "xpu"
    fails(run("train", "hnetgru", "--device", "xpu", "--dry-run"), 2, "device 'xpu' cannot be used")


def test_a_dry_run_names_all_seeds(run: Run) -> None:
    assert json.loads(run("train", "hnetgru", "--seeds", "3,5", "--dry-run", "--json").out)["seed"] == [3, 5]
