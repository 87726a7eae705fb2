"""Scores of the tracks of a file against ground truth."""

from typing import NamedTuple

import numpy as np
import torch

from hnetzoo.tracking.box_files import Boxes
from hnetzoo.tracking.box_slots import box_slots, drop_ignored, match_boxes
from hnetzoo.tracking.boxes import iou_distance
from hnetzoo.tracking.clear import clear_mot
from hnetzoo.tracking.counts import HotaCounts, IdentityCounts, TrackingCounts
from hnetzoo.tracking.hota import hota
from hnetzoo.tracking.identity import identity_counts


class TrackScores(NamedTuple):
    """Counts whose properties are the scores; see `hnetzoo.tracking_metrics`.

    Example:
        >>> scores = TrackScores(HotaCounts(), IdentityCounts(references=2, predictions=2, matches=2), TrackingCounts())
        >>> scores.values()["idf1"]
        1.0
    """

    hota: HotaCounts
    identity: IdentityCounts
    clear: TrackingCounts

    def values(self) -> dict[str, float | int]:
        """Return the usual scores by name."""
        return {
            "hota": self.hota.hota,
            "deta": self.hota.deta,
            "assa": self.hota.assa,
            "idf1": self.identity.idf1,
            "mota": self.clear.mota,
            "switches": self.clear.switches,
        }


def score_tracks(reference: Boxes, tracks: Boxes, *, threshold: float = 0.5, every: int = 1) -> TrackScores:
    r"""Return the counts of tracks against ground truth, of boxes by intersection over union.

    References that are to be ignored (column 7 is 0) are left out, with the tracked boxes that match them.

    Args:
        reference: Ground truth, with identities.
        tracks: Boxes with identities; those without (below 0) are left out.
        threshold: Least IoU of a match in CLEAR and identity metrics.
        every: Score every so many frames, from the first.

    Raises:
        DataError: If an identity occurs twice in a frame.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hnetzoo.tracking.box_files import read_boxes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "gt.txt").write_text("1,7,0,0,10,20,1\n2,7,1,0,10,20,1\n")
        ...     boxes = read_boxes(Path(folder, "gt.txt"))
        >>> score_tracks(boxes, boxes).hota.hota
        1.0

    Source: definitions as in TrackEval; see `hnetzoo.tracking_metrics.hota`, `identity_counts` and `clear_mot`.
    """
    tracks = tracks.select(tracks.identity >= 0)
    last = int(max(reference.frame.max(initial=0), tracks.frame.max(initial=0)))
    rows, columns = (box_slots(boxes, last).select(slice(0, None, every)) for boxes in (reference, tracks))
    if (reference.confidence == 0).any():
        rows, columns = drop_ignored(rows, columns, match_boxes(rows, columns, threshold))
    parts = [iou_distance(first.box, second.box) for first, second in zip(rows.chunks(), columns.chunks(), strict=True)]
    distance = torch.from_numpy(np.concatenate(parts)).unsqueeze(0)
    masks = [torch.from_numpy(side.exists).unsqueeze(0) for side in (rows, columns)]
    first, second = (torch.from_numpy(side.identity).unsqueeze(0) for side in (rows, columns))
    gate = 1 - threshold
    return TrackScores(
        hota(distance, *masks, reference_identity=first, prediction_identity=second),
        identity_counts(distance, *masks, gate=gate, reference_identity=first, prediction_identity=second),
        clear_mot(distance, *masks, gate=gate, reference_identity=first, prediction_identity=second),
    )
