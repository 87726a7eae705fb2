"""Sinkhorn against a plain transport loop, exact assignment, and the benchmark's tables."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch.autograd import gradcheck
from torch.nn.functional import one_hot

import hnetzoo

Floats = NDArray[np.float64]
SHAPES = [(1, 1), (2, 2), (3, 5), (6, 4), (8, 8)]
SOFT = {"start_temperature": 0.3, "end_temperature": 0.3}
HARD = {"iterations": 2000, "start_temperature": 1.0, "end_temperature": 1e-3}


def problems(n: int, m: int, b: int = 20, largest: float = 3.0) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * largest


def directions(n: int, b: int) -> torch.Tensor:
    """Return chord distances between independent uniform random directions."""
    points = torch.randn(2, b, n, 3, generator=torch.Generator().manual_seed(n))
    return torch.cdist(*points / points.norm(dim=-1, keepdim=True))


def plain_plan(distance: Floats, temperature: float, dustbin_cost: float | None, iterations: int = 5000) -> Floats:
    """Return the plan of one problem by the textbook loop of scalings, without the dustbins."""
    n, m = distance.shape
    unmatched = 0.0 if dustbin_cost is None else dustbin_cost
    cost = np.pad(distance, (0, 1), constant_values=unmatched)
    cost[n, m] = 0.0
    bins = (max(m - n, 0), max(n - m, 0)) if dustbin_cost is None else (m, n)
    row_mass, col_mass = np.append(np.ones(n), bins[0]), np.append(np.ones(m), bins[1])
    kernel, v = np.exp(-cost / temperature), np.ones(m + 1)
    for _ in range(iterations):
        u = row_mass / (kernel @ v)
        v = col_mass / (kernel.T @ u)
    return (u[:, None] * kernel * v)[:n, :m]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dustbin_cost", [0.6, "off"])
def test_converged_mass_is_that_of_the_textbook_loop(shape: tuple[int, int], dustbin_cost: float | str) -> None:
    distance = problems(*shape).double()
    model = hnetzoo.load_model("sinkhorn", dustbin_cost=dustbin_cost, tolerance=1e-12, **SOFT)
    cost = None if dustbin_cost == "off" else dustbin_cost
    expected = np.stack([plain_plan(matrix, 0.3, cost) for matrix in distance.numpy()])
    np.testing.assert_allclose(model(distance).sigmoid().numpy(), expected, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_limit_without_dustbins_is_scipys_assignment(shape: tuple[int, int]) -> None:
    distance = problems(*shape)
    found = hnetzoo.decode(hnetzoo.load_model("sinkhorn", dustbin_cost="off", **HARD)(distance))
    for matrix, pairs in zip(distance, found, strict=True):
        rows, columns = linear_sum_assignment(matrix.numpy())
        assert pairs.nonzero().tolist() == [list(pair) for pair in zip(rows, columns, strict=True)]


@pytest.mark.parametrize("shape", SHAPES)
def test_limit_with_dustbins_pairs_what_is_nearer_than_two_dustbins(shape: tuple[int, int]) -> None:
    distance, cost = problems(*shape), 0.4
    found = hnetzoo.decode(hnetzoo.load_model("sinkhorn", dustbin_cost=cost, **HARD)(distance))
    saved = distance - 2 * cost
    best = hnetzoo.assign(saved.clamp(max=0)) & (saved < 0)
    assert torch.equal(found, best)
    assert 0 < found.sum() < len(distance) * min(shape)


@pytest.mark.parametrize(("distance", "paired"), [(0.79, True), (0.81, False)])
def test_single_pair_is_made_below_twice_the_dustbin_cost(distance: float, paired: bool) -> None:
    model = hnetzoo.load_model("sinkhorn", dustbin_cost=0.4)
    assert bool(model(torch.tensor([[[distance]]])) > 0) is paired


@pytest.mark.parametrize(("n", "b", "share"), [(4, 300, 1.0), (8, 200, 0.99), (16, 100, 0.97), (32, 100, 0.8)])
def test_default_annealing_finds_the_optimum_in_100_iterations(n: int, b: int, share: float) -> None:
    distance = directions(n, b)
    model = hnetzoo.load_model("sinkhorn")
    assert model.config.iterations == 100  # type: ignore[union-attr]
    with torch.no_grad():
        found = one_hot(model(distance).argmax(2), n).bool()
    optimal = (found == hnetzoo.assign(distance)).all(2).all(1)
    assert optimal.float().mean() >= share


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_tolerance_bounds_the_error_of_every_mass(tolerance: float) -> None:
    distance = problems(6, 6, largest=1.0)
    temperatures = {"iterations": 2, "start_temperature": 0.1, "end_temperature": 0.1}
    fixed, converged = (
        hnetzoo.load_model("sinkhorn", dustbin_cost="off", tolerance=limit, **temperatures)(distance.double()).sigmoid()
        for limit in (None, tolerance)
    )
    for mass in (1 - converged.sum(1), 1 - converged.sum(2)):
        assert mass.min() > -1e-7, "nobody gives away more than there is"
        assert mass.max() < tolerance
    assert tolerance < (1 - fixed.sum(2)).max()


def test_iterations_stop_at_their_limit_before_the_tolerance() -> None:
    distance = problems(8, 8)
    counted = {"start_temperature": 0.01, "end_temperature": 0.01}
    stopped = hnetzoo.load_model("sinkhorn", iterations=10, tolerance=1e-12, max_iterations=30, **counted)
    fixed = hnetzoo.load_model("sinkhorn", iterations=30, **counted)
    assert torch.equal(stopped(distance), fixed(distance))


@pytest.mark.parametrize("settings", [{}, {"tolerance": 1e-3}, {"dustbin_cost": "off", "tolerance": 1e-2}])
def test_one_problem_alone_is_solved_as_in_a_batch(settings: dict[str, object]) -> None:
    distance = torch.cat((problems(4, 5), problems(4, 5, largest=0.1)))
    model = hnetzoo.load_model("sinkhorn", **settings)
    torch.testing.assert_close(model(distance), torch.cat([model(one.unsqueeze(0)) for one in distance]))


@pytest.mark.parametrize("dustbin_cost", [0.8, "off"])
def test_masked_problem_is_solved_as_the_problem_cut_out(dustbin_cost: float | str) -> None:
    distance = problems(4, 5)
    row_mask = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    col_mask = torch.rand(20, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    model = hnetzoo.load_model("sinkhorn", dustbin_cost=dustbin_cost)
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
            torch.testing.assert_close(logits[k, row_mask[k]][:, col_mask[k]], cut)


@pytest.mark.parametrize("dustbin_cost", [0.8, "off"])
@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 3), (2, 3, 0), (2, 0, 0)])
def test_empty_problems_have_no_pairs(shape: tuple[int, int, int], dustbin_cost: float | str) -> None:
    model = hnetzoo.load_model("sinkhorn", dustbin_cost=dustbin_cost, tolerance=0.1)
    assert model(torch.zeros(shape)).shape == shape


@pytest.mark.parametrize("dustbin_cost", [0.8, "off"])
def test_fully_masked_problems_have_no_pairs(dustbin_cost: float | str) -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    model = hnetzoo.load_model("sinkhorn", dustbin_cost=dustbin_cost)
    logits = model(torch.full((2, 3, 3), torch.nan), nothing, ~nothing)
    assert (logits == -100).all()


@pytest.mark.parametrize("dustbin_cost", [0.8, "off"])
def test_infinite_distances_forbid_pairs(dustbin_cost: float | str) -> None:
    inf = torch.inf
    distance = torch.tensor([[[0.1, inf], [0.1, 0.5]], [[inf, inf], [0.2, 0.1]]])
    logits = hnetzoo.load_model("sinkhorn", dustbin_cost=dustbin_cost)(distance)
    assert (logits > 0).int().tolist() == [[[1, 0], [0, 1]], [[0, 0], [0, 1]]]
    assert logits.isfinite().all()


def test_far_slots_stay_unmatched() -> None:
    distance = torch.tensor([[[150.0, 90.0], [0.3, 120.0]], [[1.9, 30.0], [40.0, 1.99]]])
    found = hnetzoo.decode(hnetzoo.load_model("sinkhorn")(distance))
    assert found.int().tolist() == [[[0, 0], [1, 0]], [[1, 0], [0, 1]]]


def test_output_follows_the_order_of_rows_and_columns() -> None:
    generator = torch.Generator().manual_seed(0)
    distance = problems(7, 5)
    rows, columns = (torch.randperm(count, generator=generator) for count in (7, 5))
    model = hnetzoo.load_model("sinkhorn")
    expected, found = model(distance)[:, rows][:, :, columns], model(distance[:, rows][:, :, columns])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 8, 32])
def test_every_distance_gets_a_gradient(n: int) -> None:
    distance = directions(n, 8).requires_grad_()
    logits = hnetzoo.load_model("sinkhorn")(distance)
    (logits * torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert (distance.grad != 0).all()


def test_gradients_stay_finite_and_inside_the_masks() -> None:
    row_mask, col_mask = torch.tensor([[True, False]] * 2), torch.tensor([[True, True], [False, False]])
    distance = torch.tensor([[[0.3, torch.inf], [torch.nan, 0.1]]] * 2, requires_grad=True)
    hnetzoo.load_model("sinkhorn")(distance, row_mask, col_mask).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad.nonzero().tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("settings", [{}, {"dustbin_cost": "off"}, {"tolerance": 1e-9}])
def test_gradients_are_those_of_finite_differences(settings: dict[str, object]) -> None:
    temperatures = {"start_temperature": 0.5, "end_temperature": 0.2, "iterations": 20}
    model = hnetzoo.load_model("sinkhorn", **temperatures, **settings)
    row_mask = torch.tensor([[True, True, True], [True, False, True]])
    distance = problems(3, 4, 2, largest=1.0).double().requires_grad_()
    assert model(distance).dtype == torch.float64
    assert gradcheck(lambda matrix: model(matrix, row_mask), (distance,))


def test_logits_beyond_20_grow_slowly_and_keep_their_order() -> None:
    distance = torch.linspace(0.01, 30.0, 50).reshape(50, 1, 1)
    logits = hnetzoo.load_model("sinkhorn")(distance).flatten()
    assert (logits.diff() < 0).all()
    assert logits.abs().max() < 40
    certain = (logits.abs() > 20) == ((distance.flatten() - 3).abs() > 0.1)
    assert certain.all()


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
        ({"start_temperature": 0.001}, "start_temperature 0.001 is below end_temperature 0.002"),
        ({"tolerance": 0.1, "max_iterations": 5}, "max_iterations 5 is below iterations 100"),
        ({"dustbin_cost": 0}, "dustbin_cost"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        hnetzoo.load_model("sinkhorn", **settings)


@pytest.mark.parametrize("tie", [[[0.5, 0.5]], [[17.0, 17.0], [0.0, 0.0]], [[17.0, 17.0], [0.3, 0.3]]], ids=str)
def test_a_tie_makes_no_pair_on_either_axis(tie: list[list[float]]) -> None:
    model, distance = hnetzoo.load_model("sinkhorn"), torch.tensor([tie])
    logits, transposed = model(distance), model(distance.mT.contiguous()).mT
    torch.testing.assert_close(logits.sigmoid(), transposed.sigmoid(), atol=1e-4, rtol=0)
    assert not hnetzoo.decode(logits).any()
    assert not hnetzoo.decode(transposed).any()


@pytest.mark.parametrize("iterations", [1, 10, 100])
def test_no_row_or_column_exceeds_its_mass(iterations: int) -> None:
    distance = torch.cat((problems(5, 4), problems(5, 4).round()))
    mass = hnetzoo.load_model("sinkhorn", iterations=iterations)(distance.double()).sigmoid()
    assert mass.sum(1).max() < 1 + 1e-7
    assert mass.sum(2).max() < 1 + 1e-7
