"""Optimisers and schedulers whose step needs an argument are refused in one line."""

import pytest
import torch
from torch import nn

import hnetzoo
from hnetzoo.association.contracts import Optimization
from hnetzoo.training.optimization import configured, unsupported

LAYER = nn.Linear(2, 2)


class Closure:
    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, torch.Tensor]:
        return {}

    def configure(self, model: nn.Module, total_steps: int) -> Optimization:
        return Optimization(torch.optim.LBFGS(model.parameters()))


def test_training_with_an_optimiser_that_needs_a_closure_is_refused() -> None:
    with pytest.raises(hnetzoo.ConfigError, match=r"^LBFGS\.step needs closure; supported are optimisers whose step"):
        configured(Closure(), LAYER, 3)


def test_a_scheduler_that_needs_a_metric_is_refused() -> None:
    adam = torch.optim.Adam(LAYER.parameters())
    plateau = Optimization(adam, torch.optim.lr_scheduler.ReduceLROnPlateau(adam))  # type: ignore[arg-type]
    assert unsupported(plateau).startswith("ReduceLROnPlateau.step needs metrics; supported are schedulers that")


@pytest.mark.parametrize("schedule", ["OneCycleLR", "StepLR", "CosineAnnealingWarmRestarts"])
def test_common_schedules_are_supported(schedule: str) -> None:
    adam = torch.optim.Adam(LAYER.parameters())
    settings = {"OneCycleLR": (0.1, 10), "StepLR": (3,), "CosineAnnealingWarmRestarts": (3,)}[schedule]
    scheduler = getattr(torch.optim.lr_scheduler, schedule)(adam, *settings)
    assert unsupported(Optimization(adam, scheduler)) == ""
