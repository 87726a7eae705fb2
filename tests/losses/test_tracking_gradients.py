"""Gradients of the tracking loss: right, finite, and not into a frozen matcher."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

import hnetzoo
from hnetzoo.losses import TrackingLoss, great_circle_distance
from hnetzoo.losses.tracking import TrackingVariant
from tests.losses.matchers import Affinity, Given
from tests.losses.points import directions

MATCHERS = ("hnetgru", "exchangeable", "sinkhorn", "dual-softmax", "hungarian")

DMOTA = {"switches": 2.0, "distance": 0.0}


@pytest.mark.parametrize("name", MATCHERS)
def test_gradients_of_dmota_are_right_through_the_shipped_matchers(name: str, generator: torch.Generator) -> None:
    loss = TrackingLoss(hnetzoo.load_model(name), weights=DMOTA).double()
    references = directions(1, 3, 2, generator=generator)
    predictions = directions(1, 3, 2, generator=generator).requires_grad_()
    activity = torch.rand(1, 3, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor([[[True, True], [True, True], [False, True]]])
    assert gradcheck(lambda x, a: loss(references, x, rows, activity=a), (predictions, activity))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 3), (10, 10)])
def test_gradients_are_right_where_rows_and_columns_exceed_one(n: int, m: int, generator: torch.Generator) -> None:
    loss = TrackingLoss(Affinity(), great_circle_distance, weights=DMOTA).double()
    references = directions(1, 2, n, generator=generator)
    predictions = directions(1, 2, m, generator=generator).requires_grad_()
    assert gradcheck(lambda x: loss(references, x), predictions)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 3), (10, 10)])
@pytest.mark.parametrize("variant", ["deepmot", "doa-net"])
def test_gradients_are_right_where_the_association_is_fixed(
    n: int, m: int, variant: TrackingVariant, generator: torch.Generator
) -> None:
    logits = torch.randn(2, 3, n, m, generator=generator, dtype=torch.float64)
    loss = TrackingLoss(Given(logits), variant=variant)
    references = directions(2, 3, n, generator=generator)
    predictions = directions(2, 3, m, generator=generator).requires_grad_()
    assert gradcheck(lambda x: loss(references, x), predictions)


def test_the_distance_term_does_not_push_far_pairs_apart() -> None:
    """Two pairs, at 0.1 and at 1.9: only smaller distances may reduce the distance term."""
    distance = torch.tensor([0.1, 1.9]).view(1, 2, 1, 1).requires_grad_()
    TrackingLoss(Affinity()).terms(distance)["distance"].backward()
    assert distance.grad.min() > 0


@pytest.mark.parametrize("name", MATCHERS)
@pytest.mark.parametrize(
    "place", ["empty frames", "no references", "no predictions", "missed", "coincident", "opposite"]
)
def test_gradients_stay_finite(name: str, place: str, generator: torch.Generator) -> None:
    references = directions(2, 4, 2, generator=generator).float()
    rows, columns = torch.ones(2, 4, 2, dtype=torch.bool), torch.ones(2, 4, 2, dtype=torch.bool)
    predictions = directions(2, 4, 2, generator=generator).float()
    if place == "empty frames":
        rows[:, ::2], columns[:, 1:] = False, False
    elif place in ("no references", "no predictions"):
        (rows if place == "no references" else columns).fill_(False)
        references = references.masked_fill(~rows.unsqueeze(3), torch.nan)
    else:
        predictions = {"missed": 100 * predictions, "coincident": references, "opposite": -references}[place].clone()
    predictions.requires_grad_()
    loss = TrackingLoss(hnetzoo.load_model(name))(references, predictions, rows, columns)
    loss.backward()
    assert loss.isfinite()
    assert predictions.grad.isfinite().all()
    assert not predictions.grad[~columns].any()


@pytest.mark.parametrize("n", [1, 10])
@pytest.mark.parametrize("name", ["exchangeable", "sinkhorn"])
def test_one_source_and_ten_have_finite_gradients(name: str, n: int, generator: torch.Generator) -> None:
    references = directions(1, 3, n, generator=generator).float()
    predictions = directions(1, 3, n, generator=generator).float().requires_grad_()
    loss = TrackingLoss(hnetzoo.load_model(name))(references, predictions)
    loss.backward()
    assert loss.isfinite()
    assert predictions.grad.isfinite().all()
    assert predictions.grad.any()


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2), (2, 3, 2, 0)])
def test_empty_batches_have_finite_losses_and_gradients(shape: tuple[int, ...]) -> None:
    b, t, n, m = shape
    predictions = torch.zeros(b, t, m, 3, requires_grad=True)
    loss = TrackingLoss(hnetzoo.load_model("hnetgru"))(torch.zeros(b, t, n, 3), predictions)
    loss.backward()
    assert loss.item() == b * t * (n + m) / max(1, b * t * n) if not (n and m) else loss.item() == 0
    assert predictions.grad.isfinite().all()


def test_forbidden_pairs_have_no_gradient() -> None:
    distance = torch.tensor([[[[0.5, torch.inf]]]], requires_grad=True)
    terms = TrackingLoss(Affinity()).terms(distance)
    sum(terms.values()).backward()
    assert all(term.isfinite() for term in terms.values())
    assert distance.grad.flatten()[0] != 0
    assert distance.grad.flatten()[1] == 0


def test_a_frozen_matcher_takes_no_gradient_and_stays_in_eval_mode(generator: torch.Generator) -> None:
    matcher = Affinity().train()
    loss = TrackingLoss(matcher).train()
    distance = torch.rand(1, 2, 2, 2, generator=generator, requires_grad=True)
    first, second = (sum(loss.terms(distance).values()) for _ in range(2))
    first.backward()
    assert torch.equal(first, second)
    assert [parameter.requires_grad for parameter in loss.parameters()] == [False]
    assert matcher.scale.grad is None
    assert matcher.training
    assert matcher.scale.requires_grad


def test_a_matcher_can_be_trained_with_the_loss(generator: torch.Generator) -> None:
    matcher = Affinity()
    loss = TrackingLoss(matcher, train_matcher=True)
    assert matcher.training
    assert not loss.eval().matcher.training
    sum(loss.terms(torch.rand(1, 2, 2, 2, generator=generator)).values()).backward()
    assert list(loss.parameters()) == [matcher.scale]
    assert matcher.scale.grad != 0


def test_a_frozen_matcher_runs_without_cudnn_which_has_no_backward_pass_in_eval_mode() -> None:
    seen = []

    class Probe(Affinity):
        def forward(self, *arguments: Tensor) -> Tensor:
            seen.append(torch.backends.cudnn.enabled)
            return super().forward(*arguments)

    for train_matcher in (False, True):
        TrackingLoss(Probe(), train_matcher=train_matcher).terms(torch.zeros(1, 1, 1, 1))
    assert seen == [False, torch.backends.cudnn.enabled]


def test_gradients_flow_into_a_given_association(generator: torch.Generator) -> None:
    loss, distance = TrackingLoss(Affinity()), torch.rand(1, 2, 2, 2, generator=generator)
    near = distance.clone().requires_grad_()
    sum(loss.terms(distance, association=loss.associate(near)).values()).backward()
    assert near.grad.any()
