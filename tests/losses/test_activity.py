"""The activity loss against hand-worked values."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from hnetzoo import ConfigError, ShapeError
from hnetzoo.losses import ActivityLoss

ONE_OF_THREE = torch.tensor([[True, False, False], [False, False, False]]).view(1, 1, 2, 3)


def test_value_equals_a_hand_worked_example() -> None:
    loss = ActivityLoss()(
        torch.tensor([[[0.0, math.log(3.0), 9.0]]]), ONE_OF_THREE, torch.tensor([[[True, True, False]]])
    )
    assert loss.item() == pytest.approx((math.log(2.0) + math.log(4.0)) / 2)


def test_a_soft_association_is_a_soft_target_of_at_most_one() -> None:
    association = torch.tensor([[0.25, 0.75], [0.25, 0.75]]).view(1, 1, 2, 2)
    logits = torch.zeros(1, 1, 2, requires_grad=True)
    ActivityLoss()(logits, association).backward()
    assert logits.grad.flatten().tolist() == [0.0, -0.25]  # (1/2 - target) / 2 predictions


def test_gradients_are_right_and_reach_the_logits_only(generator: torch.Generator) -> None:
    logits = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    association = torch.rand(2, 3, 2, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(2, 3, 4, generator=generator) < 0.7
    for variant in ("plain", "doa-net"):
        assert gradcheck(lambda x, variant=variant: ActivityLoss(variant)(x, association, mask), logits)
    ActivityLoss()(logits, association, mask).backward()
    assert association.grad is None
    assert not logits.grad[~mask].any()


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 3, 0, 2), (2, 3, 2, 0)])
def test_empty_batches_have_finite_values_and_gradients(shape: tuple[int, ...]) -> None:
    b, t, _, m = shape
    logits = torch.zeros(b, t, m, requires_grad=True)
    loss = ActivityLoss()(logits, torch.zeros(shape))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2.0) if logits.numel() else 0.0)
    assert logits.grad.isfinite().all()


def test_masked_logits_are_never_read() -> None:
    logits = torch.tensor([[[0.0, torch.nan, torch.inf]]], requires_grad=True)
    loss = ActivityLoss()(logits, ONE_OF_THREE, torch.tensor([[[True, False, False]]]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2.0))
    assert logits.grad.isfinite().all()


def test_certain_activity_has_no_loss_except_in_the_published_variant() -> None:
    sure = torch.tensor([[[50.0, -50.0, -50.0]]])
    assert ActivityLoss()(sure, ONE_OF_THREE).item() == pytest.approx(0.0, abs=1e-9)
    assert ActivityLoss("doa-net")(sure, ONE_OF_THREE).item() == pytest.approx(math.log1p(math.exp(-1)))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^unknown variant 'tanh' of ActivityLoss; choose 'plain' or 'doa-net'$"):
        ActivityLoss("tanh")
    with pytest.raises(ShapeError, match=r"^activity logits are \[1, 1, 2\], association \[1, 1, 2, 3\]"):
        ActivityLoss()(torch.zeros(1, 1, 2), ONE_OF_THREE)
