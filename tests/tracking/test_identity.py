"""Identity metrics against brute force over assignments of tracks to sources, and against cases worked out by hand."""

from itertools import permutations

import pytest
import torch
from torch import Tensor

from hnetzoo.tracking_metrics import IdentityCounts, identity_counts


def most_explained(agreed: dict[tuple[int, int], int], sources: list[int], tracks: list[int]) -> int:
    """Return the most frames that a one-to-one assignment explains, by trying them all."""
    padded = [*tracks, *[-1] * len(sources)]
    return max(
        sum(agreed.get(pair, 0) for pair in zip(sources, chosen, strict=True))
        for chosen in permutations(padded, len(sources))
    )


def by_loops(distance: Tensor, rows: Tensor, columns: Tensor, whose: tuple[Tensor, Tensor], gate: float) -> int:
    agreed: dict[tuple[int, int], int] = {}
    sources, tracks = set(), set()
    for frame in range(len(distance)):
        sources |= {int(whose[0][frame, i]) for i in range(rows.shape[1]) if rows[frame, i]}
        tracks |= {int(whose[1][frame, j]) for j in range(columns.shape[1]) if columns[frame, j]}
        for i, j in (distance[frame] <= gate).nonzero().tolist():
            if rows[frame, i] and columns[frame, j]:
                pair = int(whose[0][frame, i]), int(whose[1][frame, j])
                agreed[pair] = agreed.get(pair, 0) + 1
    return most_explained(agreed, sorted(sources), sorted(tracks))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (2, 3), (0, 2), (2, 0)])
@pytest.mark.parametrize("gate", [0.5, None])
def test_matches_agree_with_brute_force(n: int, m: int, gate: float | None, generator: torch.Generator) -> None:
    for _ in range(4):
        distance = (torch.randn(2, 8, n, m, generator=generator, dtype=torch.float64).cumsum(1) / 3).abs()
        rows, columns = (torch.rand(2, 8, size, generator=generator) < 0.8 for size in (n, m))
        whose = [
            torch.stack([torch.randperm(size + 1, generator=generator)[:size] for _ in range(16)]).view(2, 8, size)
            for size in (n, m)
        ]
        counts = identity_counts(
            distance, rows, columns, gate=gate, reference_identity=whose[0], prediction_identity=whose[1]
        )
        limit = float("inf") if gate is None else gate
        each = [by_loops(distance[k], rows[k], columns[k], (whose[0][k], whose[1][k]), limit) for k in range(2)]
        assert counts == IdentityCounts(references=int(rows.sum()), predictions=int(columns.sum()), matches=sum(each))


def test_a_switch_half_way_costs_half_of_the_frames() -> None:
    near, far = torch.eye(2).neg() + 1, torch.eye(2)
    distance = torch.stack((near, near, far, far))[None]
    counts = identity_counts(distance, gate=0.5)
    assert (counts.idf1, counts.idp, counts.idr) == (0.5, 0.5, 0.5)


def test_a_track_of_another_sequence_is_another_track() -> None:
    distance = torch.zeros(2, 3, 1, 1)
    assert identity_counts(distance).matches == 6
    distance[1] = 1
    assert identity_counts(distance, gate=0.5).matches == 3


def test_forbidden_pairs_do_not_agree() -> None:
    assert identity_counts(torch.full((1, 2, 1, 1), torch.inf)).matches == 0


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (1, 0, 2, 2), (1, 3, 0, 0), (1, 3, 2, 0), (1, 3, 0, 2)])
def test_ratios_are_zero_where_nothing_is_counted(shape: tuple[int, ...]) -> None:
    counts = identity_counts(torch.zeros(shape))
    assert (counts.matches, counts.idf1, counts.idp, counts.idr) == (0, 0, 0, 0)
