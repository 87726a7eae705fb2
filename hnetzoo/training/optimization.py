"""An optimiser and learning rate schedule for trainers."""

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from hnetzoo.association.contracts import Optimization


def one_cycle(
    model: nn.Module,
    total_steps: int,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    warmup_share: float = 0.3,
    largest_gradient: float | None = None,
) -> Optimization:
    """Return Adam with decoupled weight decay and a one-cycle learning rate.

    Args:
        model: The model to train.
        total_steps: Optimiser steps of the whole training.
        learning_rate: Learning rate at the peak.
        weight_decay: Decay of all weights per step, relative to the learning rate.
        warmup_share: Share of the steps in which the rate rises, between 0 and 1.
        largest_gradient: Norm to which `Optimization.step` clips gradients; None does not clip.

    Returns:
        What `Trainer.configure` returns.

    Example:
        >>> optimization = one_cycle(nn.Linear(2, 2), 100, learning_rate=1e-3, largest_gradient=1.0)
        >>> type(optimization.optimizer).__name__, type(optimization.scheduler).__name__
        ('AdamW', 'OneCycleLR')

    Source: D. P. Kingma, J. Ba, "Adam", ICLR 2015; I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization",
    ICLR 2019; L. N. Smith, N. Topin, "Super-Convergence", 2019.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)
    schedule = OneCycleLR(optimizer, learning_rate, total_steps, pct_start=warmup_share)
    return Optimization(optimizer, schedule, largest_gradient)
