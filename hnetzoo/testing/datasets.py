"""Checks of datasets: shapes, true pairs, seeds and splits."""

import os

import numpy as np
import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import SPLITS, AssociationBatch, Split, valid_cells
from hnetzoo.association.splits import mistyped
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import one_line
from hnetzoo.registry.specs import DatasetSpec
from hnetzoo.testing.fresh_process import run_fresh
from hnetzoo.testing.outcome import Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.repetition import problem_at
from hnetzoo.testing.subjects import CLOSE, build_dataset, component, load, load_all, misshapen, same_bits

DIGEST = """
import json, sys, hnetzoo
from hnetzoo.digests import digest_tensors
spec = hnetzoo.DatasetSpec(name="asked", summary="In another process.", target=sys.argv[1], config=sys.argv[2])
config = spec.load_config().model_validate(json.loads(sys.argv[3]))
print(digest_tensors(spec.load_target()(config).load("test", 0).tensors))
"""
"""Prints the digest of the test split of a dataset, given its target, settings class and settings."""


def check_unit(spec: DatasetSpec, settings: Settings = None) -> None:
    """The unit of the distances is a text that is not empty."""
    unit = build_dataset(spec, settings).unit
    if not isinstance(unit, str) or not unit.strip():
        raise CheckFailure(f"unit is {unit!r}; name the unit of the distances")


def check_shapes(spec: DatasetSpec, settings: Settings = None) -> None:
    """Every split is an AssociationBatch of the shape that the dataset states."""
    dataset = build_dataset(spec, settings)
    for split in SPLITS:
        try:
            problem = misshapen(dataset, dataset.load(split, 0))
        except Exception as error:
            raise CheckFailure(f"load('{split}', 0) raised {one_line(error)}") from error
        if problem:
            raise CheckFailure(f"{split} split: {problem}")


def check_dtypes(spec: DatasetSpec, settings: Settings = None) -> None:
    """Distances are float32, all other fields are bool, and all are on the CPU."""
    batch = load(build_dataset(spec, settings), "test")
    wrong = mistyped(batch)
    if wrong:
        raise CheckFailure(f"test split: {wrong}")
    for name, field in batch.tensors.items():
        if field.device.type != "cpu":
            raise CheckFailure(f"test split: {name} is on {field.device.type}; expected the CPU")


def check_splits_hold_problems(spec: DatasetSpec, settings: Settings = None) -> None:
    """No split is empty."""
    for split, batch in load_all(build_dataset(spec, settings)).items():
        if not len(batch.distance):
            raise CheckFailure(f"the {split} split has no problem")


def check_distances_are_numbers(spec: DatasetSpec, settings: Settings = None) -> None:
    """Distances inside the masks are neither NaN nor -inf; +inf forbids a pair."""
    batch = load(build_dataset(spec, settings), "test")
    _require(batch, ~(batch.cells & (batch.distance.isnan() | batch.distance.isneginf())), "a distance is NaN or -inf")


def check_truth_one_to_one(spec: DatasetSpec, settings: Settings = None) -> None:
    """The truth has at most one pair per row and per column."""
    batch = load(build_dataset(spec, settings), "test")
    truth = batch.association.bool()
    crowded = (truth.sum(2, keepdim=True) > 1) | (truth.sum(1, keepdim=True) > 1)
    _require(batch, ~crowded, "a row or column has several true pairs")


def check_truth_possible(spec: DatasetSpec, settings: Settings = None) -> None:
    """No true pair is at distance +inf, which forbids it."""
    dataset = build_dataset(spec, settings)
    for split in SPLITS:
        batch = load(dataset, split)
        impossible = batch.association.bool() & batch.cells & batch.distance.isposinf()
        _require(batch, ~impossible, "a pair at distance +inf is true", split)


def check_truth_inside_masks(spec: DatasetSpec, settings: Settings = None) -> None:
    """Masked slots have no true pair."""
    batch = load(build_dataset(spec, settings), "test")
    _require(batch, ~batch.association.bool() | batch.cells, "a pair outside the masks is true")


def check_truth_optimal(spec: DatasetSpec, settings: Settings = None) -> None:
    """The truth is an optimal assignment of the active slots: the most pairs, at the smallest total distance."""
    dataset = build_dataset(spec, settings)
    batch = load(dataset, "test")
    if bool((batch.cells & batch.distance.isnan()).any()):
        raise CheckSkipped("distances are NaN (see check_distances_are_numbers)")
    best = assign(batch.distance, *batch.activity)
    truth = batch.association.bool()
    pairs, most = (found.flatten(1).sum(1) for found in (truth, best))
    cost, least = (batch.distance.masked_fill(~found, 0).double().flatten(1).sum(1) for found in (truth, best))
    _require(batch, (pairs == most)[:, None, None], "the truth does not have the largest possible number of pairs")
    near = torch.isclose(cost, least, rtol=CLOSE, atol=CLOSE)  # the truth may come from distances in float64
    _require(batch, near[:, None, None], "another assignment has a smaller total distance than the truth")


def check_activity(spec: DatasetSpec, settings: Settings = None) -> None:
    """If a batch says which slots are active, these slots exist, and all true pairs are between them."""
    dataset = build_dataset(spec, settings)
    if hasattr(dataset, "activity"):
        raise CheckFailure("method `activity` is never called; return row_active and col_active with the batch")
    batch = load(dataset, "test")
    if batch.row_active is None and batch.col_active is None:
        raise CheckSkipped("the batch does not say which slots are active")
    rows, columns = batch.activity
    _require(batch, (~rows | batch.row_mask).unsqueeze(2), "a row that does not exist is active")
    _require(batch, (~columns | batch.col_mask).unsqueeze(1), "a column that does not exist is active")
    _require(batch, ~batch.association | valid_cells(rows, columns), "a pair of an inactive slot is true")


def check_same_seed_same_data(spec: DatasetSpec, settings: Settings = None) -> None:
    """The same split and seed give bitwise equal data, whatever the state of the global generators."""
    first = load(build_dataset(spec, settings), "test")
    state = np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            np.random.seed(1)
            again = load(build_dataset(spec, settings), "test")
    finally:
        np.random.set_state(state)
    _compare(first, again, "load('test', 0) gives other problems the second time; draw from a generator of its own")


def check_other_seed_other_data(spec: DatasetSpec, settings: Settings = None) -> None:
    """A synthetic dataset gives other problems for another seed."""
    dataset = build_dataset(spec, settings)
    first, other = (load(dataset, "test", seed) for seed in (0, 1))
    if len(first.distance) and first.distance.shape == other.distance.shape and _equal(first, other):
        raise CheckFailure("seeds 0 and 1 give the same problems; --resample would redraw nothing")


def check_load_order_is_irrelevant(spec: DatasetSpec, settings: Settings = None) -> None:
    """A split does not depend on which splits were loaded before it."""
    dataset = build_dataset(spec, settings)
    load(dataset, "validation", 1)
    after = load(dataset, "test")
    first = load(build_dataset(spec, settings), "test")
    _compare(first, after, "the test split differs when another split is loaded first")


def check_same_in_another_process(spec: DatasetSpec, settings: Settings = None) -> None:
    """Another process, in which sets of texts have another order, gives bitwise the same data."""
    expected = digest_tensors(load(build_dataset(spec, settings), "test").tensors)
    plain = component(spec, settings).config.model_dump_json()
    done = run_fresh(DIGEST, spec.target, spec.config, plain, hash_seed=_other_hash_seed())
    found = (done.stdout.split() or [""])[-1]
    if done.returncode:
        raise CheckFailure(f"another process ended with {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    if found != expected:
        reason = "load('test', 0) gives other problems in another process under another PYTHONHASHSEED"
        raise CheckFailure(f"{reason}; sort sets before use, and seed by numbers")


def _require(batch: AssociationBatch, fine: Tensor, reason: str, split: Split = "test") -> None:
    """Raise CheckFailure with the first problem where `fine`, bool [b, 1 or n, 1 or m], is not True everywhere."""
    wrong = (~fine).flatten(1).any(1).nonzero()
    if len(wrong):
        raise CheckFailure(reason, problem_at(batch, int(wrong[0]), split))


def _compare(first: AssociationBatch, again: AssociationBatch, reason: str) -> None:
    if first.distance.shape != again.distance.shape or not _equal(first, again):
        raise CheckFailure(reason)


def _equal(first: AssociationBatch, again: AssociationBatch) -> bool:
    fields = first.tensors, again.tensors
    return fields[0].keys() == fields[1].keys() and all(
        same_bits(fields[0][name], fields[1][name]) for name in fields[0]
    )


def _other_hash_seed() -> int:
    return 1 if os.environ.get("PYTHONHASHSEED") != "1" else 2


DATASET = (
    Check(check_unit),
    Check(check_shapes),
    Check(check_dtypes),
    Check(check_splits_hold_problems),
    Check(check_distances_are_numbers),
    Check(check_truth_one_to_one),
    Check(check_truth_possible),
    Check(check_truth_inside_masks),
    Check(check_truth_optimal, only=("optimal-truth",)),
    Check(check_activity),
    Check(check_same_seed_same_data),
    Check(check_other_seed_other_data, only=("synthetic",)),
    Check(check_load_order_is_irrelevant),
    Check(check_same_in_another_process),
)
