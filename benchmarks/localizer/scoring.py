"""How good estimates are: the field's metrics, from the tracks that a localizer declares active."""

from math import nan
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import Estimate, Localizer
from hnetzoo.losses import great_circle_distance
from hnetzoo.tracking_metrics import clear_mot, gospa, localization

SCENES_AT_ONCE = 50


class Scores(NamedTuple):
    """The metrics of a split; ratios are taken once, from the counts of all scenes."""

    error_deg: float
    """LE, mean angle of the pairs of the best matching, without a gate [degrees]; NaN where nothing is matched."""
    recall: float
    """LR."""
    precision: float
    """LP."""
    f1: float
    """LF."""
    mota: float
    """MOTA, of pairs within the gate."""
    switches: float
    """IDSW, identity switches per hundred references."""
    match_switches: float
    """Identity switches per hundred matches: what matches little has few switches; NaN where nothing is matched."""
    gospa_deg: float
    """Mean GOSPA of a frame, its cutoff the gate [degrees]: places, misses and false alarms in one number."""


def estimate(localizer: Localizer, features: Tensor) -> Estimate:
    """Run a localizer in eval mode, without gradients."""
    localizer.eval()
    with torch.no_grad():
        parts = [localizer(some) for some in torch.split(features, SCENES_AT_ONCE)]
    return Estimate(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def score(estimated: Estimate, truth: Examples, gate_deg: float) -> Scores:
    """Compare an estimate with the truth.

    Args:
        estimated: What the localizer says; a track is active where its logit is positive.
        truth: The same scenes.
        gate_deg: Farther pairs do not match in MOTA, IDSW and GOSPA [degrees].

    Example:
        >>> directions, active = torch.eye(3)[:2].expand(1, 5, 2, 3), torch.ones(1, 5, 2).bool()
        >>> truth = Examples(torch.empty(1, 0), directions, active, torch.zeros(1, 5, 2).long())
        >>> scores = score(Estimate(directions, torch.ones(1, 5, 2)), truth, 20.0)
        >>> scores.error_deg, scores.mota, scores.switches
        (0.0, 1.0, 0.0)
    """
    angle = great_circle_distance(truth.directions, estimated.directions).rad2deg()
    present = estimated.activity > 0
    found = localization(angle, truth.active, present)
    tracked = clear_mot(angle, truth.active, present, gate=gate_deg, identity=truth.identity)
    return Scores(
        error_deg=found.mean_distance,
        recall=found.recall,
        precision=found.precision,
        f1=found.f1,
        mota=tracked.mota,
        switches=100 * tracked.switches / max(1, tracked.references),
        match_switches=100 * tracked.switches / tracked.matches if tracked.matches else nan,
        gospa_deg=float(gospa(angle, truth.active, present, cutoff=gate_deg).total.mean()),
    )
