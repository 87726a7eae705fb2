"""The loss that trains the activity of predictions."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from hnetzoo.errors import ConfigError, ShapeError

ActivityVariant = Literal["plain", "doa-net"]


class ActivityLoss(nn.Module):
    """Cross-entropy between the activity of predictions and whether they are associated with a reference.

    Args:
        variant: "plain" uses the logits as they are. "doa-net" applies tanh to them first, as the published system
            does, for comparison only: the activity then stays between 0.27 and 0.73.

    Raises:
        ConfigError: If the variant is unknown.

    Example:
        >>> association = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).view(1, 1, 2, 2)  # the first prediction is associated
        >>> round(ActivityLoss()(torch.tensor([[[9.0, -9.0]]]), association).item(), 4)
        0.0001
    """

    def __init__(self, variant: ActivityVariant = "plain") -> None:
        super().__init__()
        if variant not in ("plain", "doa-net"):
            raise ConfigError(f"unknown variant {variant!r} of ActivityLoss; choose 'plain' or 'doa-net'")
        self.variant = variant

    def forward(self, logits: Tensor, association: Tensor, prediction_mask: Tensor | None = None) -> Tensor:
        """Return the loss.

        Args:
            logits: Float [b, t, m], of the activity of predictions, before the sigmoid.
            association: Bool, or float in [0, 1], [b, t, n, m], from `associate` of a loss or `hnetzoo.assign`; it
                gets no gradient.
            prediction_mask: Bool [b, t, m], True where the prediction exists; None means all True.

        Returns:
            A scalar, the mean over existing predictions; 0 if there are none.

        Raises:
            ShapeError: If the shapes do not fit.
        """
        mask = torch.ones_like(logits, dtype=torch.bool) if prediction_mask is None else prediction_mask
        if (*association.shape[:-2], *association.shape[-1:]) != logits.shape or mask.shape != logits.shape:
            raise ShapeError(
                f"activity logits are {list(logits.shape)}, association {list(association.shape)} and prediction_mask "
                f"{list(mask.shape)}; they need to be [b, t, m], [b, t, n, m] and [b, t, m]"
            )
        present = association.detach().to(logits.dtype).sum(-2).clamp(max=1.0).masked_fill(~mask, 0.0)
        logits = logits.masked_fill(~mask, 0.0)
        if self.variant == "doa-net":
            logits = logits.tanh()
        weight = mask.to(logits.dtype)
        total = binary_cross_entropy_with_logits(logits, present, weight, reduction="sum")
        return total / mask.sum().clamp(min=1)
