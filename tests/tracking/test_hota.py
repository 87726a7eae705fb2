"""HOTA against loops over frames and identities written from the paper, and against sequences worked out by hand."""

from collections import Counter
from math import sqrt

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hnetzoo import ConfigError
from hnetzoo.tracking_metrics import HOTA_THRESHOLDS, HotaCounts, hota

NAMES = ("hota", "deta", "detre", "detpr", "assa", "assre", "asspr", "loca")
Frame = dict[tuple[int, int], float]


def frames_of(distance: Tensor, rows: Tensor, columns: Tensor, of_rows: Tensor, of_columns: Tensor) -> list[dict]:
    """Return the sources, tracks and similarities of every frame of one sequence, by number."""
    found = []
    for frame in range(len(distance)):
        sources = {int(of_rows[frame, i]): i for i in rows[frame].nonzero().flatten().tolist()}
        tracks = {int(of_columns[frame, j]): j for j in columns[frame].nonzero().flatten().tolist()}
        near = {
            (s, t): max(0.0, 1 - float(distance[frame, i, j])) for s, i in sources.items() for t, j in tracks.items()
        }
        found.append({"sources": sources, "tracks": tracks, "near": near})
    return found


def matched(frames: list[dict], seen: tuple[Counter, Counter]) -> list[Frame]:
    """Return the pairs of every frame with their similarity, for all thresholds."""
    together: Counter = Counter()
    for frame in frames:
        near: Frame = frame["near"]
        for (s, t), value in near.items():
            either = (
                sum(v for (a, b), v in near.items() if a == s) + sum(v for (a, b), v in near.items() if b == t) - value
            )
            together[s, t] += value / either if value > 0 else 0.0
    pairs = []
    for frame in frames:
        sources, tracks, near = list(frame["sources"]), list(frame["tracks"]), frame["near"]
        score = np.zeros((len(sources), len(tracks)))
        for a, s in enumerate(sources):
            for b, t in enumerate(tracks):
                score[a, b] = near[s, t] * together[s, t] / (seen[0][s] + seen[1][t] - together[s, t])
        chosen = zip(*linear_sum_assignment(-score), strict=True)
        pairs.append({(sources[a], tracks[b]): near[sources[a], tracks[b]] for a, b in chosen})
    return pairs


def by_loops(frames: list[dict]) -> dict[str, float]:
    """Return the scores of one sequence."""
    seen = Counter(s for f in frames for s in f["sources"]), Counter(t for f in frames for t in f["tracks"])
    references, predictions = (sum(count.values()) for count in seen)
    pairs, scores = matched(frames, seen), {name: [] for name in NAMES}
    for threshold in HOTA_THRESHOLDS:
        hits = [(pair, value) for frame in pairs for pair, value in frame.items() if value >= threshold - 1e-15]
        met, tp = Counter(pair for pair, _ in hits), max(1, len(hits))
        deta = len(hits) / max(1, references + predictions - len(hits))
        assa = sum(n * n / (seen[0][s] + seen[1][t] - n) for (s, t), n in met.items()) / tp
        scores["hota"].append(sqrt(deta * assa))
        scores["deta"].append(deta)
        scores["detre"].append(len(hits) / max(1, references))
        scores["detpr"].append(len(hits) / max(1, predictions))
        scores["assa"].append(assa)
        scores["assre"].append(sum(n * n / seen[0][s] for (s, _), n in met.items()) / tp)
        scores["asspr"].append(sum(n * n / seen[1][t] for (_, t), n in met.items()) / tp)
        scores["loca"].append(sum(value for _, value in hits) / len(hits) if hits else 1.0)
    return {name: float(np.mean(values)) for name, values in scores.items()}


def values(counts: HotaCounts) -> dict[str, float]:
    return {name: getattr(counts, name) for name in NAMES}


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (2, 4), (0, 2), (2, 0)])
def test_scores_agree_with_loops_over_frames_and_identities(n: int, m: int, generator: torch.Generator) -> None:
    for _ in range(5):
        distance = (torch.randn(1, 12, n, m, generator=generator, dtype=torch.float64).cumsum(1) / 3).abs()
        rows, columns = (torch.rand(1, 12, size, generator=generator) < 0.8 for size in (n, m))
        whose = [
            torch.stack([torch.randperm(size + 2, generator=generator)[:size] for _ in range(12)]) for size in (n, m)
        ]
        still = [torch.arange(size).expand(12, size) for size in (n, m)]
        for moving in (False, True):
            of_rows, of_columns = whose if moving else still
            given = (of_rows[None], of_columns[None]) if moving else (None, None)
            counts = hota(distance, rows, columns, reference_identity=given[0], prediction_identity=given[1])
            expected = by_loops(frames_of(distance[0], rows[0], columns[0], of_rows, of_columns))
            assert values(counts) == pytest.approx(expected, abs=1e-12)


def test_a_track_that_changes_its_source_half_way() -> None:
    distance = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat_interleave(2, 0).view(1, 4, 2, 1)
    counts = hota(distance)  # two sources of four frames, one track that follows each for two
    assert values(counts) == pytest.approx({
        "deta": 4 / 8, "detre": 4 / 8, "detpr": 1, "assa": 2 / 6, "assre": 2 / 4, "asspr": 2 / 4, "loca": 1,
        "hota": sqrt(0.5 / 3),
    })  # fmt: skip


def test_perfect_tracks_have_scores_of_one() -> None:
    distance = (1 - torch.eye(3)).expand(2, 5, 3, 3)
    assert values(hota(distance)) == pytest.approx(dict.fromkeys(NAMES, 1.0))


def test_similarity_counts_up_to_the_thresholds_that_it_reaches() -> None:
    counts = hota(torch.tensor(0.4, dtype=torch.float64).view(1, 1, 1, 1))  # similarity 0.6
    assert sum(counts.matches) == 12
    assert counts.hota == pytest.approx(12 / 19)
    assert counts.loca == pytest.approx((12 * 0.6 + 7) / 19)


def test_scores_do_not_depend_on_the_unit_of_distance_and_cutoff(generator: torch.Generator) -> None:
    distance = torch.rand(2, 6, 3, 3, generator=generator, dtype=torch.float64)
    assert values(hota(distance * 90, cutoff=90)) == pytest.approx(values(hota(distance)))


def test_counts_of_sequences_add_up(generator: torch.Generator) -> None:
    distance = torch.rand(3, 7, 2, 3, generator=generator, dtype=torch.float64)
    parts = [hota(sequence[None]) for sequence in distance]
    whole = hota(distance)
    assert values(whole) == pytest.approx(values(sum(parts, HotaCounts())))
    assert (whole.references, whole.predictions) == (42, 63)


def test_a_source_that_takes_over_a_slot_is_another_one() -> None:
    distance = torch.zeros(1, 4, 1, 1)
    turns = torch.tensor([[[0], [0], [1], [1]]])
    assert hota(distance).assa == 1
    assert hota(distance, identity=turns).assa == pytest.approx(0.5)


def test_forbidden_pairs_are_never_matched() -> None:
    assert hota(torch.full((1, 2, 1, 1), torch.inf)).matches == (0,) * 19


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (1, 0, 2, 2), (1, 3, 0, 0), (1, 3, 2, 0)])
def test_without_pairs_scores_are_zero_and_localization_one(shape: tuple[int, ...]) -> None:
    assert values(hota(torch.zeros(shape))) == {**dict.fromkeys(NAMES, 0.0), "loca": 1.0}


@pytest.mark.parametrize("cutoff", [0.0, -1.0, float("nan")])
def test_a_cutoff_that_is_not_positive_is_refused(cutoff: float) -> None:
    with pytest.raises(ConfigError, match=r"cutoff is .*; it must be positive"):
        hota(torch.zeros(1, 1, 1, 1), cutoff=cutoff)
