"""Advice on one's own problems is right where the answer is known, and says how sure it is."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import hnetzoo
from tests.cli.outcome import Outcome, Run, fails
from tests.cli.test_benchmark_command import RAISING

DISTANCE = torch.rand(300, 3, 3, generator=torch.Generator().manual_seed(0))


def write(path: Path, distance: torch.Tensor, association: torch.Tensor) -> Path:
    hnetzoo.write_problems(path, hnetzoo.AssociationBatch.with_full_masks(distance, association))
    return path


def advice(outcome: Outcome) -> dict[str, object]:
    assert outcome.code == 0, outcome.err
    document: dict[str, object] = json.loads(outcome.out)
    return document


def test_where_the_exact_assignment_is_the_truth_nothing_is_to_be_learned(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "p.npz", DISTANCE, hnetzoo.assign(DISTANCE))
    assert run("advise", path).out.endswith(f"next: hnetzoo associate hungarian {path}\n")
    outcome = run("advise", "p.npz")
    assert outcome.code == 0
    assert "there is nothing to learn" in outcome.out
    assert outcome.out.endswith("next: hnetzoo associate hungarian p.npz\n")
    assert "exchangeable, fine-tuned" in outcome.out
    follow = run(*shlex.split(outcome.out.splitlines()[-1].removeprefix("next: hnetzoo ")))
    assert follow.code == 0


def test_where_pairs_end_at_a_distance_a_tuned_gate_is_enough(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "p.npz", DISTANCE, hnetzoo.assign(DISTANCE, gate=0.3) & (DISTANCE <= 0.3))
    found = advice(run("advise", "p.npz", "--json"))
    assert found["verdict"]["choice"] == "gate"  # type: ignore[index]
    assert found["next"].startswith("hnetzoo associate ")  # type: ignore[attr-defined]
    gain = found["solver"]
    assert 0 < gain["low"] <= gain["value"] <= gain["high"]  # type: ignore[index]
    gated = next(line for line in found["lines"] if line["name"] == "hungarian-gated")  # type: ignore[attr-defined]
    assert float(gated["settings"].removeprefix("gate=")) == pytest.approx(0.3, abs=0.03)


def test_where_the_truth_is_identity_a_network_pays(run: Run, tmp_path: Path) -> None:
    tracks = hnetzoo.load_dataset("doa-tracks", samples=4_000, max_doas=8).load("test", seed=1)
    hnetzoo.write_problems(tmp_path / "p.npz", tracks)
    found = advice(run("advise", "p.npz", "--json"))
    assert found["verdict"]["choice"] == "network"  # type: ignore[index]
    assert found["next"] == "hnetzoo associate exchangeable p.npz --set model.truth=identity"


def test_where_motion_is_other_than_the_weights_know_fine_tuning_pays(run: Run, tmp_path: Path) -> None:
    motion = {"speed_deg": (3, 8), "noise_deg": 5.0, "clutter_rate": 0.5}
    tracks = hnetzoo.load_dataset("doa-tracks", samples=4_000, max_doas=6, **motion).load("test", seed=0)
    hnetzoo.write_problems(tmp_path / "p.npz", tracks)
    found = advice(run("advise", "p.npz", "--json"))
    assert found["verdict"]["choice"] == "network"  # type: ignore[index]
    assert "hnetzoo train exchangeable --init exchangeable" in found["next"]  # type: ignore[operator]


@pytest.mark.parametrize("seed", [0, 1])
def test_on_noise_no_difference_is_shown(run: Run, tmp_path: Path, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    truth = hnetzoo.assign(torch.rand(300, 3, 3, generator=generator))
    write(tmp_path / "p.npz", torch.rand(300, 3, 3, generator=generator), truth)
    found = advice(run("advise", "p.npz", "--json"))
    assert found["verdict"]["choice"] == "no difference"  # type: ignore[index]


def test_distances_and_truth_may_stand_in_two_files(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", DISTANCE.numpy())
    np.save(tmp_path / "t.npy", hnetzoo.assign(DISTANCE).numpy().astype(np.uint8))
    outcome = run("advise", "d.npy", "--truth", "t.npy", "--save", "both.npz")
    assert outcome.code == 0
    assert outcome.out.endswith("next: hnetzoo associate hungarian both.npz\n")
    assert torch.equal(hnetzoo.read_problems(tmp_path / "both.npz").distance, DISTANCE)


def test_a_csv_with_a_line_per_pair_is_enough(run: Run, tmp_path: Path) -> None:
    truth = hnetzoo.assign(DISTANCE)
    lines = [
        f"{k},{i},{j},{DISTANCE[k, i, j]:.6f},{int(truth[k, i, j])}"
        for k in range(200)
        for i in range(3)
        for j in range(3)
    ]
    (tmp_path / "p.csv").write_text("\n".join(["problem,row,column,distance,association", *lines]) + "\n")
    outcome = run("advise", "p.csv", "--save", "kept.npz")
    assert outcome.code == 0, outcome.err
    assert "add --save" not in outcome.err
    unsaved = run("advise", str(tmp_path / "p.csv"))
    assert "add --save problems.npz to keep the problems with their truth" in unsaved.err
    assert unsaved.out.endswith("next: hnetzoo associate hungarian problems.npz\n")
    assert "there is nothing to learn" in outcome.out
    assert outcome.out.endswith("next: hnetzoo associate hungarian kept.npz\n")


def test_a_network_that_cannot_be_used_is_left_out_with_its_reason(
    run: Run, fake_distribution: Callable[..., Path], tmp_path: Path
) -> None:
    fake_distribution("raising-net", RAISING.replace('tags={"non-learned"}', ""))
    write(tmp_path / "p.npz", DISTANCE, hnetzoo.assign(DISTANCE))
    outcome = run("advise", "p.npz", "--model", "raising", "--model", "hnetgru")
    assert outcome.code == 0, outcome.err
    printed = " ".join(outcome.out.split())
    assert "Skipped hnetgru, as it is: n/a (fixed 2 x 2)" in printed
    assert "Skipped raising, as it is: model 'raising' ships no weights" in printed
    assert "there is nothing to learn" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ([], 2, "advise takes a FILE or a --dataset"),
        (["p.npz", "--dataset", "doa"], 2, "and not both"),
        (["none.npz"], 2, "'none.npz' does not exist"),
        (["d.npy"], 2, "name the file of the true pairs with --truth"),
        (["d.npy", "--truth", "d.npy"], 4, "'d.npy' holds other numbers than 0 and 1"),
        (["d.npy", "--truth", "other.npy"], 4, "give equal shapes"),
        (["d.txt"], 2, "'d.txt' is of no known kind"),
        (["p.npz", "--model", "exchangable"], 2, "unknown model 'exchangable'; did you mean 'exchangeable'?"),
        (["empty"], 2, "'empty' holds neither MOTChallenge sequences"),
        (["sequences"], 2, "have no file of detections in common"),
        (["d.npy", "--set", "model.gate=1"], 2, "advise takes settings of the dataset"),
        (["d.npy", "--save", "no/where.npz"], 2, "folder 'no' does not exist"),
    ],
)
def test_what_cannot_be_advised_on_is_told_in_a_line(
    run: Run, tmp_path: Path, arguments: list[str], code: int, part: str
) -> None:
    np.save(tmp_path / "d.npy", DISTANCE.numpy())
    np.save(tmp_path / "other.npy", np.zeros((2, 3, 3)))
    write(tmp_path / "p.npz", DISTANCE, hnetzoo.assign(DISTANCE))
    (tmp_path / "d.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "sequences" / "a").mkdir(parents=True)
    (tmp_path / "sequences" / "a" / "gt.txt").touch()
    fails(run("advise", *arguments), code, part)
