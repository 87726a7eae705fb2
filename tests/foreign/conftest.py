"""The model whose weights foreign checkpoints hold, or claim to."""

import pytest
import torch
from torch import nn

from hnetzoo.registry import discover
from hnetzoo.specs import ModelSpec
from hnetzoo.zoo import Component, configure


@pytest.fixture(scope="module")
def hnetgru() -> Component[ModelSpec]:
    return configure(discover().model("hnetgru"), {"hidden_size": 8})


@pytest.fixture
def module(hnetgru: Component[ModelSpec]) -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = hnetgru.build((3, 3))
    return built.eval()
