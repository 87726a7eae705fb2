"""Perturbed assignment against its expectation: closed forms, scipy, and finite differences."""

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch.distributions import Normal

import hnetzoo

MANY = 40_000
SHAPES = [(1, 1), (2, 2), (3, 5), (6, 4), (8, 8)]
NORMAL = Normal(0.0, 1.0)


def problems(n: int, m: int, b: int = 20, largest: float = 3.0) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * largest


def share_and_gradient(distance: torch.Tensor, cell: tuple[int, int], **settings: object) -> tuple[float, torch.Tensor]:
    """Return the probability of an entry of one problem [n, m], and its gradient."""
    given = distance.double().unsqueeze(0).requires_grad_()
    share = hnetzoo.load_model("perturbed", samples=MANY, **settings)(given).sigmoid()[0, cell[0], cell[1]]
    (gradient,) = torch.autograd.grad(share, given)
    return float(share.detach()), gradient.squeeze(0)


@pytest.mark.parametrize("distance", [0.7, 1.0, 1.2])
def test_single_pair_follows_the_normal_distribution(distance: float) -> None:
    sigma, gate = 0.3, 1.0
    share, gradient = share_and_gradient(torch.tensor([[distance]]), (0, 0), sigma=sigma, gate=gate)
    distance_to_gate = torch.tensor((gate - distance) / sigma)
    assert share == pytest.approx(float(NORMAL.cdf(distance_to_gate)), abs=0.01)
    assert float(gradient) == pytest.approx(-float(NORMAL.log_prob(distance_to_gate).exp()) / sigma, abs=0.03)


def test_two_by_two_follows_the_normal_distribution() -> None:
    distance, sigma = torch.tensor([[0.2, 0.5], [0.7, 0.8]]), 0.3
    margin = float(distance[0, 0] + distance[1, 1] - distance[0, 1] - distance[1, 0])
    deviation = 2 * sigma  # of the sum of four independent noises
    share, gradient = share_and_gradient(distance, (0, 0), sigma=sigma, gate="off")
    assert share == pytest.approx(float(NORMAL.cdf(torch.tensor(-margin / deviation))), abs=0.01)
    slope = -float(NORMAL.log_prob(torch.tensor(margin / deviation)).exp()) / deviation
    torch.testing.assert_close(gradient.float(), slope * torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), atol=0.03, rtol=0)


def test_gradients_are_those_of_finite_differences_with_common_noise() -> None:
    distance, step = problems(2, 3, 1, largest=1.0).squeeze(0).double(), 0.05
    settings = {"sigma": 0.3, "gate": 0.9}
    _, gradient = share_and_gradient(distance, (0, 1), **settings)
    for row in range(2):
        for column in range(3):
            moved = [distance.clone(), distance.clone()]
            moved[0][row, column] -= step
            moved[1][row, column] += step
            below, above = (share_and_gradient(matrix, (0, 1), **settings)[0] for matrix in moved)
            assert float(gradient[row, column]) == pytest.approx((above - below) / (2 * step), abs=0.04)
    assert gradient.abs().max() > 0.2


def test_gradient_of_any_loss_is_the_weighted_gradient_of_the_entries() -> None:
    distance = problems(2, 2, 1).double()
    weight = torch.tensor([[[0.3, -1.0], [2.0, 0.5]]], dtype=torch.float64)
    model = hnetzoo.load_model("perturbed", sigma=0.5)
    given = distance.clone().requires_grad_()
    (model(given).sigmoid() * weight).sum().backward()
    by_cell = torch.autograd.functional.jacobian(lambda matrix: model(matrix).sigmoid(), distance)
    assert given.grad is not None
    torch.testing.assert_close(given.grad, torch.einsum("bnm,bnmcij->cij", weight, by_cell))


@pytest.mark.parametrize("shape", SHAPES)
def test_limit_without_gate_is_scipys_assignment(shape: tuple[int, int]) -> None:
    distance = problems(*shape)
    logits = hnetzoo.load_model("perturbed", sigma=1e-6, gate="off")(distance)
    for matrix, pairs in zip(distance, logits > 0, strict=True):
        rows, columns = linear_sum_assignment(matrix.numpy())
        assert pairs.nonzero().tolist() == [list(pair) for pair in zip(rows, columns, strict=True)]
    torch.testing.assert_close(logits.abs(), torch.full_like(logits, math.log(65)))


@pytest.mark.parametrize("shape", SHAPES)
def test_limit_with_gate_has_the_largest_total_below_the_gate(shape: tuple[int, int]) -> None:
    distance, gate = problems(*shape), 0.8
    n, m = shape
    found = hnetzoo.decode(hnetzoo.load_model("perturbed", sigma=1e-6, gate=gate)(distance))
    for matrix, pairs in zip(distance, found, strict=True):
        with_unmatched = torch.full((n + m, n + m), gate / 2)  # an unmatched row or column costs half a gate
        with_unmatched[:n, :m] = matrix
        with_unmatched[n:, m:] = 0.0
        best = torch.zeros(n + m, n + m, dtype=torch.bool)
        best[linear_sum_assignment(with_unmatched.numpy())] = True
        assert torch.equal(pairs, best[:n, :m])


def test_share_is_the_mean_over_noise() -> None:
    matrix, sigma = problems(5, 6, 1, largest=1.0)[0], 0.2
    noise = torch.randn(2000, 5, 6, generator=torch.Generator().manual_seed(0))
    expected = hnetzoo.assign(matrix + sigma * noise).double().mean(0)
    found = hnetzoo.load_model("perturbed", sigma=sigma, gate="off", samples=2000)(matrix.unsqueeze(0)).sigmoid()
    torch.testing.assert_close(found[0].double(), expected, atol=0.06, rtol=0)


def test_noise_depends_only_on_seed_and_entry() -> None:
    distance = problems(3, 4, 6)
    model, other = (hnetzoo.load_model("perturbed", seed=seed, sigma=0.5) for seed in (0, 1))
    together = model(distance)
    assert torch.equal(together, model(distance))
    assert torch.equal(together, torch.cat([model(one.unsqueeze(0)) for one in distance]))
    assert not torch.equal(together, other(distance))
    swapped = model(distance.mT).mT
    assert not torch.equal(together, swapped)


def test_padding_to_a_larger_size_changes_nothing() -> None:
    distance = problems(3, 4)
    padded = torch.full((20, 7, 6), torch.nan)
    padded[:, :3, :4] = distance
    row_mask, col_mask = (torch.arange(count) < real for count, real in ((7, 3), (6, 4)))
    model = hnetzoo.load_model("perturbed", sigma=0.5)
    logits = model(padded, row_mask.expand(20, 7), col_mask.expand(20, 6))
    assert torch.equal(logits[:, :3, :4], model(distance))
    assert (logits[:, 3:] == -100).all()


def test_fresh_noise_differs_between_calls_and_problems() -> None:
    distance = problems(3, 3, 1).expand(2, 3, 3)
    model = hnetzoo.load_model("perturbed", seed="fresh", sigma=1.0)
    torch.manual_seed(0)
    first, second = model(distance), model(distance)
    torch.manual_seed(0)
    assert torch.equal(first, model(distance))
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_ties_stay_undecided_unless_the_problem_itself_is_among_the_samples() -> None:
    tie = torch.tensor([[[0.5, 0.5], [0.5, 0.5]]])
    even, odd = (hnetzoo.load_model("perturbed", samples=samples)(tie) for samples in (32, 33))
    assert (even == 0).all()
    assert torch.equal(odd > 0, hnetzoo.assign(tie))


def test_one_sample_is_the_exact_solver() -> None:
    distance = problems(5, 4).requires_grad_()
    logits = hnetzoo.load_model("perturbed", samples=1, gate="off")(distance)
    assert torch.equal(logits > 0, hnetzoo.assign(distance))
    assert (logits == 0).sum() == 0


@pytest.mark.parametrize("gate", [0.8, "off"])
def test_masked_slots_are_never_chosen_and_may_hold_anything(gate: float | str) -> None:
    distance = problems(4, 5)
    row_mask = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    col_mask = torch.rand(20, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    cells = hnetzoo.valid_cells(row_mask, col_mask)
    model = hnetzoo.load_model("perturbed", gate=gate, sigma=0.3)
    answers = []
    for outside in (0.0, torch.nan, -torch.inf):
        spoiled = distance.masked_fill(~cells, outside)
        kept = spoiled.clone()
        answers.append(model(spoiled, row_mask, col_mask))
        assert torch.equal(spoiled.nan_to_num(), kept.nan_to_num())
    assert all(torch.equal(answer, answers[0]) for answer in answers)
    assert (answers[0][~cells] == -100).all()
    assert (answers[0] > 0).any()


@pytest.mark.parametrize("gate", [0.8, "off"])
@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 3), (2, 3, 0), (2, 0, 0)])
def test_empty_problems_have_no_pairs_and_an_empty_gradient(shape: tuple[int, int, int], gate: float | str) -> None:
    distance = torch.zeros(shape, requires_grad=True)
    logits = hnetzoo.load_model("perturbed", gate=gate)(distance)
    assert logits.shape == shape
    logits.sum().backward()


def test_infinite_distances_forbid_pairs() -> None:
    distance = torch.tensor([[[0.1, torch.inf], [0.1, 0.5]], [[torch.inf, torch.inf], [0.2, 0.1]]])
    for gate in (1.0, "off"):
        logits = hnetzoo.load_model("perturbed", gate=gate, sigma=0.01)(distance)
        assert (logits > 0).int().tolist() == [[[1, 0], [0, 1]], [[0, 0], [0, 1]]]
        assert logits.isfinite().all()


@pytest.mark.parametrize("n", [2, 8, 32])
def test_gradients_reach_the_distances(n: int) -> None:
    distance = problems(n, n, 8, largest=1.0).requires_grad_()
    logits = hnetzoo.load_model("perturbed")(distance)
    (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert (distance.grad != 0).flatten(1).any(1).float().mean() >= 0.5


def test_gradients_stay_inside_the_masks() -> None:
    row_mask = torch.tensor([[True, False, True]])
    distance = torch.tensor([[[0.3, torch.inf], [torch.nan, 0.1], [0.4, 0.3]]], requires_grad=True)
    hnetzoo.load_model("perturbed", sigma=0.5, gate=0.4)(distance, row_mask).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad.nonzero().tolist() == [[0, 0, 0], [0, 2, 0], [0, 2, 1]]


def test_far_slots_stay_unmatched() -> None:
    distance = torch.tensor([[[150.0, 90.0], [0.3, 120.0]], [[1.9, 30.0], [40.0, 1.99]]])
    found = hnetzoo.decode(hnetzoo.load_model("perturbed")(distance))
    assert found.int().tolist() == [[[0, 0], [1, 0]], [[1, 0], [0, 1]]]


def test_there_are_no_parameters() -> None:
    spec = hnetzoo.discover().model("perturbed")
    assert spec.tags == {"non-learned", "order-dependent", "surrogate-gradient"}
    assert list(hnetzoo.load_model("perturbed").state_dict()) == []


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(value: float) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"^distance is (nan|-inf) at problem 0, row 0, column 1"):
        hnetzoo.load_model("perturbed")(torch.tensor([[[0.1, value]]]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"samples": 0}, "samples"), ({"seed": -1}, "seed"), ({"gate": 0}, "gate"), ({"sigma": 0}, "sigma")],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        hnetzoo.load_model("perturbed", **settings)
