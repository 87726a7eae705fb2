"""Metrics of estimates, from the tracks that the localizer predicts to be active.

With sound classes, only pairs of the same class match, in all metrics.
"""

from math import nan
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import Estimate, Localizer
from hnetzoo.losses import class_distance, great_circle_distance
from hnetzoo.tracking_metrics import clear_mot, gospa, localization, seld_counts

SCENES_AT_ONCE = 50


class Scores(NamedTuple):
    """Metrics of a split; ratios are of counts over all scenes."""

    error_deg: float
    """LE, mean angle of the pairs of the best matching, without a gate [degrees]; NaN where nothing is matched."""
    recall: float
    """LR, localization recall."""
    precision: float
    """LP, localization precision."""
    f1: float
    """LF, localization F1."""
    mota: float
    """MOTA, of pairs within the gate."""
    switches: float
    """IDSW, identity switches per hundred references."""
    match_switches: float
    """Identity switches per hundred matches, since few matches allow few switches; NaN where nothing is matched."""
    gospa_deg: float
    """Mean GOSPA of a frame with the gate as cutoff [degrees]: errors of location, misses and false alarms together."""
    f20: float
    """F20 of DCASE, in the mean over classes."""
    class_error_deg: float
    """LE_CD of DCASE, in the mean over classes [degrees]; NaN where nothing is matched."""
    class_recall: float
    """LR_CD of DCASE, in the mean over classes."""
    seld: float
    """SELD score of DCASE 2024 without source distances: mean of 1 - F20 and LE_CD / 180; lower is better."""


def estimate(localizer: Localizer, features: Tensor) -> Estimate:
    """Return what a localizer in eval mode reports, without gradients."""
    localizer.eval()
    with torch.no_grad():
        parts = [localizer.detect(localizer(some)) for some in torch.split(features, SCENES_AT_ONCE)]
    return Estimate(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def score(estimated: Estimate, truth: Examples, gate_deg: float) -> Scores:
    """Return the scores of an estimate.

    Args:
        estimated: Output of the localizer; a track is active where its logit is positive.
        truth: Labels of the same scenes.
        gate_deg: Farther pairs do not match in MOTA, IDSW and GOSPA [degrees].

    Example:
        >>> directions, active = torch.eye(3)[:2].expand(1, 5, 2, 3), torch.ones(1, 5, 2).bool()
        >>> truth = Examples(torch.empty(1, 0), directions, active, active.long(), active.long() * 0)
        >>> scores = score(Estimate(directions, torch.ones(1, 5, 2), torch.ones(1, 5, 2, 0)), truth, 20.0)
        >>> scores.error_deg, scores.mota, scores.switches
        (0.0, 1.0, 0.0)
    """
    angle = great_circle_distance(truth.directions, estimated.directions).rad2deg()
    present, classes = estimated.activity > 0, max(1, estimated.sounds.shape[-1])
    sound = estimated.sounds.argmax(-1) if estimated.sounds.shape[-1] else torch.zeros_like(present, dtype=torch.int64)
    same = class_distance(angle, truth.sound, sound)
    found = localization(same, truth.active, present)
    tracked = clear_mot(same, truth.active, present, gate=gate_deg, identity=truth.identity)
    detected = seld_counts(
        angle, truth.active, present, reference_class=truth.sound, prediction_class=sound, classes=classes
    ).scores()
    return Scores(
        error_deg=found.mean_distance,
        recall=found.recall,
        precision=found.precision,
        f1=found.f1,
        mota=tracked.mota,
        switches=100 * tracked.switches / max(1, tracked.references),
        match_switches=100 * tracked.switches / tracked.matches if tracked.matches else nan,
        gospa_deg=float(gospa(same, truth.active, present, cutoff=gate_deg).total.mean()),
        f20=detected.f1,
        class_error_deg=detected.localization_error,
        class_recall=detected.localization_recall,
        seld=detected.seld_score,
    )
