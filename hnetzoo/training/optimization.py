"""An optimiser and learning rate schedule for trainers, and what the training loop supports."""

import inspect
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from hnetzoo.association.contracts import Optimization, Trainer
from hnetzoo.errors import ConfigError


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
    if warmup_share * total_steps == 1:  # over one step OneCycleLR divides by zero
        warmup_share = 1.5 / total_steps
    schedule = OneCycleLR(optimizer, learning_rate, total_steps, pct_start=warmup_share)
    return Optimization(optimizer, schedule, largest_gradient)


def configured(trainer: Trainer, model: nn.Module, total_steps: int) -> Optimization:
    """Return what `Trainer.configure` returns; raises ConfigError if the training loop does not support it."""
    optimization = trainer.configure(model, total_steps)
    problem = unsupported(optimization)
    if problem:
        raise ConfigError(problem)
    return optimization


def unsupported(optimization: Optimization) -> str:
    """Return why the training loop cannot take the steps of an optimisation; empty if it can.

    Example:
        >>> unsupported(Optimization(torch.optim.LBFGS(nn.Linear(2, 2).parameters())))
        'LBFGS.step needs closure; supported are optimisers whose step takes no argument, such as Adam'
    """
    optimizer, scheduler = type(optimization.optimizer), type(optimization.scheduler)
    if needed := _required(optimizer):
        supported = "optimisers whose step takes no argument, such as Adam"
        return f"{optimizer.__name__}.step needs {needed}; supported are {supported}"
    if optimization.scheduler is not None and (needed := _required(scheduler)):
        return f"{scheduler.__name__}.step needs {needed}; supported are schedulers that are stepped after every batch"
    return ""


def _required(stepped: type[Any]) -> str:
    """Return the arguments that the method `step` of a class cannot do without, joined by commas."""
    _, *parameters = inspect.signature(stepped.step).parameters.values()
    single = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return ", ".join(
        parameter.name
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty and parameter.kind not in single
    )
