"""Transport plans: sums of masses, private costs of staying unmatched, scale and schedule."""

import math

import pytest
import torch

import hnetzoo
from hnetzoo.association import potentials
from hnetzoo.association.scale import problem_scale
from hnetzoo.association.transport import Unmatched
from hnetzoo.association.two_slots import pairs_all_it_can

WARM = hnetzoo.Annealing(steps=400, start=0.5, end=0.5, relaxation=1.0)


def costs(b: int, n: int, m: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def everywhere(cost: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(cost, dtype=torch.bool)


@pytest.mark.parametrize("relaxation", [1.0, 1.5])
def test_private_costs_leave_each_slot_its_own_share(relaxation: float) -> None:
    """The optimality conditions of the plan: log mass + cost / T is a sum of a row's and a column's potential.

    A slot keeps the mass exp((potential - cost of staying unmatched) / T) to itself.
    """
    cost, (rows, columns) = costs(20, 4, 5), (costs(20, 4, 1, 1).squeeze(2), costs(20, 1, 5, 2).squeeze(1))
    annealing = WARM._replace(relaxation=relaxation)
    logits = hnetzoo.transport_logits(cost, everywhere(cost), rows, columns, annealing, scale=1.0)
    mass = logits.sigmoid()
    row_potential = 0.5 * (1 - mass.sum(2)).log() + rows
    col_potential = 0.5 * (1 - mass.sum(1)).log() + columns
    expected = ((row_potential.unsqueeze(2) + col_potential.unsqueeze(1) - cost) / 0.5).exp()
    torch.testing.assert_close(mass, expected, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("unmatched", [0.3, "never"])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 3), (16, 16), (17, 16)])
def test_plans_and_gradients_are_those_of_the_other_layout_of_axes(
    n: int, m: int, unmatched: Unmatched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small problems are solved with the batch as the last axis, others with the batch first; some slots are masked."""
    cost, found = costs(5, n, m), []
    allowed = everywhere(cost)
    allowed[1, 0], allowed[2, :, 0] = False, False
    for largest in (0, n * m):
        monkeypatch.setattr(potentials, "SMALL", largest)
        free = cost.clone().requires_grad_()
        sides = hnetzoo.unmatched_costs(cost, allowed, unmatched)
        logits = hnetzoo.transport_logits(free, allowed, *sides, hnetzoo.Annealing(24, end=0.1)).masked_fill(
            ~allowed, 0
        )
        logits.sigmoid().square().sum().backward()  # type: ignore[no-untyped-call]
        found.append((logits.detach(), free.grad))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("dear", [0, 1])
def test_a_slot_that_may_not_stay_unmatched_takes_the_dearer_pair(dear: int) -> None:
    """Both rows want the first column; the row that may stay unmatched at no cost leaves it to the other."""
    cost, rows, columns = torch.tensor([[[0.1, 3.0], [0.2, 3.0]]]), torch.zeros(1, 2), torch.zeros(1, 2)
    rows[0, dear] = math.inf
    found = hnetzoo.transport_logits(cost, everywhere(cost), rows, columns) > 0
    assert found.nonzero().tolist() == [[0, dear, 0]]


@pytest.mark.parametrize("unmatched", [0.05, 0.15, 0.3, 0.6])
@pytest.mark.parametrize(("n", "m"), [(4, 4), (8, 16), (32, 32)])
def test_annealing_finds_the_optimum_with_private_costs(n: int, m: int, unmatched: float) -> None:
    """Uniform costs at which a plan balances both sides by a shift of all potentials, which is slow without help."""
    cost = costs(60, n, m).float()
    saved = cost - 2 * unmatched
    best = hnetzoo.assign(saved.clamp(max=0)) & (saved < 0)
    sides = hnetzoo.unmatched_costs(cost, everywhere(cost), unmatched)
    found = hnetzoo.transport_logits(cost, everywhere(cost), *sides) > 0
    assert (found == best).flatten(1).all(1).float().mean() > 0.98


def test_unmatched_never_costs_nothing_on_the_larger_side_and_everything_on_the_other() -> None:
    cost = costs(1, 2, 3)
    rows, columns = hnetzoo.unmatched_costs(cost, everywhere(cost), "never")
    assert rows.isinf().all()
    assert (columns == 0).all()
    rows, columns = hnetzoo.unmatched_costs(cost.mT, everywhere(cost.mT), "never")
    assert (rows == 0).all()
    assert columns.isinf().all()


def test_slots_without_an_allowed_pair_stay_unmatched_at_no_cost() -> None:
    cost = costs(1, 3, 3)
    allowed = everywhere(cost)
    allowed[0, 1] = allowed[0, :, 2] = False
    for unmatched in ("never", 0.4):
        rows, columns = hnetzoo.unmatched_costs(cost, allowed, unmatched)  # type: ignore[arg-type]
        assert rows[0, 1] == columns[0, 2] == 0
        assert (rows[0, [0, 2]] > 0).all()


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_the_scale_has_the_unit_of_the_costs(unit: float) -> None:
    reduced = costs(10, 4, 5) * (costs(10, 4, 5, 1) > 0.3)
    scale = problem_scale(reduced * unit, everywhere(reduced))
    torch.testing.assert_close(scale / unit, problem_scale(reduced, everywhere(reduced)))
    positive = reduced[0][reduced[0] > 0]
    torch.testing.assert_close(scale[0].item(), unit * positive.log().mean().exp().item())


def test_problems_without_any_difference_have_the_scale_one() -> None:
    zero = torch.zeros(2, 3, 3)
    assert problem_scale(zero, everywhere(zero)).flatten().tolist() == [1.0, 1.0]


def test_offsets_of_rows_and_columns_change_no_plan() -> None:
    cost = costs(20, 5, 5)
    moved = cost + 10 * costs(20, 5, 1, 1) - 7 * costs(20, 1, 5, 2)
    first, other = (
        hnetzoo.transport_logits(
            matrix, everywhere(matrix), *hnetzoo.unmatched_costs(matrix, everywhere(matrix), "never")
        )
        for matrix in (cost, moved)
    )
    assert torch.equal(first > 0, other > 0)


def test_annealing_falls_geometrically_stops_at_the_coldest_and_settles_there() -> None:
    annealing = hnetzoo.Annealing(steps=7, start=16.0, end=1.0)
    torch.testing.assert_close(annealing.temperatures(), [16.0, 8.0, 4.0, 2.0, 1.0, 1.0, 1.0])
    torch.testing.assert_close(annealing.temperatures(coldest=3.0), [16.0, 8.0, 4.0, 4.0, 4.0])
    assert annealing.temperatures(coldest=20.0) == [20.0] * 3
    assert hnetzoo.Annealing(steps=1, start=2.0, end=1.0).temperatures() == [2.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_solved_in_single_precision(dtype: torch.dtype) -> None:
    cost = costs(8, 4, 4).to(dtype)
    sides = hnetzoo.unmatched_costs(cost, everywhere(cost), "never")
    logits = hnetzoo.transport_logits(cost, everywhere(cost), *sides)
    assert logits.dtype == torch.float32
    assert torch.equal(logits > 0, hnetzoo.assign(cost.float()))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 5), (5, 2), (6, 6)])
@pytest.mark.parametrize("unmatched", [0.0, 0.3, 100.0, math.inf])
def test_gradients_to_costs_of_pairs_and_of_staying_unmatched_are_finite(n: int, m: int, unmatched: float) -> None:
    cost = (10 * costs(30, n, m)).float().requires_grad_()
    sides = [torch.full((30, size), unmatched, requires_grad=True) for size in (n, m)]
    allowed = costs(30, n, m, 1) > 0.3
    logits = hnetzoo.transport_logits(cost, allowed, *sides, hnetzoo.Annealing(16, 60.0, 1.0, 1.6), scale=1.0)
    logits.masked_fill(~allowed, 0.0).sum().backward()
    for part in (cost, *sides):
        assert part.grad is not None
        assert part.grad.isfinite().all()


def test_problems_in_which_every_slot_pairs_are_solved_alike_alone_and_beside_rectangles() -> None:
    """Such a batch leaves out the masses that stay unmatched; a problem in which one may stay brings them back."""
    cost = costs(41, 4, 4).float().requires_grad_()
    allowed = everywhere(cost)
    allowed[:20, 3], allowed[:20, :, 1] = False, False  # masked to 3 x 3
    allowed[40, 3] = False
    answers = []
    for problems in (slice(40), slice(41)):
        sides = hnetzoo.unmatched_costs(cost[problems], allowed[problems], "never")
        logits = hnetzoo.transport_logits(cost[problems], allowed[problems], *sides, coldest=0.05)
        logits = logits[:40].masked_fill(~allowed[:40], 0.0)
        answers.append((logits, *torch.autograd.grad(logits.sum(), cost)))
    for alone, beside in zip(*answers, strict=True):
        torch.testing.assert_close(alone, beside, atol=1e-3, rtol=1e-3)


def masked_pairs(b: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return problems of two slots a side with every combination of masks."""
    rows, columns = costs(b, 2, 1, 5) < 0.7, costs(b, 1, 2, 6) < 0.7
    return costs(b, 2, 2, 4) + 0.5, rows & columns


def test_two_slots_in_closed_form_are_the_converged_plan() -> None:
    """The iterations run where no gradient is wanted, and 4,000 of them have converged."""
    cost, allowed = masked_pairs(300)
    sides = hnetzoo.unmatched_costs(cost, allowed, "never")
    converged = hnetzoo.transport_logits(cost, allowed, *sides, hnetzoo.Annealing(4000, 0.5, 0.05, 1.0), scale=1.0)
    annealing = hnetzoo.Annealing(1, 0.05, 0.05)
    closed = hnetzoo.transport_logits(cost.requires_grad_(), allowed, *sides, annealing, scale=1.0)
    torch.testing.assert_close(closed.sigmoid()[allowed], converged.sigmoid()[allowed], atol=2e-4, rtol=0)


def test_the_gradient_of_two_slots_in_closed_form_is_that_of_finite_differences() -> None:
    cost, allowed = masked_pairs(12)

    def mass(distance: torch.Tensor) -> torch.Tensor:
        sides = hnetzoo.unmatched_costs(distance, allowed, "never")
        logits = hnetzoo.transport_logits(distance, allowed, *sides, hnetzoo.Annealing(1, 0.3, 0.3), scale=1.0)
        return logits.sigmoid().masked_fill(~allowed, 0.0)

    assert torch.autograd.gradcheck(mass, cost.requires_grad_())


def test_the_closed_form_is_for_problems_that_pair_all_they_can() -> None:
    cost, allowed = masked_pairs(300)
    assert pairs_all_it_can(allowed, *hnetzoo.unmatched_costs(cost, allowed, "never")).all()
    paired = allowed.flatten(1).any(1)
    for unmatched in (0.0, 0.3):  # the cost of leaving any slot
        assert not pairs_all_it_can(allowed, *hnetzoo.unmatched_costs(cost, allowed, unmatched))[paired].any()


def test_two_slots_are_solved_alike_beside_problems_without_a_closed_form() -> None:
    cost, allowed = costs(6, 2, 2).requires_grad_(), everywhere(costs(6, 2, 2))
    allowed[5, 0, 0] = False
    answers = []
    for problems in (slice(5), slice(6)):
        sides = hnetzoo.unmatched_costs(cost[problems], allowed[problems], "never")
        logits = hnetzoo.transport_logits(cost[problems], allowed[problems], *sides, coldest=0.05)
        answers.append((logits[:5], *torch.autograd.grad(logits[:5].sum(), cost)))
    assert all(torch.equal(alone, beside) for alone, beside in zip(*answers, strict=True))
