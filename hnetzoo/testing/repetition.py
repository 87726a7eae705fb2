"""Checks that the problems of a dataset differ: within a split, between splits, and in where their true pairs stand."""

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from hnetzoo.association.batch import AssociationBatch, Split
from hnetzoo.registry.specs import DatasetSpec
from hnetzoo.testing.outcome import Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import Problem
from hnetzoo.testing.subjects import build_dataset, load, load_all

LARGEST_OVERLAP = 0.1  # share of problems also in another split; coarse grids of directions repeat by chance
LEAST_DISTINCT = 0.5  # share of distinct problems in a split
LARGEST_SHARE = 0.95  # of the true pairs that the number of a row tells; chance gives at most about a half
ROUNDING = 1e-4  # difference of two signatures that counts as rounding
LEAST_PAIRS = 20  # fewer say nothing about chance
LEAST_DISTANCES = 4  # problems of fewer different distances repeat by chance


def check_splits_disjoint(spec: DatasetSpec, settings: Settings = None) -> None:
    """The splits share no problems up to the order of slots and rounding, apart from a few that repeat by chance.

    Problems with a true pair and at least four different distances are compared.
    """
    splits = load_all(build_dataset(spec, settings))
    known, _ = signatures(splits["train"])
    evaluated: tuple[Split, ...] = ("validation", "test")
    for split in evaluated:
        found, indices = signatures(splits[split])
        same = _repeated(known, found)
        if float(same.sum()) > LARGEST_OVERLAP * len(found):
            index = int(indices[same.nonzero()[0, 0]])
            share = float(same.sum()) / len(found)
            reason = f"{share:.0%} of the problems of the {split} split are also in an earlier split"
            raise CheckFailure(f"{reason}, up to order and rounding", problem_at(splits[split], index, split))
        known = torch.cat((known, found))


def check_problems_differ(spec: DatasetSpec, settings: Settings = None) -> None:
    """At least half of the problems of a split are distinct, up to the order of slots and rounding."""
    for split, batch in load_all(build_dataset(spec, settings)).items():
        found, indices = signatures(batch)
        if len(found) < 2:
            continue
        distinct = len(torch.unique((found / ROUNDING).round(), dim=0))
        if distinct < LEAST_DISTINCT * len(found):
            reason = f"{len(found)} problems of the {split} split are only {distinct} distinct ones"
            raise CheckFailure(reason, problem_at(batch, int(indices[0]), split))


def check_truth_not_by_order(spec: DatasetSpec, settings: Settings = None) -> None:
    """The number of a row does not tell its true column, as it would if all true pairs stood on the diagonal."""
    batch = load(build_dataset(spec, settings), "test")
    several = (batch.row_mask.sum(1) > 1) & (batch.col_mask.sum(1) > 1)
    truth = batch.association[several]
    columns = truth.sum(0)  # [n, m], how often a row is paired with a column
    if int(columns.sum()) < LEAST_PAIRS:
        raise CheckSkipped("too few true pairs in problems of several rows and columns")
    share = float(columns.amax(1).sum() / columns.sum())
    if share > LARGEST_SHARE:
        reason = f"the number of a row tells {share:.0%} of the true pairs; use AssociationBatch.shuffle_slots"
        raise CheckFailure(reason, problem_at(batch, int(several.nonzero()[0])))


def signatures(batch: AssociationBatch) -> tuple[Tensor, Tensor]:
    """Return what no order of slots changes of each problem, float64 [k, 9], and the problems' indices, int64 [k].

    Problems that differ by rounding have signatures that differ as little, relative to their mean distances.
    """
    cells = batch.cells & batch.distance.isfinite()
    values = batch.distance.masked_fill(~cells, torch.inf).flatten(1).sort(1).values
    different = (values.diff(dim=1) > 0).sum(1) + cells.flatten(1).all(1)  # the step to +inf counts as well
    compared = batch.association.flatten(1).any(1) & (different >= LEAST_DISTANCES)
    indices = compared.nonzero().flatten()
    cells, distance = cells[indices], batch.distance[indices].double().masked_fill(~cells[indices], 0.0)
    scale = (distance.abs().sum((1, 2)) / cells.sum((1, 2))).clamp(min=1e-12)
    distance = distance / scale[:, None, None]
    rows, columns = (distance.sum(dim) / cells.sum(dim).clamp(min=1) for dim in (2, 1))
    far = distance.masked_fill(~cells, torch.inf)
    near = [far.amin(dim).nan_to_num(posinf=0.0) for dim in (2, 1)]
    parts = [part for side in (rows, columns, *near) for part in (side.sum(1), side.square().sum(1))]
    return torch.stack((scale.log(), *parts), 1), indices


def problem_at(batch: AssociationBatch, index: int, split: Split = "test") -> Problem:
    """Return one problem of a split that was loaded with seed 0, to be shown in a failure."""
    place = f"{split} split, seed 0, problem {index}"
    return Problem(batch.distance[index], batch.row_mask[index], batch.col_mask[index], place)


def _repeated(known: Tensor, found: Tensor) -> Tensor:
    """Return which signatures are among known ones, bool [k]."""
    if not len(known) or not len(found):
        return torch.zeros(len(found), dtype=torch.bool)
    apart, _ = cKDTree(known.numpy()).query(found.numpy(), p=torch.inf, distance_upper_bound=ROUNDING)
    return torch.from_numpy(apart).isfinite()


DATASET = (
    Check(check_splits_disjoint),
    Check(check_problems_differ),
    Check(check_truth_not_by_order),
)
