"""Known problems of the published loss: the tracking loss avoids them, and its variant "doa-net" reproduces them."""

import pytest
import torch
from torch import Tensor

from hnetzoo import ConfigError
from hnetzoo.losses import TrackingLoss
from tests.losses.matchers import SURE, Affinity, Given


def terms(probability: Tensor, distance: Tensor, *masks: Tensor, variant: str = "deepmot") -> dict[str, float]:
    answer = TrackingLoss(Given(probability.double().logit(eps=1e-20)), variant=variant).terms(distance, *masks)
    return {name: term.item() for name, term in answer.items()}


def hard(*frames: list[list[int]]) -> Tensor:
    """Return one sequence, float [1, t, n, m]."""
    return torch.tensor(frames, dtype=torch.float64).unsqueeze(0)


PAIR, FIRST, NONE, CROSSED = [[1, 0], [0, 1]], [[1, 0], [0, 0]], [[0, 0], [0, 0]], [[0, 1], [1, 0]]


def test_m_counts_references_and_not_soft_predictions() -> None:
    """Two references, one of which is associated: half are missed, not all of what was found."""
    probability, distance = hard(FIRST), torch.zeros(1, 1, 2, 2)
    assert terms(probability, distance)["misses"] == pytest.approx(1 / 2)
    assert terms(probability, distance, variant="doa-net")["misses"] == pytest.approx(1 / 1)


def test_every_matched_pair_weighs_the_same() -> None:
    """Three pairs of distances 0.3, 0.3 and 0.9: two in the first frame, one in the second."""
    probability = hard(PAIR, FIRST)
    distance = torch.tensor([[[[0.3, 1.0], [1.0, 0.3]], [[0.9, 1.0], [1.0, 1.0]]]], dtype=torch.float64)
    assert terms(probability, distance)["distance"] == pytest.approx((0.3 + 0.3 + 0.9) / 3)
    double = (2 * 0.3 + 2 * 0.3 + 0.9) / 3
    assert terms(probability, distance, variant="doa-net")["distance"] == pytest.approx(double)


def test_the_loss_is_finite_if_nothing_is_associated() -> None:
    probability, distance = hard(NONE), torch.ones(1, 1, 2, 2)
    assert terms(probability, distance) == pytest.approx(
        {"false_positives": 1.0, "misses": 1.0, "switches": 0.0, "distance": 0.0}
    )
    assert torch.tensor(terms(probability, distance, variant="doa-net")["distance"]).isnan()


def test_a_missed_pair_has_a_gradient() -> None:
    """A pair at distance 1.5 has the probability sigmoid(-2) = 0.12; its gradient must pull it nearer."""
    gradients = {}
    for variant in ("deepmot", "doa-net"):
        distance = torch.tensor([1.5, 0.5], dtype=torch.float64).view(1, 2, 1, 1).requires_grad_()
        loss = sum(TrackingLoss(Affinity(), variant=variant).double().terms(distance).values())
        loss.backward()
        gradients[variant] = distance.grad.flatten()[0].item()
    assert gradients["deepmot"] > 0.1
    assert gradients["doa-net"] == 0


def test_a_birth_is_no_switch() -> None:
    """The second source is born in the second frame."""
    probability, distance = hard(FIRST, PAIR), torch.zeros(1, 2, 2, 2)
    rows = torch.tensor([[[True, False], [True, True]]])
    assert terms(probability, distance, rows)["switches"] == pytest.approx(0)
    assert terms(probability, distance, rows, variant="doa-net")["switches"] == pytest.approx(2 / 3)


def test_a_new_source_in_a_slot_is_no_switch() -> None:
    distance, identity = torch.zeros(1, 2, 2, 2), torch.tensor([[[1, 2], [3, 4]]])
    loss = TrackingLoss(Given.hard(hard(PAIR, CROSSED).bool()))
    assert loss.terms(distance)["switches"].item() == pytest.approx(2 / 4)
    assert loss.terms(distance, identity=identity)["switches"].item() == pytest.approx(0)


def test_a_switch_after_a_gap_is_one() -> None:
    probability, distance = hard(PAIR, NONE, CROSSED), torch.zeros(1, 3, 2, 2)
    assert terms(probability, distance)["switches"] == pytest.approx(2 / 6)


def test_sequences_and_batches_do_not_continue_one_another() -> None:
    """The tracks of the second sequence are numbered the other way round, which is no switch."""
    probability = torch.cat((hard(PAIR, PAIR), hard(CROSSED, CROSSED)))
    distance = torch.zeros(2, 2, 2, 2)
    assert terms(probability, distance)["switches"] == pytest.approx(0)
    at_the_border, at_the_start = 2 / 8, 2 / 8
    doa_net = terms(probability, distance, variant="doa-net")["switches"]
    assert doa_net == pytest.approx(at_the_border + at_the_start)
    one_sequence = terms(hard(CROSSED, CROSSED), distance[1:])
    assert one_sequence["switches"] == pytest.approx(0)


def test_an_unmatched_prediction_is_a_false_positive() -> None:
    """One reference, two predictions: the second is a false alarm, as far as it is active."""
    probability, distance = hard([[1, 0]]), torch.zeros(1, 1, 1, 2, dtype=torch.float64)
    assert terms(probability, distance)["false_positives"] == pytest.approx(1)
    assert terms(probability, distance, variant="doa-net")["false_positives"] == pytest.approx(0)
    activity = torch.tensor([[[1.0, 0.25]]], dtype=torch.float64, requires_grad=True)
    loss = TrackingLoss(Given(SURE * (2 * probability - 1)))
    answer = loss.terms(distance, activity=activity)
    answer["false_positives"].backward(retain_graph=True)
    assert answer["false_positives"].item() == pytest.approx(0.25)
    assert activity.grad.flatten().tolist() == pytest.approx([0, 1])
    answer["misses"].backward()
    assert activity.grad.flatten().tolist() == pytest.approx([-1, 1])


def test_the_variant_takes_neither_activity_nor_identity() -> None:
    loss = TrackingLoss(Affinity(), variant="doa-net")
    distance = torch.zeros(1, 1, 1, 1)
    for extra in ({"activity": torch.ones(1, 1, 1)}, {"identity": torch.zeros(1, 1, 1)}):
        with pytest.raises(ConfigError, match=r"^the variant 'doa-net' of TrackingLoss takes neither"):
            loss.terms(distance, **extra)
