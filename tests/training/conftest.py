"""Small third-party trainers."""

from collections.abc import Callable
from pathlib import Path

import pytest

import hnetzoo

ACME = """
import torch
import hnetzoo

class TenLines:
    def __init__(self, config):
        self.config = config

    def losses(self, model, batch):
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        return {"square": (logits.sigmoid() - batch.association.float()).square().mean()}

    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))

class Augments(TenLines):
    def losses(self, model, batch):
        batch.distance.mul_(1.5)
        return super().losses(model, batch)

class Clamps(TenLines):
    def prepare(self, training):
        training.distance.clamp_(max=0.5)

@hnetzoo.hookimpl
def hnetzoo_trainers():
    return [hnetzoo.TrainerSpec(name=name.lower(), summary="", target=f"acme_trainers:{name}",
                                config="hnetzoo:TrainerConfig") for name in ("TenLines", "Augments", "Clamps")]
"""


@pytest.fixture
def acme(fake_distribution: Callable[..., Path]) -> hnetzoo.Registry:
    """Install small third-party trainers, and return a registry that has them."""
    fake_distribution("acme-trainers", ACME)
    return hnetzoo.discover()
