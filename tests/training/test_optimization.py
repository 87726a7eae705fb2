"""The one-cycle learning rate, weight decay and gradient clipping."""

import pytest
import torch
from torch import nn

import hnetzoo


def rates(steps: int, **settings: float) -> list[float]:
    """Return the learning rate of every step of a training."""
    optimization = hnetzoo.one_cycle(nn.Linear(2, 2), steps, learning_rate=0.1, **settings)
    seen = []
    for _ in range(steps):
        seen.append(optimization.optimizer.param_groups[0]["lr"])
        optimization.step()
    return seen


@pytest.mark.parametrize("warmup_share", [0.1, 0.3, 0.5])
def test_rate_rises_for_its_share_of_the_steps_and_falls_to_almost_nothing(warmup_share: float) -> None:
    seen = rates(101, warmup_share=warmup_share)
    peak = seen.index(max(seen))
    assert max(seen) == pytest.approx(0.1, rel=1e-2)
    assert peak == pytest.approx(101 * warmup_share, abs=2)
    assert seen == sorted(seen[: peak + 1]) + sorted(seen[peak + 1 :], reverse=True)
    assert seen[-1] < 1e-4


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 6, 10])
def test_few_steps_have_rates_above_zero_whatever_the_share_of_the_rise(steps: int) -> None:
    for warmup_share in (0.1, 0.2, 0.25, 0.5):
        assert all(0 < rate <= 0.1 * 1.001 for rate in rates(steps, warmup_share=warmup_share))


@pytest.mark.parametrize(("largest", "expected"), [(1e-3, 1e-3), (1e3, 2.0), (None, 2.0)])
def test_gradient_is_clipped_to_its_largest_norm_and_otherwise_unchanged(
    largest: float | None, expected: float
) -> None:
    model = nn.Linear(2, 2, bias=False)
    optimization = hnetzoo.one_cycle(model, 10, learning_rate=0.1, largest_gradient=largest)
    model.weight.grad = torch.ones(2, 2)
    optimization.step()
    assert model.weight.grad.norm().item() == pytest.approx(expected, rel=1e-3)


def test_scaled_gradients_are_clipped_after_they_are_unscaled() -> None:
    """Training with a GradScaler gives the same weights as training without one."""

    def trained(scale: float) -> torch.Tensor:
        model = nn.Linear(2, 2, bias=False)
        nn.init.ones_(model.weight)
        # SGD, because Adam does not depend on the scale of gradients.
        optimization = hnetzoo.Optimization(torch.optim.SGD(model.parameters(), lr=0.1), largest_gradient=0.5)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale, enabled=scale != 1)
        loss = model(torch.ones(4, 2)).square().sum()
        scaler.scale(loss).backward()
        scaler.unscale_(optimization.optimizer)
        optimization.clip()
        scaler.step(optimization.optimizer)
        return model.weight.detach()

    assert torch.equal(trained(scale=1.0), trained(scale=2.0**16))
    assert not torch.equal(trained(scale=1.0), torch.ones(2, 2))


def test_weights_decay_by_rate_times_decay_apart_from_the_gradient() -> None:
    model = nn.Linear(2, 2, bias=False)
    before = model.weight.detach().clone()
    optimization = hnetzoo.one_cycle(model, 10, learning_rate=0.1, weight_decay=0.5)
    model.weight.grad = torch.zeros(2, 2)
    rate = optimization.optimizer.param_groups[0]["lr"]
    optimization.step()
    torch.testing.assert_close(model.weight.detach(), before * (1 - rate * 0.5))
