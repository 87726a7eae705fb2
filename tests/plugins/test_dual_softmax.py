"""Dual softmax against its formula entry by entry, and under masks, limits and training."""

import math

import pytest
import torch
from torch.autograd import gradcheck

import hnetzoo

SHAPES = [(1, 1), (2, 2), (3, 5), (6, 4), (8, 8)]


def problems(n: int, m: int, b: int = 20, largest: float = 3.0) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * largest


def model(**settings: object) -> torch.nn.Module:
    return hnetzoo.load_model("dual-softmax", weights=None, **settings)


def plain_probability(matrix: list[list[float]], temperature: float, unmatched: float) -> list[list[float]]:
    """Return the probabilities of one problem, entry by entry."""
    likely = [[math.exp(-distance / temperature) for distance in row] for row in matrix]
    alone = math.exp(-unmatched / temperature)
    of_row = [sum(row) + alone for row in likely]
    of_column = [sum(column) + alone for column in zip(*likely, strict=True)]
    return [[value / of_row[i] * value / of_column[j] for j, value in enumerate(row)] for i, row in enumerate(likely)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("temperature", "unmatched"), [(0.1, 2.5), (0.5, 1.0), (2.0, 0.2)])
def test_probability_is_the_product_of_both_softmaxes(
    shape: tuple[int, int], temperature: float, unmatched: float
) -> None:
    distance = problems(*shape).double()
    found = model(temperature=temperature, unmatched_distance=unmatched)(distance).sigmoid()
    expected = torch.tensor([plain_probability(matrix, temperature, unmatched) for matrix in distance.tolist()])
    torch.testing.assert_close(found, expected.double(), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_cold_limit_is_mutual_nearest_within_the_unmatched_distance(shape: tuple[int, int]) -> None:
    distance = problems(*shape)
    found = hnetzoo.decode(model(temperature=1e-5, unmatched_distance=0.8)(distance))
    assert torch.equal(found, hnetzoo.load_model("mutual-nearest", gate=0.8)(distance) > 0)


@pytest.mark.parametrize(("less", "paired"), [(0.87, False), (0.89, True)])
def test_single_pair_is_made_below_the_unmatched_distance_minus_088_temperatures(less: float, paired: bool) -> None:
    distance = torch.tensor([[[2.0 - 0.3 * less]]])
    assert bool(model(temperature=0.3, unmatched_distance=2.0)(distance) > 0) is paired


def test_untrained_defaults_are_near_mutual_nearest_neighbours_on_doa() -> None:
    problems = hnetzoo.load_dataset("doa", samples=20_000).load("test", seed=0)
    found = hnetzoo.decode(model()(problems.distance))
    both = (found & problems.association).sum()
    assert 2 * both / (found.sum() + problems.association.sum()) > 0.93


def test_shipped_weights_load_and_fit() -> None:
    shipped = hnetzoo.load_model("dual-softmax")
    assert 0.05 < float(shipped.log_temperature.detach().exp()) < 0.5
    assert 2 < float(shipped.unmatched_distance.detach()) < 4


def test_fixed_values_leave_nothing_to_train_or_load() -> None:
    fixed, learned = model(learnable=False, temperature=0.2), model(temperature=0.2)
    assert list(fixed.parameters()) == []
    assert list(fixed.state_dict()) == []
    assert sorted(learned.state_dict()) == ["log_temperature", "unmatched_distance"]
    assert torch.equal(fixed(problems(3, 3)), learned(problems(3, 3)))
    with pytest.raises(hnetzoo.CheckpointError, match=r"do not fit DualSoftmax .unexpected: log_temp"):
        hnetzoo.load_model("dual-softmax", learnable=False)


def test_a_few_steps_of_its_trainer_lower_the_loss() -> None:
    registry = hnetzoo.discover()
    spec = registry.model("dual-softmax")
    trainer_spec = registry.trainer(spec.trainer)
    trainer = trainer_spec.load_target()(trainer_spec.load_config()(learning_rate=0.02, schedule="constant"))
    batch = hnetzoo.load_dataset(spec.dataset, samples=5000).load("test", seed=0)
    learned = model(temperature=0.02)
    optimization = trainer.configure(learned, 20)
    losses = []
    for _ in range(20):
        loss = sum(trainer.losses(learned, batch).values())
        optimization.optimizer.zero_grad()
        loss.backward()
        optimization.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_one_problem_alone_is_answered_as_in_a_batch() -> None:
    distance, untrained = problems(4, 5), model()
    torch.testing.assert_close(untrained(distance), torch.cat([untrained(one.unsqueeze(0)) for one in distance]))


def test_masked_problem_has_the_output_of_the_problem_cut_out() -> None:
    distance = problems(4, 5)
    row_mask = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    col_mask = torch.rand(20, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    cells, untrained = hnetzoo.valid_cells(row_mask, col_mask), model()
    for outside in (0.0, torch.nan, -torch.inf):
        spoiled = distance.masked_fill(~cells, outside)
        kept = spoiled.clone()
        logits = untrained(spoiled, row_mask, col_mask)
        assert torch.equal(spoiled.nan_to_num(), kept.nan_to_num())
        assert (logits[~cells] == -100).all()
        for k in range(20):
            cut = untrained(distance[k : k + 1, row_mask[k]][:, :, col_mask[k]]).squeeze(0)
            torch.testing.assert_close(logits[k, row_mask[k]][:, col_mask[k]], cut)


@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 3), (2, 3, 0), (2, 0, 0)])
def test_empty_problems_have_no_pairs(shape: tuple[int, int, int]) -> None:
    assert model()(torch.zeros(shape)).shape == shape


def test_fully_masked_problems_have_no_pairs_and_finite_gradients() -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    learned = model()
    logits = learned(torch.full((2, 3, 3), torch.nan), nothing, ~nothing)
    assert (logits == -100).all()
    logits.sum().backward()
    assert all(parameter.grad is not None and parameter.grad == 0 for parameter in learned.parameters())


def test_infinite_distances_forbid_pairs() -> None:
    distance = torch.tensor([[[0.1, torch.inf], [1.1, 0.5]], [[torch.inf, torch.inf], [0.5, 0.1]]])
    logits = model()(distance)
    assert (logits > 0).int().tolist() == [[[1, 0], [0, 1]], [[0, 0], [0, 1]]]
    assert logits.isfinite().all()


def test_output_follows_the_order_of_rows_and_columns() -> None:
    distance, untrained = problems(7, 5), model()
    rows, columns = (torch.randperm(count, generator=torch.Generator().manual_seed(0)) for count in (7, 5))
    expected, found = untrained(distance)[:, rows][:, :, columns], untrained(distance[:, rows][:, :, columns])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(untrained(distance.mT), untrained(distance).mT, atol=1e-5, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 8, 32])
def test_every_distance_and_both_parameters_get_gradients(n: int) -> None:
    learned, distance = model(), problems(n, n, 8, largest=30.0).requires_grad_()
    learned(distance).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert (distance.grad != 0).all()
    assert all(parameter.grad is not None and parameter.grad != 0 for parameter in learned.parameters())


def test_gradients_stay_finite_and_inside_the_masks() -> None:
    row_mask = torch.tensor([[True, False]])
    distance = torch.tensor([[[0.3, torch.inf], [torch.nan, 0.1]]], requires_grad=True)
    model()(distance, row_mask).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad.nonzero().tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("temperature", [0.01, 0.3])
def test_gradients_are_those_of_finite_differences(temperature: float) -> None:
    learned = model(temperature=temperature).double()
    row_mask = torch.tensor([[True, True, True], [True, False, True]])
    distance = problems(3, 4, 2, largest=1.0).double().requires_grad_()
    assert learned(distance).dtype == torch.float64
    assert gradcheck(lambda matrix: learned(matrix, row_mask), (distance,))


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(value: float) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"^distance is (nan|-inf) at problem 0, row 0, column 1"):
        model()(torch.tensor([[[0.1, value]]]))


def test_masks_of_another_shape_are_refused() -> None:
    with pytest.raises(hnetzoo.ShapeError, match="col_mask is bool"):
        model()(torch.rand(1, 2, 2), None, torch.ones(1, 3, dtype=torch.bool))
