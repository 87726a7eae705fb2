"""The tracking loss against CLEAR counts, against its definition in Python, and where it must stay finite."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

import hnetzoo
from hnetzoo import ConfigError, DataError, ShapeError, UnknownNameError
from hnetzoo.losses import PermutationInvariantLoss, TrackingLoss, chordal_distance, great_circle_distance
from hnetzoo.losses.tracking import TERMS, TrackingVariant
from hnetzoo.tracking_metrics import clear_association, clear_mot, localization
from tests.losses.matchers import Affinity, Given

MATCHERS = ("hnetgru", "exchangeable", "sinkhorn", "dual-softmax", "hungarian")
MOTA_TERMS = TERMS[:3]
DMOTA = {"switches": 2.0, "distance": 0.0}


def directions(*shape: int, generator: torch.Generator) -> Tensor:
    points = torch.randn(*shape, 3, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(points, dim=-1)


def random_mask(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) < 0.75


def defined(
    probability: np.ndarray, distance: np.ndarray, rows: np.ndarray, activity: np.ndarray, identity: np.ndarray
) -> dict[str, float]:
    """Compute the terms one slot at a time; activity is 0 where no prediction exists."""
    share = probability.copy()
    b, t, n, m = probability.shape
    for s, f, i, j in np.ndindex(b, t, n, m):
        share[s, f, i, j] /= max(1.0, probability[s, f, i].sum(), probability[s, f, :, j].sum())
    totals = dict.fromkeys((*TERMS, "mass"), 0.0)
    for s, f in product(range(b), range(t)):
        for j in range(m):
            totals["false_positives"] += activity[s, f, j] * (1 - share[s, f, :, j].sum())
        for i in np.flatnonzero(rows[s, f]):
            made = share[s, f, i] * activity[s, f]
            totals["misses"] += 1 - made.sum()
            totals["mass"] += made.sum()
            totals["distance"] += (made * distance[s, f, i]).sum()
            past = [g for g in range(f) if (share[s, g, i] * activity[s, g]).max(initial=0) > 0.5]
            if past and identity[s, past[-1], i] == identity[s, f, i]:
                last = (share[s, past[-1], i] * activity[s, past[-1]]).argmax()
                totals["switches"] += made.sum() - made[last]
    mass = max(1.0, totals.pop("mass"))
    return {name: total / (mass if name == "distance" else max(1, rows.sum())) for name, total in totals.items()}


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (2, 3), (4, 2), (10, 10), (0, 2), (2, 0)])
def test_terms_follow_their_definition(n: int, m: int, generator: torch.Generator) -> None:
    shape = (2, 6, n, m)
    logits = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    distance = torch.rand(shape, generator=generator, dtype=torch.float64)
    rows, columns = (random_mask(2, 6, size, generator=generator) for size in (n, m))
    activity = torch.rand(2, 6, m, generator=generator, dtype=torch.float64).sqrt()
    identity = torch.randint(0, 2, (2, 6, n), generator=generator).sort(1).values
    terms = TrackingLoss(Given(logits)).terms(distance, rows, columns, activity=activity, identity=identity)
    probability = logits.sigmoid() * (rows.unsqueeze(3) & columns.unsqueeze(2))
    arrays = (tensor.numpy() for tensor in (probability, distance, rows, activity * columns, identity))
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(defined(*arrays))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (2, 4), (10, 10)])
@pytest.mark.parametrize("gate", [None, 0.6])
def test_with_the_hard_truth_the_loss_is_one_minus_mota_and_the_mean_distance(
    n: int, m: int, gate: float | None, generator: torch.Generator
) -> None:
    distance = torch.rand(3, 20, n, m, generator=generator, dtype=torch.float64)
    masks = [random_mask(3, 20, size, generator=generator) for size in (n, m)]
    truth = clear_association(distance, *masks, gate=gate)
    counts = clear_mot(distance, *masks, gate=gate)
    terms = TrackingLoss(Given.hard(truth)).terms(distance, *masks)
    assert sum(terms[name] for name in MOTA_TERMS).item() == pytest.approx(1 - counts.mota, abs=1e-12)
    assert terms["distance"].item() == pytest.approx(counts.mean_distance, abs=1e-12)
    for name, count in zip(MOTA_TERMS, (counts.false_positives, counts.misses, counts.switches), strict=True):
        assert terms[name].item() == pytest.approx(count / counts.references, abs=1e-12)


def test_a_gated_solver_as_matcher_gives_the_metrics_of_its_matches(generator: torch.Generator) -> None:
    distance = torch.rand(2, 30, 3, 3, generator=generator)
    counts = localization(distance, gate=0.3)
    terms = TrackingLoss(hnetzoo.load_model("hungarian-gated", gate=0.3)).terms(distance)
    assert sum(terms[name] for name in MOTA_TERMS).item() == pytest.approx(1 - counts.mota, abs=1e-6)
    assert terms["distance"].item() == pytest.approx(counts.mean_distance, abs=1e-6)


def test_values_equal_a_hand_worked_example() -> None:
    """One source, two predictions: sure of the first, less sure, sure of the second, and then it is gone."""
    probability = torch.tensor([[1.0, 0.0], [0.5, 0.25], [0.0, 1.0], [0.0, 0.0]]).view(1, 4, 1, 2)
    distance = torch.tensor([[0.2, 2.0], [0.4, 0.8], [2.0, 0.1], [1.0, 1.0]]).view(1, 4, 1, 2)
    rows = torch.tensor([True, True, True, False]).view(1, 4, 1)
    terms = TrackingLoss(Given(probability.logit())).terms(distance, rows)
    assert terms["misses"].item() == pytest.approx(0.25 / 3)
    assert terms["false_positives"].item() == pytest.approx((1 + 0.5 + 0.75 + 1 + 2) / 3)
    assert terms["switches"].item() == pytest.approx((0.25 + 1) / 3)
    assert terms["distance"].item() == pytest.approx((0.2 + 0.5 * 0.4 + 0.25 * 0.8 + 0.1) / 2.75)


@pytest.mark.parametrize("name", MATCHERS)
def test_gradients_of_dmota_are_right_through_the_matchers_of_the_zoo(name: str, generator: torch.Generator) -> None:
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


def test_the_mean_distance_does_not_drive_far_pairs_apart() -> None:
    """Two pairs, at 0.1 and at 1.9: only coming nearer may make the distance term smaller."""
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
def test_empty_batches_count_what_is_there(shape: tuple[int, ...]) -> None:
    b, t, n, m = shape
    predictions = torch.zeros(b, t, m, 3, requires_grad=True)
    loss = TrackingLoss(hnetzoo.load_model("hnetgru"))(torch.zeros(b, t, n, 3), predictions)
    loss.backward()
    assert loss.item() == b * t * (n + m) / max(1, b * t * n) if not (n and m) else loss.item() == 0
    assert predictions.grad.isfinite().all()


def test_forbidden_pairs_have_no_part_and_no_gradient() -> None:
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


def test_a_matcher_can_be_trained_along(generator: torch.Generator) -> None:
    matcher = Affinity()
    loss = TrackingLoss(matcher, train_matcher=True)
    assert matcher.training
    assert not loss.eval().matcher.training
    sum(loss.terms(torch.rand(1, 2, 2, 2, generator=generator)).values()).backward()
    assert list(loss.parameters()) == [matcher.scale]
    assert matcher.scale.grad != 0


def test_a_frozen_matcher_runs_without_cudnn_which_cannot_go_back_in_eval_mode() -> None:
    seen = []

    class Probe(Affinity):
        def forward(self, *arguments: Tensor) -> Tensor:
            seen.append(torch.backends.cudnn.enabled)
            return super().forward(*arguments)

    for train_matcher in (False, True):
        TrackingLoss(Probe(), train_matcher=train_matcher).terms(torch.zeros(1, 1, 1, 1))
    assert seen == [False, torch.backends.cudnn.enabled]


@pytest.mark.parametrize("variant", ["deepmot", "doa-net"])
def test_a_given_association_takes_the_place_of_the_matchers_answer(
    variant: TrackingVariant, generator: torch.Generator
) -> None:
    loss = TrackingLoss(Affinity(), variant=variant)
    distance = torch.rand(2, 5, 2, 3, generator=generator)
    rows = random_mask(2, 5, 2, generator=generator)
    association = loss.associate(distance, rows)
    asked, charged = loss.terms(distance, rows), loss.terms(3 * distance, rows, association=association)
    for name, factor in zip(TERMS, (1, 1, 1, 3), strict=True):
        torch.testing.assert_close(charged[name], factor * asked[name])


def test_a_given_association_counts_only_inside_the_masks_and_where_pairs_are_allowed() -> None:
    distance = torch.tensor([[[[0.5, torch.inf], [0.25, torch.nan]]]])
    rows = torch.tensor([[[True, False]]])
    terms = TrackingLoss(Affinity()).terms(distance, rows, association=torch.full((1, 1, 2, 2), 0.5))
    assert [term.item() for term in terms.values()] == [0.5 + 1.0, 0.5, 0.0, 0.5 * 0.5]


def test_distances_that_are_no_number_are_refused_beside_a_given_association() -> None:
    association, distance = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), torch.nan)
    for loss in (TrackingLoss(Affinity()), PermutationInvariantLoss()):
        with pytest.raises(DataError, match=r"^distance is nan"):
            loss.terms(distance, association=association)
        with pytest.raises(ShapeError, match=r"^association is \[1, 1, 1\]; sequences \[1, 1, 1, 1\] need"):
            loss.terms(distance.nan_to_num(), association=association[0])


def test_gradients_flow_into_a_given_association(generator: torch.Generator) -> None:
    loss, distance = TrackingLoss(Affinity()), torch.rand(1, 2, 2, 2, generator=generator)
    near = distance.clone().requires_grad_()
    sum(loss.terms(distance, association=loss.associate(near)).values()).backward()
    assert near.grad.any()


def test_weights_scale_terms_by_name(generator: torch.Generator) -> None:
    distance = torch.rand(2, 5, 2, 3, generator=generator)
    plain = TrackingLoss(Affinity()).terms(distance)
    weighted = TrackingLoss(Affinity(), weights={"switches": 3.0, "distance": 0.0}).terms(distance)
    for name, factor in zip(TERMS, (1, 1, 3, 0), strict=True):
        torch.testing.assert_close(weighted[name], factor * plain[name])


def test_the_call_sums_the_terms_of_the_distances(generator: torch.Generator) -> None:
    references, predictions = directions(2, 3, 2, generator=generator), directions(2, 3, 4, generator=generator)
    loss = TrackingLoss(Affinity()).double()
    terms = loss.terms(chordal_distance(references, predictions))
    torch.testing.assert_close(loss(references, predictions), sum(terms.values()))


def test_the_temperature_divides_the_logits(generator: torch.Generator) -> None:
    logits, distance = torch.randn(2, 5, 2, 3, generator=generator), torch.rand(2, 5, 2, 3, generator=generator)
    warm = TrackingLoss(Given(3 * logits), temperature=3.0)
    torch.testing.assert_close(warm.terms(distance), TrackingLoss(Given(logits)).terms(distance))
    torch.testing.assert_close(warm.associate(distance), logits.sigmoid())


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"^unknown term of TrackingLoss 'switch'; did you mean 'switches'\?"):
        TrackingLoss(Affinity(), weights={"switch": 1.0})
    with pytest.raises(ConfigError, match=r"^unknown variant 'doanet' of TrackingLoss"):
        TrackingLoss(Affinity(), variant="doanet")
    with pytest.raises(ConfigError, match=r"^temperature is 0; it must be positive$"):
        TrackingLoss(Affinity(), temperature=0)
    with pytest.raises(ShapeError, match=r"^expected sequences \[b, t, n, m\], got \[2, 2, 2\]"):
        TrackingLoss(Affinity()).terms(torch.rand(2, 2, 2))
    with pytest.raises(ShapeError, match=r"^activity is \[1, 3\]; sequences \[1, 3, 2, 2\] need \[1, 3, 2\]$"):
        TrackingLoss(Affinity()).terms(torch.rand(1, 3, 2, 2), activity=torch.rand(1, 3))
    with pytest.raises(DataError, match=r"^distance is nan at problem 0"):
        TrackingLoss(Affinity()).terms(torch.full((1, 1, 1, 1), torch.nan))
