"""Two-stage matching by confidence: detections that are sure first, the others for the tracks that are left.

How ours differs from the paper: it is the matching alone, on any distance, without a Kalman filter.

Source: Y. Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022, section 3.
"""

import torch
from torch import Tensor

import hnetzoo
from hnetzoo.boxes import FEATURES
from hnetzoo_mot.config import TwoStageConfig

CONFIDENCE = FEATURES.index("confidence")


class TwoStage(hnetzoo.FeatureModel):
    """Exact matching within a gate, twice; without features all detections are sure.

    Args:
        config: Settings.
        shape: Ignored; problems may have any size.

    Example:
        >>> model = TwoStage(TwoStageConfig(sure=0.5), (1, 2))
        >>> rows, columns = torch.zeros(1, 1, 9), torch.zeros(1, 2, 9)
        >>> columns[0, :, CONFIDENCE] = torch.tensor([0.2, 0.9])
        >>> (model(torch.tensor([[[0.1, 0.3]]]), row_features=rows, col_features=columns) > 0).tolist()
        [[[False, True]]]
    """

    feature_count = len(FEATURES)

    def __init__(self, config: TwoStageConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config

    def logits(
        self,
        distance: Tensor,
        allowed: Tensor,
        row_features: Tensor | None = None,
        col_features: Tensor | None = None,
    ) -> Tensor:
        """Return logits [b, n, m]: 20 for the chosen pairs, -20 elsewhere."""
        with torch.no_grad():
            distance = distance.masked_fill(~allowed, torch.inf)
            sure = torch.ones_like(distance[:, :1], dtype=torch.bool)
            if col_features is not None:
                sure = (col_features[..., CONFIDENCE] >= self.config.sure).unsqueeze(1)
            first = hnetzoo.assign(distance.masked_fill(~sure, torch.inf), gate=self.config.gate)
            taken = first.any(2, keepdim=True)
            second = hnetzoo.assign(distance.masked_fill(sure | taken, torch.inf), gate=self.config.second_gate)
        return torch.where(first | second, hnetzoo.CERTAIN, -hnetzoo.CERTAIN)
