"""Sinkhorn against a plain transport loop, exact assignment, and finite differences."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch.autograd import gradcheck

import hnetzoo

Floats = NDArray[np.float64]
SHAPES = [(1, 1), (2, 2), (3, 5), (6, 4), (8, 8)]
SOFT = {"start_temperature": 0.3, "end_temperature": 0.3, "scale": 1.0}
UNMATCHED = ["never", 0.6]


def problems(n: int, m: int, b: int = 20, largest: float = 3.0) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * largest


def directions(n: int, m: int, b: int) -> torch.Tensor:
    """Return chords between independent uniform random directions."""
    generator = torch.Generator().manual_seed(n)
    sides = (torch.randn(b, size, 3, generator=generator) for size in (n, m))
    return torch.cdist(*(torch.nn.functional.normalize(side, dim=-1) for side in sides))


def textbook_plan(distance: Floats, temperature: float, unmatched: float | str, iterations: int = 5000) -> Floats:
    """Return the plan of one problem by the textbook loop of scalings, with a private bin for every slot."""
    n, m = distance.shape
    if unmatched == "never":
        row_bin, col_bin = float(n > m), float(m > n)  # exp(-0) where slots of the larger side are left, exp(-inf) = 0
    else:
        row_bin = col_bin = np.exp(-float(unmatched) / temperature)
    kernel, u, v = np.exp(-distance / temperature), np.ones(n), np.ones(m)
    for _ in range(iterations):
        u = 1 / (kernel @ v + row_bin)
        v = 1 / (kernel.T @ u + col_bin)
    plan: Floats = u[:, None] * kernel * v
    return plan


def exact_share(model: torch.nn.Module, distance: torch.Tensor) -> float:
    with torch.no_grad():
        found = hnetzoo.decode(model(distance))
    return (found == hnetzoo.assign(distance)).flatten(1).all(1).float().mean().item()


@pytest.mark.parametrize("relaxation", [1.0, 1.5])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("unmatched", UNMATCHED)
def test_converged_mass_is_that_of_the_textbook_loop(
    shape: tuple[int, int], unmatched: float | str, relaxation: float
) -> None:
    distance = problems(*shape).double()
    model = hnetzoo.load_model("sinkhorn", unmatched=unmatched, relaxation=relaxation, iterations=3000, **SOFT)
    expected = np.stack([textbook_plan(matrix, 0.3, unmatched) for matrix in distance.numpy()])
    np.testing.assert_allclose(model(distance).sigmoid().numpy(), expected, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_never_unmatched_is_scipys_assignment(shape: tuple[int, int]) -> None:
    distance = problems(*shape)
    found = hnetzoo.decode(hnetzoo.load_model("sinkhorn")(distance))
    for matrix, pairs in zip(distance, found, strict=True):
        rows, columns = linear_sum_assignment(matrix.numpy())
        assert pairs.nonzero().tolist() == [list(pair) for pair in zip(rows, columns, strict=True)]


@pytest.mark.parametrize("shape", SHAPES)
def test_pairs_are_made_if_they_cost_less_than_leaving_both_slots_unmatched(shape: tuple[int, int]) -> None:
    distance, cost = problems(*shape), 0.4
    found = hnetzoo.decode(hnetzoo.load_model("sinkhorn", unmatched=cost)(distance))
    saved = distance - 2 * cost
    best = hnetzoo.assign(saved.clamp(max=0)) & (saved < 0)
    assert torch.equal(found, best)
    assert 0 < found.sum() < len(distance) * min(shape)


@pytest.mark.parametrize(("distance", "paired"), [(0.79, True), (0.81, False)])
def test_a_single_pair_is_made_below_twice_the_unmatched_cost(distance: float, paired: bool) -> None:
    model = hnetzoo.load_model("sinkhorn", unmatched=0.4)
    assert bool(model(torch.tensor([[[distance]]])) > 0) is paired


@pytest.mark.parametrize(
    ("n", "m", "b", "share"),
    [
        (4, 4, 500, 0.999),
        (8, 8, 300, 0.99),
        (16, 16, 100, 0.99),
        (32, 32, 50, 0.97),
        (64, 64, 20, 0.9),
        (8, 16, 300, 0.99),
    ],
)
@pytest.mark.parametrize("draw", [directions, problems])
def test_default_annealing_finds_the_optimum(draw: object, n: int, m: int, b: int, share: float) -> None:
    assert callable(draw)
    assert exact_share(hnetzoo.load_model("sinkhorn"), draw(n, m, b)) >= share


def test_over_relaxation_needs_far_fewer_iterations_than_plain_updates() -> None:
    distance = directions(32, 32, 50)
    plain, relaxed = (hnetzoo.load_model("sinkhorn", relaxation=weight) for weight in (1.0, 1.8))
    assert exact_share(plain, distance) < 0.8
    assert exact_share(relaxed, distance) > 0.95


@pytest.mark.parametrize("unit", [1e-6, 0.01, 57.3, 1e6])
def test_the_unit_of_the_distances_does_not_matter(unit: float) -> None:
    distance, model = directions(6, 9, 200), hnetzoo.load_model("sinkhorn")
    assert torch.equal(hnetzoo.decode(model(distance * unit)), hnetzoo.decode(model(distance)))
    gated = (
        hnetzoo.load_model("sinkhorn", unmatched=cost)(distance * factor)
        for cost, factor in ((0.3, 1), (0.3 * unit, unit))
    )
    first, other = (hnetzoo.decode(logits) for logits in gated)
    assert torch.equal(first, other)


@pytest.mark.parametrize("distance", [0.0, 0.01, 1.9, 1e5])
def test_one_row_and_one_column_are_always_paired(distance: float) -> None:
    assert hnetzoo.decode(hnetzoo.load_model("sinkhorn")(torch.tensor([[[distance]]]))).all()


@pytest.mark.parametrize("settings", [{}, {"unmatched": 0.8}, {"relaxation": 1.0, "iterations": 10}])
def test_one_problem_alone_is_solved_as_in_a_batch(settings: dict[str, object]) -> None:
    distance = torch.cat((problems(4, 5), problems(4, 5, largest=0.1)))
    model = hnetzoo.load_model("sinkhorn", **settings)
    alone = torch.cat([model(one.unsqueeze(0)) for one in distance])
    torch.testing.assert_close(model(distance), alone, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("unmatched", [0.8, "never"])
def test_masked_problem_is_solved_as_the_problem_cut_out(unmatched: float | str) -> None:
    distance = problems(4, 5)
    row_mask = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    col_mask = torch.rand(20, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    model = hnetzoo.load_model("sinkhorn", unmatched=unmatched)
    cells = hnetzoo.valid_cells(row_mask, col_mask)
    for outside in (0.0, torch.nan, -torch.inf):
        spoiled = distance.masked_fill(~cells, outside)
        kept = spoiled.clone()
        logits = model(spoiled, row_mask, col_mask)
        assert torch.equal(spoiled.nan_to_num(), kept.nan_to_num())
        assert logits.isfinite().all()
        assert not (hnetzoo.decode(logits) & ~cells).any()
        for k in range(20):
            cut = model(distance[k : k + 1, row_mask[k]][:, :, col_mask[k]]).squeeze(0)
            torch.testing.assert_close(logits[k, row_mask[k]][:, col_mask[k]], cut, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("unmatched", [0.8, "never"])
@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 3), (2, 3, 0), (2, 0, 0)])
def test_empty_problems_have_no_pairs(shape: tuple[int, int, int], unmatched: float | str) -> None:
    assert hnetzoo.load_model("sinkhorn", unmatched=unmatched)(torch.zeros(shape)).shape == shape


@pytest.mark.parametrize("unmatched", [0.8, "never"])
def test_fully_masked_problems_have_no_pairs(unmatched: float | str) -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    model = hnetzoo.load_model("sinkhorn", unmatched=unmatched)
    logits = model(torch.full((2, 3, 3), torch.nan), nothing, ~nothing)
    assert (logits == -100).all()


@pytest.mark.parametrize("unmatched", [0.8, "never"])
def test_infinite_distances_forbid_pairs(unmatched: float | str) -> None:
    inf = torch.inf
    distance = torch.tensor([[[0.1, inf], [0.1, 0.5]], [[inf, inf], [0.2, 0.1]]])
    logits = hnetzoo.load_model("sinkhorn", unmatched=unmatched)(distance)
    assert (logits > 0).int().tolist() == [[[1, 0], [0, 1]], [[0, 0], [0, 1]]]
    assert logits.isfinite().all()


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_as_many_pairs_as_possible_are_made_among_those_not_forbidden(share: float) -> None:
    distance = problems(5, 6, 200)
    forbidden = torch.rand(distance.shape, generator=torch.Generator().manual_seed(0)) < share
    distance = distance.masked_fill(forbidden, torch.inf)
    assert exact_share(hnetzoo.load_model("sinkhorn"), distance) >= 0.95


def test_far_slots_stay_unmatched_at_a_cost() -> None:
    distance = torch.tensor([[[150.0, 90.0], [0.3, 120.0]], [[1.9, 30.0], [40.0, 1.99]]])
    found = hnetzoo.decode(hnetzoo.load_model("sinkhorn", unmatched=1.5)(distance))
    assert found.int().tolist() == [[[0, 0], [1, 0]], [[1, 0], [0, 1]]]


def test_output_follows_the_order_of_rows_and_columns() -> None:
    generator = torch.Generator().manual_seed(0)
    distance = problems(7, 5)
    rows, columns = (torch.randperm(count, generator=generator) for count in (7, 5))
    model = hnetzoo.load_model("sinkhorn")
    expected, found = model(distance)[:, rows][:, :, columns], model(distance[:, rows][:, :, columns])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("n", [2, 8, 32])
def test_every_distance_gets_a_gradient(n: int) -> None:
    distance = directions(n, n, 8).requires_grad_()
    logits = hnetzoo.load_model("sinkhorn")(distance)
    (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert (distance.grad != 0).all()


def test_training_stops_at_a_warm_plan_that_passes_gradients() -> None:
    """Answers are cold; the median gradient through probabilities at that temperature would be next to nothing."""
    reference = directions(8, 8, 64)
    norms = {}
    for temperature in (6e-5, 0.02):
        distance = reference.clone().requires_grad_()
        model = hnetzoo.load_model("sinkhorn", training_temperature=temperature)
        model(distance).sigmoid().diagonal(dim1=1, dim2=2).sum().backward()
        assert distance.grad is not None
        norms[temperature] = distance.grad.flatten(1).norm(dim=1).median().item()
    assert norms[6e-5] < 1e-4 < 1e-2 < norms[0.02]


@pytest.mark.parametrize("matcher", ["sinkhorn", "exchangeable"])
@pytest.mark.parametrize("unit", [0.01, 1.0, 57.3])
def test_a_near_tie_is_uncertain_in_training_and_a_clear_case_is_not(matcher: str, unit: float) -> None:
    """In any unit; answers are certain of both."""
    model = hnetzoo.load_model(matcher, unmatched="never")
    distance = unit * torch.tensor([[[0.5, 0.505], [0.505, 0.5]], [[0.1, 0.9], [0.9, 0.1]]])
    tie, clear = model(distance.clone().requires_grad_()).sigmoid()[:, 0, 0].tolist()
    assert 0.5 < tie < 0.9
    assert clear > 0.999
    assert (model(distance).sigmoid()[:, 0, 0] > 0.999).all()


@pytest.mark.parametrize("value", [1e-45, torch.finfo(torch.float32).tiny, 1e-30, 1e30, torch.finfo(torch.float32).max])
@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 3, 4)])
def test_gradients_are_finite_for_the_smallest_and_largest_numbers(value: float, shape: tuple[int, int, int]) -> None:
    for distance in (torch.full(shape, value), torch.full(shape, value).index_fill_(2, torch.tensor([0]), 0.5)):
        distance.requires_grad_()
        logits = hnetzoo.load_model("sinkhorn")(distance)
        logits.sum().backward()
        assert logits.isfinite().all()
        assert distance.grad is not None
        assert distance.grad.isfinite().all()


def test_gradients_stay_finite_and_inside_the_masks() -> None:
    row_mask, col_mask = torch.tensor([[True, False]] * 2), torch.tensor([[True, True], [False, False]])
    distance = torch.tensor([[[0.3, torch.inf], [torch.nan, 0.1]]] * 2, requires_grad=True)
    hnetzoo.load_model("sinkhorn", unmatched=0.4)(distance, row_mask, col_mask).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad.nonzero().tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("unmatched", UNMATCHED)
@pytest.mark.parametrize("relaxation", [1.0, 1.6])
def test_gradients_are_those_of_finite_differences(unmatched: float | str, relaxation: float) -> None:
    """With temperatures in units of distance; those in units of the problem's scale are constants to the gradient."""
    temperatures = {"start_temperature": 0.5, "end_temperature": 0.2, "iterations": 60, "scale": 1.0}
    model = hnetzoo.load_model("sinkhorn", unmatched=unmatched, relaxation=relaxation, **temperatures)
    row_mask = torch.tensor([[True, True, True], [True, False, True]])
    distance = problems(3, 4, 2, largest=1.0).double().requires_grad_()
    assert model(distance).dtype == torch.float64
    assert gradcheck(lambda matrix: model(matrix, row_mask), (distance,))


def test_logits_beyond_20_grow_slowly_and_keep_their_order() -> None:
    distance = torch.linspace(0.01, 30.0, 50).reshape(50, 1, 1)
    temperatures = {"start_temperature": 0.1, "end_temperature": 0.1, "scale": 1.0, "relaxation": 1.0}
    logits = hnetzoo.load_model("sinkhorn", unmatched=1.5, **temperatures)(distance).flatten()
    assert (logits.diff() < 0).all()
    assert logits.abs().max() < 40


def test_there_are_no_parameters() -> None:
    spec = hnetzoo.discover().model("sinkhorn")
    assert spec.tags == {"non-learned"}
    assert list(hnetzoo.load_model("sinkhorn").state_dict()) == []


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(value: float) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"^distance is (nan|-inf) at problem 0, row 0, column 1"):
        hnetzoo.load_model("sinkhorn")(torch.tensor([[[0.1, value]]]))


def test_masks_of_another_shape_are_refused() -> None:
    with pytest.raises(hnetzoo.ShapeError, match="row_mask is bool"):
        hnetzoo.load_model("sinkhorn")(torch.rand(1, 2, 2), torch.ones(1, 3, dtype=torch.bool))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start_temperature": 1e-5}, "start_temperature 1e-05 is below end_temperature 6e-05"),
        ({"relaxation": 2.0}, "relaxation"),
        ({"unmatched": -1}, "unmatched"),
        ({"unmatched": "always"}, "unmatched"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        hnetzoo.load_model("sinkhorn", **settings)


@pytest.mark.parametrize("tie", [[[0.5, 0.5]], [[17.0, 17.0], [0.0, 0.0]], [[17.0, 17.0], [0.3, 0.3]]], ids=str)
@pytest.mark.parametrize("unmatched", ["never", 20.0])
def test_a_tie_makes_no_pair_on_either_axis(tie: list[list[float]], unmatched: float | str) -> None:
    model, distance = hnetzoo.load_model("sinkhorn", unmatched=unmatched), torch.tensor([tie])
    precise = distance.double()
    first, other = model(precise), model(precise.mT.contiguous()).mT
    torch.testing.assert_close(first.sigmoid(), other.sigmoid(), atol=1e-4, rtol=0)
    logits, transposed = model(distance), model(distance.mT.contiguous()).mT
    assert not hnetzoo.decode(logits).any()
    assert not hnetzoo.decode(transposed).any()


@pytest.mark.parametrize("iterations", [1, 10, 100])
def test_no_row_or_column_exceeds_its_mass(iterations: int) -> None:
    distance = torch.cat((problems(5, 4), problems(5, 4).round()))
    mass = hnetzoo.load_model("sinkhorn", iterations=iterations, unmatched=1.0)(distance.double()).sigmoid()
    assert mass.sum(1).max() < 1 + 1e-7
    assert mass.sum(2).max() < 1 + 1e-7


@pytest.mark.parametrize("unmatched", ["never", 0.3])
def test_a_rectangle_and_its_transpose_have_equal_masses(unmatched: float | str) -> None:
    model, distance = hnetzoo.load_model("sinkhorn", unmatched=unmatched), problems(3, 5).double()
    swapped = model(distance.mT.contiguous()).mT
    torch.testing.assert_close(swapped.sigmoid(), model(distance).sigmoid(), atol=1e-4, rtol=0)
    tie = torch.tensor([[[0.5, 0.5]]], dtype=torch.float64)
    torch.testing.assert_close(model(tie.mT.contiguous()).mT, model(tie), atol=1e-5, rtol=0)
