"""Classes in losses: what is forbidden, what is priced, and what has a gradient."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

import hnetzoo
from hnetzoo import ConfigError, DataError, ShapeError
from hnetzoo.losses import PermutationInvariantLoss, TrackingLoss, chordal_distance, class_distance
from tests.losses.points import directions, random_mask

SPEECH, MUSIC = 0, 1


def test_each_pair_has_its_price_by_definition(generator: torch.Generator) -> None:
    shape = b, t, n, m, classes = 2, 3, 2, 4, 5
    distance = torch.rand(shape[:4], generator=generator)
    true, guess = (torch.randint(0, classes, (b, t, size), generator=generator) for size in (n, m))
    probability = torch.rand(b, t, m, classes, generator=generator).softmax(-1)
    hard, soft = (
        class_distance(distance, true, guess, class_cost=3.0),
        class_distance(distance, true, probability, class_cost=3.0),
    )
    for s, f, i, j in np.ndindex(b, t, n, m):
        kind = int(true[s, f, i])
        plain = distance[s, f, i, j].item()
        assert hard[s, f, i, j].item() == pytest.approx(plain + 3.0 * (kind != int(guess[s, f, j])))
        assert soft[s, f, i, j].item() == pytest.approx(plain + 3.0 * (1 - probability[s, f, j, kind].item()), rel=1e-5)
    forbidden = class_distance(distance, true, guess)
    assert torch.equal(forbidden.isinf(), true.unsqueeze(3) != guess.unsqueeze(2))
    assert torch.equal(forbidden[forbidden.isfinite()], distance[forbidden.isfinite()])


def test_certain_probabilities_equal_classes(generator: torch.Generator) -> None:
    distance = torch.rand(2, 3, 3, 3, generator=generator)
    true, guess = (torch.randint(0, 4, (2, 3, 3), generator=generator) for _ in range(2))
    certain = torch.nn.functional.one_hot(guess, 4).float()
    hard, soft = (class_distance(distance, true, classes, class_cost=0.7) for classes in (guess, certain))
    torch.testing.assert_close(hard, soft)


def test_permutation_invariant_training_by_class_is_that_of_each_class(generator: torch.Generator) -> None:
    """Up to three sources of three classes, against all permutations within classes, on 1,000 frames."""
    references, predictions = (directions(1, 1000, 3, generator=generator) for _ in range(2))
    rows, columns = (random_mask(1, 1000, 3, generator=generator) for _ in range(2))
    true, guess = (torch.randint(0, 3, (1, 1000, 3), generator=generator) for _ in range(2))
    loss = PermutationInvariantLoss(chordal_distance)
    found = loss(references, predictions, rows, columns, reference_class=true, prediction_class=guess)
    distance = chordal_distance(references, predictions)[0].numpy()
    allowed = rows.unsqueeze(3) & columns.unsqueeze(2) & (true.unsqueeze(3) == guess.unsqueeze(2))
    orders = np.array(list(permutations(range(3))))
    pairs, cost = (x[:, np.arange(3), orders].sum(2) for x in (allowed[0].numpy(), distance * allowed[0].numpy()))
    best = np.where(pairs == pairs.max(1, keepdims=True), cost, np.inf).min(1)
    assert found.item() == pytest.approx(best.sum() / int(rows.sum()))


def test_a_price_decides_between_a_near_wrong_class_and_a_far_right_one() -> None:
    """Two events side by side, whose classes were confused; chords between them are 1.41."""
    points, true, guess = torch.eye(3)[:2].view(1, 1, 2, 3), torch.tensor([[[SPEECH, MUSIC]]]), torch.tensor([[[1, 0]]])
    losses = [PermutationInvariantLoss(chordal_distance, class_cost=cost) for cost in (0.5, 2.0, math.inf)]
    found = [loss(points, points, reference_class=true, prediction_class=guess).item() for loss in losses]
    assert found == pytest.approx([0.5, math.sqrt(2), math.sqrt(2)])
    assert PermutationInvariantLoss(chordal_distance)(points, points).item() == 0


@pytest.mark.parametrize("matcher", ["hungarian", "sinkhorn", "exchangeable"])
def test_the_tracking_loss_matches_no_pair_across_classes(matcher: str, generator: torch.Generator) -> None:
    settings = {"unmatched": "never"} if matcher == "exchangeable" else {}
    loss = TrackingLoss(hnetzoo.load_model(matcher, **settings))
    points = directions(2, 4, 3, generator=generator).float()
    true = torch.tensor([0, 0, 1]).expand(2, 4, 3)
    same = loss(points, points, reference_class=true, prediction_class=true)
    predictions = points.clone().requires_grad_()
    wrong = loss(points, predictions, reference_class=true, prediction_class=true + 5)
    wrong.backward()
    assert wrong.item() == pytest.approx(2.0)  # every source missed, every prediction a false alarm
    assert same.item() < 0.5
    assert predictions.grad.isfinite().all()


@pytest.mark.parametrize("name", ["permutation", "tracking"])
def test_gradients_reach_positions_and_probabilities(name: str, generator: torch.Generator) -> None:
    references, predictions = directions(2, 3, 2, generator=generator), directions(2, 3, 2, generator=generator)
    true = torch.randint(0, 3, (2, 3, 2), generator=generator)
    rows = random_mask(2, 3, 2, generator=generator)
    true = true.masked_fill(~rows, 99)
    scores = torch.randn(2, 3, 2, 3, generator=generator, dtype=torch.float64)
    if name == "permutation":
        loss = PermutationInvariantLoss(class_cost=0.8)
    else:  # in "distance" the association is a weight without gradient
        loss = TrackingLoss(hnetzoo.load_model("sinkhorn"), class_cost=0.8, weights={"distance": 0.0}).double()

    def value(points: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        return loss(references, points, rows, reference_class=true, prediction_class=logits.softmax(-1))

    inputs = [x.clone().requires_grad_() for x in (predictions, scores)]
    assert gradcheck(value, inputs)
    value(*inputs).backward()
    assert all(x.grad.any() for x in inputs)


def test_wrong_arguments_are_named() -> None:
    distance, points = torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2, 3)
    classes, other = torch.zeros(1, 1, 2, dtype=torch.int64), torch.zeros(1, 1, 3, dtype=torch.int64)
    with pytest.raises(ShapeError, match=r"^reference_class is int64 \[1, 1, 3\]; .* need integers \[1, 1, 2\]$"):
        class_distance(distance, other, other)
    with pytest.raises(ShapeError, match=r"^expected sequences \[b, t, n, m\], got \[2, 3\]"):
        class_distance(distance[0, 0], classes, other)
    with pytest.raises(ShapeError, match=r"^reference_class is float32 \[1, 1, 2\]"):
        class_distance(distance, classes.float(), other)
    with pytest.raises(ShapeError, match=r"^prediction_class is int64 \[1, 1, 2\]; .* or floats with one more axis$"):
        class_distance(distance, classes, classes)
    with pytest.raises(ShapeError, match=r"^prediction_class is float32 \[1, 1, 3\]"):
        class_distance(distance, classes, other.float())
    with pytest.raises(ConfigError, match=r"^class_cost is inf; probabilities of classes need a finite one"):
        class_distance(distance, classes, torch.rand(1, 1, 3, 4))
    with pytest.raises(DataError, match=r"^reference_class holds 4; prediction_class has probabilities of 0 to 3$"):
        class_distance(distance, classes + 4, torch.rand(1, 1, 3, 4), class_cost=1.0)
    with pytest.raises(ConfigError, match=r"^prediction_class is missing; give the classes of both sides"):
        PermutationInvariantLoss()(points, points, reference_class=classes)
    for make in (PermutationInvariantLoss, lambda **kwargs: TrackingLoss(hnetzoo.load_model("hungarian"), **kwargs)):
        with pytest.raises(ConfigError, match=r"^class_cost is -1.0; it must be at least 0"):
            make(class_cost=-1.0)
