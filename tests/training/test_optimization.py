"""One cycle of the rate, decay and clipping."""

import pytest
import torch
from torch import nn

import hnetzoo


def rates(steps: int, **settings: float) -> list[float]:
    """The rate of every step of a training."""
    optimizer, scheduler = hnetzoo.one_cycle(nn.Linear(2, 2), steps, learning_rate=0.1, **settings)
    assert scheduler is not None
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


@pytest.mark.parametrize("warmup_share", [0.1, 0.3, 0.5])
def test_rate_rises_for_its_share_of_the_steps_and_falls_to_almost_nothing(warmup_share: float) -> None:
    seen = rates(101, warmup_share=warmup_share)
    peak = seen.index(max(seen))
    assert max(seen) == pytest.approx(0.1, rel=1e-2)
    assert peak == pytest.approx(101 * warmup_share, abs=2)
    assert seen == sorted(seen[: peak + 1]) + sorted(seen[peak + 1 :], reverse=True)
    assert seen[-1] < 1e-4


def test_gradient_is_clipped_to_its_largest_norm_and_otherwise_left_alone() -> None:
    for largest, expected in ((1e-3, 1e-3), (1e3, 2.0), (None, 2.0)):
        model = nn.Linear(2, 2, bias=False)
        optimizer, _ = hnetzoo.one_cycle(model, 10, learning_rate=0.1, largest_gradient=largest)
        model.weight.grad = torch.ones(2, 2)
        optimizer.step()
        assert model.weight.grad.norm().item() == pytest.approx(expected, rel=1e-3)


def test_weights_decay_by_rate_times_decay_apart_from_the_gradient() -> None:
    model = nn.Linear(2, 2, bias=False)
    before = model.weight.detach().clone()
    optimizer, _ = hnetzoo.one_cycle(model, 10, learning_rate=0.1, weight_decay=0.5)
    model.weight.grad = torch.zeros(2, 2)
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    torch.testing.assert_close(model.weight.detach(), before * (1 - rate * 0.5))
