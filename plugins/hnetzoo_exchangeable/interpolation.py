"""Fine-tuning that keeps more of what the first weights know: weights between these and the learned ones.

Source: M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, section 3 (WiSE-FT).
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo_exchangeable.config import InterpolatingTrainerConfig


class InterpolatingTrainer:
    """Base class of trainers with a one-cycle rate that keep weights between the first and the learned ones.

    Args:
        config: Settings.

    Example:
        >>> trainer, model = InterpolatingTrainer(InterpolatingTrainerConfig(learned_share=0.5)), nn.Linear(1, 1)
        >>> _ = nn.init.zeros_(model.weight)
        >>> optimization = trainer.configure(model, total_steps=10)
        >>> _ = nn.init.ones_(model.weight)
        >>> trainer.averaged(model).weight.item()
        0.5
    """

    def __init__(self, config: InterpolatingTrainerConfig) -> None:
        self.config = config
        self._first: dict[str, Tensor] = {}

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        """Return Adam with decoupled weight decay and clipped gradients, and a one-cycle schedule."""
        if self.config.learned_share < 1:
            self._first = {name: value.detach().clone() for name, value in model.state_dict().items()}
        return hnetzoo.one_cycle(model, total_steps, **self.config.optimization)

    def averaged(self, model: nn.Module) -> nn.Module:
        """Return the model with weights between the first and its own; the model itself if its own are kept."""
        if not self._first:
            return model
        between = deepcopy(model)
        with torch.no_grad():
            for name, value in between.state_dict().items():
                value.copy_(torch.lerp(self._first[name].to(value), value, self.config.learned_share))
        return between

    def state_dict(self) -> dict[str, Any]:
        """Return the first weights, if they are needed."""
        return dict(self._first)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the first weights of a training that is resumed."""
        self._first = dict(state)
