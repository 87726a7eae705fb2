"""Leads of the video suite are differences of F1 on the same frames, by task and pair of models."""

import numpy as np
import pytest
import torch

from benchmarks.video_leads import PAIRS, leads, leads_table
from hnetzoo.association.counts import Outcomes
from hnetzoo.benchmark.outcomes import pack_outcomes
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow
from tests.report.rows import row

MODELS = sorted({model for pair in PAIRS for model in pair})
FRAMES = 100


def answered(model: str, task: str, seed: int) -> BenchmarkRow:
    """Return a row of frames of one pair each, of which some were found."""
    rng = np.random.default_rng([MODELS.index(model), len(task), seed])
    found = torch.from_numpy(rng.random(FRAMES) < rng.uniform(0.5, 0.9)).long()
    outcomes = pack_outcomes(Outcomes(found, 1 - found, 1 - found, found.bool(), found.bool()))
    return row(model, dataset=task, seed=seed, f1=float(found.double().mean()), outcomes=outcomes)


def test_leads_are_differences_of_f1_over_frames_that_all_seeds_share() -> None:
    tasks = {"near": {"block": 5, "redrawn": False}, "far on": {"block": 5, "redrawn": False}}
    rows = tuple(answered(model, task, seed) for task in tasks for model in MODELS for seed in (0, 1))
    found = list(leads(BenchmarkReport(environment={}, rows=rows, tasks=tasks)))
    assert [(lead["task"], lead["first"], lead["second"]) for lead in found] == [
        (task, *pair) for task in tasks for pair in PAIRS
    ]
    for lead in found:
        means = [
            np.mean([one.f1 for one in rows if (one.model, one.dataset) == (lead[side], lead["task"])])
            for side in ("first", "second")
        ]
        assert lead["value"] == pytest.approx(means[0] - means[1])
        assert lead["low"] < lead["value"] < lead["high"]
        assert lead["problems"] == FRAMES
    table = leads_table({"rows": found})
    assert f"| near | {found[0]['value']:+.4f} [{found[0]['low']:+.4f}, {found[0]['high']:+.4f}] |" in table
    assert "features, withheld - exchangeable" in table
