"""DCASE's metrics against hand-worked values and against their definition in plain Python."""

from collections import defaultdict
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from hnetzoo import ConfigError, DataError, ShapeError
from hnetzoo.tracking_metrics import SeldCounts, localization, seld_counts
from tests.losses.points import random_mask

CLASSES = 3
NAMES = ("references", "right", "misplaced", "missed", "false", "angle", "relative_distance")


def matches(cost: np.ndarray) -> list[tuple[int, int]]:
    """Return the best pairs of a matrix, by trying every permutation."""
    n, m = cost.shape
    if n > m:
        return [(i, j) for j, i in matches(cost.T)]
    best = min(permutations(range(m), n), key=lambda order: sum(cost[i, j] for i, j in enumerate(order)))
    return list(enumerate(best))


class Definition:
    """The metrics of one sequence as DCASE describes them, segment by segment and class by class."""

    def __init__(self, threshold: float, relative_threshold: float, segment: int) -> None:
        self.threshold, self.relative_threshold, self.segment = threshold, relative_threshold, segment
        self.counts = {name: [0.0] * CLASSES for name in NAMES}
        self.edits = [0, 0, 0]

    def add(self, angle: np.ndarray, relative: np.ndarray, events: list, estimates: list) -> None:
        """Add a sequence: events and estimates give the slots of each class, by frame."""
        frames = range(len(events))
        for start in range(0, len(events), self.segment):
            inside = frames[start : start + self.segment]
            totals = [self.add_class(kind, angle, relative, events, estimates, inside) for kind in range(CLASSES)]
            wrong, lost = (sum(total[k] for total in totals) for k in range(2))
            for k, edit in enumerate((min(wrong, lost), max(0, lost - wrong), max(0, wrong - lost))):
                self.edits[k] += edit

    def add_class(self, kind, angle, relative, events, estimates, inside) -> tuple[int, int]:
        """Add a class of a segment; return what is wrong and what is lost."""
        there, guessed = (max(len(slots[f][kind]) for f in inside) for slots in (events, estimates))
        found = defaultdict(list)
        for frame in inside:
            rows, columns = events[frame][kind], estimates[frame][kind]
            for i, j in matches(angle[frame][np.ix_(rows, columns)]):
                found[i].append((angle[frame, rows[i], columns[j]], relative[frame, rows[i], columns[j]]))
        means = [np.mean(errors, 0) for errors in found.values()]
        right = sum(mean[0] <= self.threshold and not mean[1] > self.relative_threshold for mean in means)
        if there and guessed and not means:
            missed, false = guessed, 0
        else:
            missed, false = max(0, there - guessed), max(0, guessed - there)
        numbers = (there, right, len(means) - right, missed, false, *(sum(m[k] for m in means) for k in range(2)))
        for name, number in zip(NAMES, numbers, strict=True):
            self.counts[name][kind] += number
        return false + len(means) - right, missed


def random_case(b: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return sequences of seven frames with up to three references and four predictions."""
    rows, columns = random_mask(b, 7, 3, generator=generator), random_mask(b, 7, 4, generator=generator)
    return {
        "angle": 60 * torch.rand(b, 7, 3, 4, generator=generator, dtype=torch.float64),
        "reference_mask": rows,
        "prediction_mask": columns,
        "reference_class": torch.randint(0, CLASSES, (b, 7, 3), generator=generator),
        "prediction_class": torch.randint(0, CLASSES, (b, 7, 4), generator=generator),
        "reference_distance": 1 + torch.rand(b, 7, 3, generator=generator, dtype=torch.float64),
        "prediction_distance": 3 * torch.rand(b, 7, 4, generator=generator, dtype=torch.float64),
    }


def slots(mask: Tensor, kind: Tensor) -> list:
    """Return the slots [t][class] of existing references or predictions."""
    return [
        [np.flatnonzero(m & (k == c)) for c in range(CLASSES)] for m, k in zip(mask.numpy(), kind.numpy(), strict=True)
    ]


@pytest.mark.parametrize("segment", [1, 3, 10])
@pytest.mark.parametrize("case", range(5))
def test_counts_follow_their_definition(segment: int, case: int) -> None:
    """A thousand sequences and more."""
    given = random_case(70, torch.Generator().manual_seed(case))
    counts = seld_counts(**given, classes=CLASSES, threshold=25.0, relative_threshold=0.5, segment=segment)
    expected = Definition(25.0, 0.5, segment)
    true, guessed = given["reference_distance"].unsqueeze(3), given["prediction_distance"].unsqueeze(2)
    relative = ((guessed - true).abs() / true).numpy()
    for b in range(70):
        events = slots(given["reference_mask"][b], given["reference_class"][b])
        estimates = slots(given["prediction_mask"][b], given["prediction_class"][b])
        expected.add(given["angle"][b].numpy(), relative[b], events, estimates)
    for name in NAMES:
        assert getattr(counts, name) == pytest.approx(expected.counts[name]), name
    assert list(counts.edits) == expected.edits


def example(segment: int = 1, **changes: object) -> SeldCounts:
    """Return the counts of four frames, worked out by hand below.

    | frame | speech (class 0) | music (class 1) |
    | --- | --- | --- |
    | 0 | matched at 10 degrees, distance 2.0 estimated as 2.5 | missed |
    | 1 | matched at 30 degrees, distance 2.0 estimated as 2.0 | missed |
    | 2 | two sources, one estimate at 4 degrees from the second, distance 1.0 estimated as 2.5 | |
    | 3 | none | an estimate without a source |
    """
    far = 90.0
    angle = torch.tensor(
        [[[10, far], [far, far]], [[30, far], [far, far]], [[50, far], [4, far]], [[far, far], [far, far]]]
    ).unsqueeze(0)
    settings = {
        "reference_mask": torch.tensor([[[1, 1], [1, 1], [1, 1], [0, 0]]]).bool(),
        "prediction_mask": torch.tensor([[[1, 0], [1, 0], [1, 0], [0, 1]]]).bool(),
        "reference_class": torch.tensor([[[0, 1], [0, 1], [0, 0], [9, 9]]]),
        "prediction_class": torch.tensor([[[0, 9], [0, 9], [0, 9], [9, 1]]]),
        "reference_distance": torch.tensor([[[2.0, 2.0], [2.0, 2.0], [2.0, 1.0], [0.0, 0.0]]]),
        "prediction_distance": torch.tensor([[[2.5, torch.nan], [2.0, -1.0], [2.5, 0.0], [9.0, 9.0]]]),
        "relative_threshold": 1.0,
    }
    return seld_counts(angle, classes=2, segment=segment, **(settings | changes))


def test_frames_equal_hand_worked_values() -> None:
    counts = example()
    assert counts.references == (4, 2)
    assert (counts.right, counts.misplaced) == (
        (1, 0),
        (2, 0),
    )  # 30 degrees; a relative error of 1.5
    assert (counts.missed, counts.false) == ((1, 2), (0, 1))
    assert counts.angle == pytest.approx((44.0, 0.0))
    assert counts.relative_distance == pytest.approx((0.25 + 0 + 1.5, 0.0))
    # wrong and lost by frame: (0, 1), (1, 1), (1, 1), (1, 0)
    assert counts.edits == (2, 1, 1)
    speech, music = counts.by_class()
    assert (speech.f1, speech.localization_error, speech.localization_recall) == pytest.approx((1 / 3.5, 44 / 3, 3 / 4))
    assert (music.f1, music.localization_recall) == (0.0, 0.0)
    assert np.isnan(music.localization_error)
    macro, micro = counts.scores(), counts.scores("micro")
    assert (macro.f1, macro.localization_error, macro.error_rate) == pytest.approx((1 / 7, 44 / 3, 4 / 6))
    assert (macro.localization_recall, macro.relative_distance_error) == pytest.approx((3 / 8, 1.75 / 3))
    assert macro.seld_score == pytest.approx((6 / 7 + 44 / 540 + 1.75 / 3) / 3)
    assert (micro.f1, micro.localization_recall) == pytest.approx((1 / (3 + 0.5 * 4), 3 / 6))
    older = counts.scores(edition="2023")
    assert older.localization_error == pytest.approx((44 / 3 + 180) / 2)
    parts = (4 / 6, 6 / 7, (44 / 3 + 180) / 360, 5 / 8)
    assert older.seld_score == pytest.approx(sum(parts) / 4)


def test_segments_equal_hand_worked_values() -> None:
    """Two frames each: speech is matched at a mean of 20 degrees, and then at 4; music is missed, and then invented."""
    counts = example(segment=2, relative_threshold=torch.inf)
    assert counts.references == (3, 1)
    assert (counts.right, counts.misplaced) == ((2, 0), (0, 0))
    assert (counts.missed, counts.false) == ((1, 1), (0, 1))
    assert counts.angle == pytest.approx((24.0, 0.0))
    assert counts.relative_distance == pytest.approx((0.125 + 1.5, 0.0))
    assert counts.edits == (1, 1, 0)
    whole = example(segment=10)
    assert whole.references == (2, 1)
    assert (whole.right, whole.misplaced) == ((1, 0), (1, 0))  # the mean of 10 and 30 degrees, and the far one
    assert whole.missed == (1, 1), "music is there and estimated, but never at once: as many misses as estimates"


def test_without_distances_only_angles_decide() -> None:
    counts = example(reference_distance=None, prediction_distance=None)
    assert (counts.right, counts.misplaced) == ((2, 0), (1, 0))
    scores = counts.scores()
    assert np.isnan(scores.relative_distance_error)
    assert scores.seld_score == pytest.approx(((1 - scores.f1) + scores.localization_error / 180) / 2)


def test_one_class_and_no_threshold_give_the_counts_of_localization(generator: torch.Generator) -> None:
    given = random_case(40, generator)
    angle, masks = given["angle"], (given["reference_mask"], given["prediction_mask"])
    zero = {"reference_class": torch.zeros(40, 7, 3).long(), "prediction_class": torch.zeros(40, 7, 4).long()}
    scores = seld_counts(angle, *masks, **zero, classes=1, threshold=180.0).scores()
    counts = localization(angle, *masks)
    assert (scores.f1, scores.localization_recall) == pytest.approx((counts.f1, counts.recall))
    assert scores.localization_error == pytest.approx(counts.mean_distance)


def test_counts_of_parts_add_up(generator: torch.Generator) -> None:
    given = random_case(12, generator)
    first, second = ({name: x[part] for name, x in given.items()} for part in (slice(5), slice(5, 12)))
    whole, *parts = (seld_counts(**case, classes=CLASSES, segment=3) for case in (given, first, second))
    total = parts[0] + parts[1]
    assert total.scores("micro").f1 == whole.scores("micro").f1
    assert total.angle == pytest.approx(whole.angle)
    assert total.edits == whole.edits


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2), (2, 3, 2, 0)])
@pytest.mark.parametrize("segment", [1, 2])
def test_empty_sequences_have_scores(shape: tuple[int, ...], segment: int) -> None:
    b, t, n, m = shape
    kinds = {"reference_class": torch.ones(b, t, n).long(), "prediction_class": torch.ones(b, t, m).long()}
    counts = seld_counts(torch.zeros(shape), **kinds, classes=2, segment=segment)
    segments = b * -(-t // segment)
    assert counts.missed == (0, segments * n * (m == 0))
    assert counts.false == (0, segments * m * (n == 0))
    scores = counts.scores(edition="2023")
    assert (scores.f1, scores.localization_error, scores.localization_recall) == (0.0, 180.0, 0.0)
    assert counts.scores().seld_score == 1.0


def test_the_threshold_is_inclusive() -> None:
    kind = torch.zeros(1, 1, 1).long()
    angle = torch.tensor([[[[20.0]]]])
    for threshold, right in ((20.0, 1), (19.9, 0)):
        counts = seld_counts(angle, reference_class=kind, prediction_class=kind, classes=1, threshold=threshold)
        assert counts.right == (right,)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ShapeError, match=r"^reference_class is float32 \[1, 4, 2\]; give integers \[1, 4, 2\]$"):
        example(reference_class=torch.zeros(1, 4, 2))
    with pytest.raises(DataError, match=r"^prediction_class holds 2; with 2 classes, give 0 to 1$"):
        example(prediction_class=torch.full((1, 4, 2), 2))
    with pytest.raises(ConfigError, match=r"^classes is 2 and segment 0; both must be at least 1$"):
        example(segment=0)
    with pytest.raises(ConfigError, match=r"^prediction_distance is missing; give the distances of both sides"):
        example(prediction_distance=None)
    with pytest.raises(ShapeError, match=r"^reference_distance is \[1, 4\]; give numbers \[1, 4, 2\]$"):
        example(reference_distance=torch.ones(1, 4))
    with pytest.raises(DataError, match=r"^reference_distance holds 0 inside the mask; it must be a number above 0$"):
        example(reference_distance=torch.zeros(1, 4, 2))
    with pytest.raises(ConfigError, match=r"^unknown average 'weighted'; choose 'macro' or 'micro'$"):
        example().scores("weighted")
    with pytest.raises(ConfigError, match=r"^unknown edition '2022'; choose '2023' or '2024'$"):
        example().scores(edition="2022")
    with pytest.raises(ConfigError, match=r"^counts of 2 and of 1 classes cannot be added"):
        example() + SeldCounts(
            references=(0,),
            right=(0,),
            misplaced=(0,),
            missed=(0,),
            false=(0,),
            angle=(0.0,),
            relative_distance=(0.0,),
            edits=(0, 0, 0),
        )
