"""Fixtures of a model to write checkpoints of."""

import pytest
import torch
from torch import nn

from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.specs import ModelSpec


@pytest.fixture(scope="module")
def hnetgru() -> Component[ModelSpec]:
    return configure(discover().model("hnetgru"), {"hidden_size": 8})


@pytest.fixture
def module(hnetgru: Component[ModelSpec]) -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = hnetgru.build((3, 3))
    return built.eval()
