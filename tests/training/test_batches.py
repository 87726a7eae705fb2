"""Batches of an epoch: of problems of similar size, each problem once, in an order of seed and epoch."""

import torch

from hnetzoo import AssociationBatch, TrainerConfig
from hnetzoo.training.batches import group_by_size, problem_groups, shuffled_batches, steps_per_epoch

GROUPED = TrainerConfig(batch_size=16, pairs_per_batch=64)


def problems(sizes: list[tuple[int, int]], slots: int = 9) -> AssociationBatch:
    """Return one problem of each size, whose distances are its index, with existing slots in random places."""
    generator = torch.Generator().manual_seed(0)
    masks = [
        torch.stack([torch.randperm(slots, generator=generator) < size[side] for size in sizes]) for side in (0, 1)
    ]
    distance = torch.arange(len(sizes)).float().view(-1, 1, 1).expand(-1, slots, slots).clone()
    return AssociationBatch(distance, distance > 1e9, *masks)


def drawn(groups: list[AssociationBatch], settings: TrainerConfig, epoch: int = 1) -> list[AssociationBatch]:
    return list(shuffled_batches(groups, settings, 0, epoch))


def test_groups_hold_every_problem_once_with_all_its_pairs_and_at_most_twice_as_many() -> None:
    sizes = [(n, m) for n in range(10) for m in range(10)]
    batch = problems(sizes)
    groups = group_by_size(batch)
    found = sorted(
        (int(group.cells[k].sum()), group.distance[k].amax().item())
        for group in groups
        for k in range(len(group.distance))
    )
    assert [pairs for pairs, _ in found] == sorted(n * m for n, m in sizes)
    assert sorted(int(index) for pairs, index in found if pairs) == [k for k, (n, m) in enumerate(sizes) if n * m]
    for group in groups:
        n, m = group.distance.shape[1:]
        largest = torch.maximum(group.row_mask.sum(1), group.col_mask.sum(1))
        assert (largest**2 * 2 >= max(n, m) ** 2).all() or max(n, m) <= 2


def test_a_batch_is_of_one_group_and_has_at_most_so_many_problems_and_pairs() -> None:
    groups = group_by_size(problems([(1, 2)] * 40 + [(4, 4)] * 10 + [(9, 9)] * 3))
    batches = drawn(groups, GROUPED)
    assert sorted(tuple(batch.distance.shape) for batch in batches) == sorted(
        [(16, 1, 2)] * 2 + [(4, 4, 4)] * 2 + [(1, 9, 9)] * 3
    )
    assert len(batches) == steps_per_epoch(groups, GROUPED)
    indices = [int(index) for batch in batches for index in batch.distance.amax((1, 2))]
    assert len(set(indices)) == len(indices)


def test_batches_of_sizes_are_mixed_and_depend_on_seed_and_epoch_alone() -> None:
    groups = group_by_size(problems([(2, 2)] * 64 + [(6, 6)] * 64))
    first, again, second = (drawn(groups, GROUPED, epoch) for epoch in (1, 1, 2))
    assert all(torch.equal(a.distance, b.distance) for a, b in zip(first, again, strict=True))
    assert any(a.distance.shape != b.distance.shape for a, b in zip(first, second, strict=True))
    shapes = [batch.distance.shape[1] for batch in first]
    assert shapes != sorted(shapes)
    assert shapes != sorted(shapes, reverse=True)


def test_without_a_number_of_pairs_problems_of_all_sizes_share_batches_with_all_their_slots() -> None:
    settings, batch = TrainerConfig(batch_size=5), problems([(1, 1)] * 6 + [(9, 9)] * 6)
    (group,) = problem_groups(batch, settings)
    assert group is batch
    assert [tuple(part.distance.shape) for part in drawn([group], settings)] == [(5, 9, 9)] * 2


def test_no_problems_make_no_groups_and_no_steps() -> None:
    groups = problem_groups(problems([(2, 2)]).select(slice(0, 0)), GROUPED)
    assert (groups, steps_per_epoch(groups, GROUPED)) == ([], 0)
