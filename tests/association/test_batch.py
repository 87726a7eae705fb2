"""Batches of association problems."""

import torch

from hnetzoo.association.batch import AssociationBatch


def numbered(b: int, n: int, m: int) -> AssociationBatch:
    """Return problems with distinct distances; row i matches column i; the first rows and columns exist."""
    distance = torch.arange(b * n * m, dtype=torch.float32).reshape(b, n, m)
    row_mask = torch.arange(n) < torch.arange(b).unsqueeze(1) % (n + 1)
    col_mask = torch.arange(m) < torch.arange(b).unsqueeze(1) % (m + 1)
    return AssociationBatch(distance, torch.eye(n, m, dtype=torch.bool).repeat(b, 1, 1), row_mask, col_mask)


def test_shuffled_slots_keep_every_pair_with_its_label_and_masks() -> None:
    batch = numbered(200, 3, 4)
    shuffled = batch.shuffle_slots(torch.Generator().manual_seed(0))
    for before, after in zip(
        zip(*batch.tensors.values(), strict=True), zip(*shuffled.tensors.values(), strict=True), strict=True
    ):
        entries_before, entries_after = (
            sorted(
                (distance[i, j].item(), bool(truth[i, j]), bool(rows[i]), bool(columns[j]))
                for i in range(3)
                for j in range(4)
            )
            for distance, truth, rows, columns in (before, after)
        )
        assert entries_after == entries_before
        order = after[0].argsort(0)
        assert bool((order == order[:, :1]).all()), "rows stay rows"


def test_every_order_of_rows_and_columns_is_equally_likely_and_independent() -> None:
    first = numbered(1, 2, 2).select(torch.zeros(20_000, dtype=torch.int64))
    shuffled = first.shuffle_slots(torch.Generator().manual_seed(0))
    layouts, counts = shuffled.distance.flatten(1).unique(dim=0, return_counts=True)
    assert len(layouts) == 4
    torch.testing.assert_close(counts / 20_000, torch.full((4,), 0.25), atol=0.02, rtol=0)


def test_same_generator_same_order_and_empty_problems_pass() -> None:
    first, again = (numbered(50, 3, 3).shuffle_slots(torch.Generator().manual_seed(4)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert numbered(5, 0, 3).shuffle_slots(torch.Generator()).distance.shape == (5, 0, 3)
    assert numbered(0, 2, 3).shuffle_slots(torch.Generator()).distance.shape == (0, 2, 3)


def test_optional_fields_move_with_their_slots_and_problems() -> None:
    batch = numbered(6, 3, 4)
    batch = batch._replace(
        row_active=batch.row_mask,
        col_active=batch.col_mask,
        row_features=torch.rand(6, 3, 2, generator=torch.Generator().manual_seed(1)),
        col_features=torch.rand(6, 4, 5, generator=torch.Generator().manual_seed(2)),
    )
    shuffled = batch.shuffle_slots(torch.Generator().manual_seed(3)).select(slice(1, 4))
    assert shuffled.row_features.shape == (3, 3, 2)
    for problem, before in enumerate(range(1, 4)):
        rows = [int((batch.row_features[before] == row).all(1).nonzero()) for row in shuffled.row_features[problem]]
        columns = [int((batch.col_features[before] == col).all(1).nonzero()) for col in shuffled.col_features[problem]]
        assert torch.equal(shuffled.distance[problem], batch.distance[before][rows][:, columns])
        assert torch.equal(shuffled.row_active[problem], batch.row_active[before][rows])
        assert torch.equal(shuffled.col_active[problem], batch.col_active[before][columns])


def test_activity_defaults_to_the_masks() -> None:
    batch = numbered(2, 2, 2)
    assert batch.activity == (batch.row_mask, batch.col_mask)
    active = torch.zeros(2, 2, dtype=torch.bool)
    assert batch._replace(col_active=active).activity == (batch.row_mask, active)


def test_concatenating_joins_every_field_and_cloning_shares_no_memory() -> None:
    batch = numbered(5, 2, 3)._replace(row_active=torch.ones(5, 2, dtype=torch.bool))
    joined = AssociationBatch.concatenate([batch.select(slice(0, 2)), batch.select(slice(2, 5))])
    assert joined.tensors.keys() == batch.tensors.keys()
    assert all(torch.equal(joined.tensors[name], field) for name, field in batch.tensors.items())
    copy = batch.clone()
    copy.distance.zero_()
    assert bool(batch.distance.any())


def test_what_true_pairs_mean_stays_with_the_problems() -> None:
    truth = torch.tensor([0, 1, -1, 1, 0, -1])
    batch = numbered(6, 2, 3)._replace(truth=truth)
    assert torch.equal(batch.pad(4, 4).truth, truth)
    assert torch.equal(batch.compact().truth, truth)
    assert torch.equal(batch.shuffle_slots(torch.Generator()).truth, truth)
    assert batch.select(torch.tensor([5, 1])).truth.tolist() == [-1, 1]
    assert torch.equal(
        AssociationBatch.concatenate([batch.select(slice(0, 2)), batch.select(slice(2, 6))]).truth, truth
    )


def test_how_likely_pairs_are_stays_with_them() -> None:
    batch = numbered(6, 2, 3)
    batch = batch._replace(probability=batch.distance / 100)
    changed = (batch.pad(4, 4), batch.compact(), batch.shuffle_slots(torch.Generator()), batch.select(slice(1, 3)))
    for other in (*changed, AssociationBatch.concatenate([batch, batch.pad(3, 3)])):
        assert torch.equal(other.probability, other.distance / 100)


def test_padded_problems_have_more_masked_slots_and_are_otherwise_the_same() -> None:
    batch = numbered(6, 2, 3)._replace(row_features=torch.rand(6, 2, 5))
    padded = batch.pad(4, 3)
    assert padded.distance.shape == (6, 4, 3)
    assert padded.row_features.shape == (6, 4, 5)
    assert not padded.row_mask[:, 2:].any()
    for name, field in batch.tensors.items():
        torch.testing.assert_close(padded.tensors[name][:, : field.shape[1]], field)
    assert all(torch.equal(a, b) for a, b in zip(batch.pad(1, 1).tensors.values(), batch.tensors.values(), strict=True))


def test_batches_of_different_sizes_are_concatenated_with_masked_slots() -> None:
    whole = AssociationBatch.concatenate([numbered(4, 2, 5), numbered(3, 3, 1)])
    assert whole.distance.shape == (7, 3, 5)
    assert int(whole.cells.sum()) == int(numbered(4, 2, 5).cells.sum() + numbered(3, 3, 1).cells.sum())


def test_compact_batches_keep_every_pair_of_existing_slots_in_order() -> None:
    generator = torch.Generator().manual_seed(0)
    batch = numbered(50, 5, 6)._replace(
        row_mask=torch.rand(50, 5, generator=generator) < 0.4, col_mask=torch.rand(50, 6, generator=generator) < 0.4
    )
    compact = batch.compact()
    assert compact.distance.shape[1:] == (batch.row_mask.sum(1).max(), batch.col_mask.sum(1).max())
    for k in range(50):
        for field in ("distance", "association"):
            before, after = (
                getattr(problems, field)[k][problems.row_mask[k]][:, problems.col_mask[k]]
                for problems in (batch, compact)
            )
            assert torch.equal(before, after)
    assert numbered(0, 2, 3).compact().distance.shape == (0, 0, 0)
