"""What the features of two boxes say about their pair, in units of their heights.

Features are those of the datasets mot and box-tracks, in any unit of length: centre x and y, width, height,
displacement dx and dy that the track's velocity lets expect, frames over which it was measured (0: not known),
confidence, and gap [frames].
"""

from typing import NamedTuple

import torch
from torch import Tensor

CELL_FEATURES = 10
"""Features of a pair that do not depend on how the scene moves."""
SMALLEST = 1e-6
OLD, LONG_GAP = 5.0, 30.0
"""Frames; ages of tracks and gaps are given to the network as shares of them, at most 1."""
SAME_FRAME = -1.0
"""Given instead of a gap of 0, so that problems within a frame, where pairs must overlap, stand apart from the next."""
HALF, SOFTNESS = 0.5, 0.02
"""The least IoU of a match, by the convention of the field, and how softly the network is told."""
LARGEST_CONFIDENCE = 0.999
"""Confidences are given to the network as -log(1 - confidence), since those of detectors crowd below 1."""


class BoxCells(NamedTuple):
    """What features say of pairs.

    Fields:
        fixed: Float [b, n, m, 10]: log ratios of widths and heights, 1 - IoU, the same from where the velocity points,
            softly whether the IoU is above a half, whether the velocity is known, for how long, the gap, and both
            confidences.
        displaced: Float [b, n, m, 4]: displacement of the centre, and the same from where the velocity points, or from
            the centre where it is not known; x and y each [mean heights].
        apart: Float [b, n, m]: 1 - IoU from where the velocity points, or as the boxes lie where it is not known.
    """

    fixed: Tensor
    displaced: Tensor
    apart: Tensor


def box_cells(rows: Tensor, columns: Tensor) -> BoxCells:
    """Return what the features of rows, [b, n, 9], and columns, [b, m, 9], say of their pairs.

    Example:
        >>> box = torch.tensor([[[0.0, 0.0, 1.0, 2.0, 4.0, 0.0, 5.0, 1.0, 5.0]]])
        >>> cells = box_cells(box, box)
        >>> cells.fixed.shape, cells.displaced.flatten().tolist()
        (torch.Size([1, 1, 1, 10]), [0.0, 0.0, -2.0, 0.0])
    """
    shape = (*rows.shape[:2], *columns.shape[1:])
    row, column = rows.unsqueeze(2).expand(shape), columns.unsqueeze(1).expand(shape)
    first, second = (side[..., 2:4].clamp(min=SMALLEST) for side in (row, column))
    height = (first[..., 1:] + second[..., 1:]) / 2
    known = (row[..., 6:7] > 0).to(rows.dtype)
    offset = (column[..., :2] - row[..., :2]) / height
    residual = offset - known * row[..., 4:6] / height
    apart = [_iou_distance(first, second, moved * height) for moved in (offset, residual)]
    age, gap = (row[..., 6:7] / OLD).clamp(max=1), (row[..., 8:9] / LONG_GAP).clamp(max=1)
    sure = (_surprise(side[..., 7:8]) for side in (row, column))
    above = ((HALF - apart[0]) / SOFTNESS).tanh()
    gap = torch.where(gap > 0, gap, SAME_FRAME)
    fixed = torch.cat(((second / first).log(), *apart, above, known, age, gap, *sure), -1)
    return BoxCells(fixed, torch.cat((offset, residual), -1), apart[1].squeeze(-1))


def _surprise(confidence: Tensor) -> Tensor:
    """Return the information that a detection is false, by its confidence [nats]."""
    return -(1 - confidence.clamp(0.0, LARGEST_CONFIDENCE)).log()


def _iou_distance(first: Tensor, second: Tensor, offset: Tensor) -> Tensor:
    """Return 1 - intersection over union, [b, n, m, 1], of boxes of two sizes whose centres are apart by an offset."""
    overlap = ((first + second) / 2 - offset.abs()).clamp(min=0).minimum(first).minimum(second)
    intersection = overlap.prod(-1, keepdim=True)
    union = first.prod(-1, keepdim=True) + second.prod(-1, keepdim=True) - intersection
    return 1 - intersection / union
