"""The optimisation that most trainers want."""

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
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
    """Return Adam with decoupled weight decay, its rate following one cycle.

    Args:
        model: What is trained.
        total_steps: Optimiser steps of the whole training.
        learning_rate: Rate at the peak.
        weight_decay: Decay of all weights, in units of the rate.
        warmup_share: Share of the steps in which the rate rises, between 0 and 1.
        largest_gradient: Norm that the gradient of a step is clipped to; None leaves it as it is.

    Returns:
        What `Trainer.configure` returns.

    Example:
        >>> optimizer, scheduler = one_cycle(nn.Linear(2, 2), 100, learning_rate=1e-3, largest_gradient=1.0)
        >>> type(optimizer).__name__, type(scheduler).__name__
        ('AdamW', 'OneCycleLR')

    Source: D. P. Kingma, J. Ba, "Adam", ICLR 2015; I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization",
    ICLR 2019; L. N. Smith, N. Topin, "Super-Convergence", 2019.
    """
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)
    if largest_gradient is not None:
        optimizer.register_step_pre_hook(lambda *_: _clip(parameters, largest_gradient))
    return Optimization(optimizer, OneCycleLR(optimizer, learning_rate, total_steps, pct_start=warmup_share))


def _clip(parameters: list[nn.Parameter], largest: float) -> None:
    clip_grad_norm_(parameters, largest)
