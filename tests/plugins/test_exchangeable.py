"""The exchangeable network: equivariance, padding and masks, units, and solving without learned costs."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableConfig, ExchangeableTrainerConfig
from hnetzoo_exchangeable.features import FEATURES, pair_features
from hnetzoo_exchangeable.model import Exchangeable
from hnetzoo_exchangeable.trainer import ExchangeableTrainer, cell_loss

SHAPES = [(1, 1), (2, 2), (3, 5), (6, 4)]


@pytest.fixture
def model() -> Exchangeable:
    torch.manual_seed(0)
    return Exchangeable(ExchangeableConfig(channels=16, layers=2), (2, 2)).eval()


def distances(n: int, m: int, b: int = 8) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * 2


def directions(b: int, n: int, m: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n * 100 + m)
    return torch.cdist(*(normalize(torch.randn(b, size, 3, generator=generator), dim=-1) for size in (n, m)))


@pytest.mark.parametrize("shape", SHAPES)
def test_permuting_rows_and_columns_permutes_the_output(model: Exchangeable, shape: tuple[int, int]) -> None:
    distance = distances(*shape)
    rows, columns = (torch.randperm(size, generator=torch.Generator().manual_seed(1)) for size in shape)
    expected = model(distance)[:, rows][:, :, columns]
    torch.testing.assert_close(model(distance[:, rows][:, :, columns]), expected, atol=1e-4, rtol=0)


def test_exchanging_the_sides_may_change_the_output(model: Exchangeable) -> None:
    distance = distances(3, 3)
    assert not torch.allclose(model(distance.transpose(1, 2)), model(distance).transpose(1, 2), atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("outside", [0.0, 1e6, torch.nan, torch.inf])
def test_padding_changes_nothing_whatever_it_holds(model: Exchangeable, shape: tuple[int, int], outside: float) -> None:
    n, m = shape
    distance = distances(n, m)
    padded = torch.full((len(distance), n + 2, m + 3), outside)
    padded[:, :n, :m] = distance
    row_mask, col_mask = torch.arange(n + 2).expand(8, -1) < n, torch.arange(m + 3).expand(8, -1) < m
    found = model(padded, row_mask, col_mask)
    assert found.isfinite().all()
    torch.testing.assert_close(found[:, :n, :m], model(distance), atol=1e-4, rtol=0)


def test_a_problem_alone_is_answered_as_in_a_batch(model: Exchangeable) -> None:
    distance = distances(3, 4)
    alone = torch.cat([model(one.unsqueeze(0)) for one in distance])
    torch.testing.assert_close(model(distance), alone, atol=1e-4, rtol=0)


def test_every_parameter_and_the_distance_get_finite_gradients(model: Exchangeable) -> None:
    distance = distances(5, 6).requires_grad_()
    row_mask = torch.arange(5).expand(8, -1) < 4
    model(distance, row_mask, None, torch.arange(8) % 3 - 1).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad[:, :4].abs().sum() > 0
    assert (distance.grad[:, 4:] == 0).all()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("unmatched", ["learned", "never", 0.4])
def test_gradients_reach_large_problems(unmatched: str | float) -> None:
    torch.manual_seed(0)
    model = Exchangeable(ExchangeableConfig(channels=16, layers=2, unmatched=unmatched), (2, 2))
    distance = distances(32, 32, 2).requires_grad_()
    model(distance).sigmoid().square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad.abs().sum() > 0


@pytest.mark.parametrize("case", ["ties", "zeros", "one pair", "nothing allowed", "largest", "one largest"])
def test_degenerate_problems_have_finite_logits_and_gradients(model: Exchangeable, case: str) -> None:
    distance = {
        "ties": torch.ones(2, 3, 3),
        "zeros": torch.zeros(2, 3, 4),
        "one pair": torch.full((2, 1, 1), 0.3),
        "nothing allowed": torch.full((2, 2, 2), torch.inf),
        "largest": torch.full((2, 2, 3), torch.finfo(torch.float32).max),
        "one largest": torch.tensor([[[0.1, 0.2], [0.3, torch.finfo(torch.float32).max]]]),
    }[case].requires_grad_()
    logits = model(distance)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()


def test_gradient_of_the_distance_is_exact_in_float64() -> None:
    torch.manual_seed(0)
    model = Exchangeable(ExchangeableConfig(channels=4, layers=1), (2, 3)).double()
    distance = distances(2, 3, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(model, (distance,), eps=1e-7, atol=1e-5)


def test_features_include_those_that_no_unit_changes() -> None:
    distance, allowed = distances(4, 5), torch.ones(8, 4, 5, dtype=torch.bool)
    (small, scale), (large, larger) = (pair_features(unit * distance, allowed) for unit in (1.0, 100.0))
    torch.testing.assert_close(larger, 100 * scale)
    same = (small - large).abs().flatten(0, 2).amax(0) < 1e-4
    assert small.shape[-1] == FEATURES
    assert same.sum() == 9
    assert not same[0]


def test_steps_of_transport_are_not_part_of_the_weights(model: Exchangeable) -> None:
    longer = Exchangeable(ExchangeableConfig(channels=16, layers=2, transport_steps=3), (2, 2)).eval()
    longer.load_state_dict(model.state_dict())
    assert not torch.allclose(longer(distances(3, 3)), model(distances(3, 3)))


@pytest.mark.parametrize("unmatched", ["learned", "never", 0.5])
def test_a_bias_is_added_to_the_logits_of_learned_costs_alone(unmatched: str | float) -> None:
    torch.manual_seed(0)
    settings = {"channels": 16, "layers": 2, "unmatched": unmatched}
    model, biased = (Exchangeable(ExchangeableConfig(**settings, bias=bias), (2, 2)).eval() for bias in (0.0, 0.5))
    biased.load_state_dict(model.state_dict())
    expected = model(distances(3, 5)) + (0.5 if unmatched == "learned" else 0.0)
    torch.testing.assert_close(biased(distances(3, 5)), expected)


def test_forbidding_all_pairs_of_a_slot_is_like_masking_it(model: Exchangeable) -> None:
    distance, row_mask = distances(3, 4), torch.tensor([True, False, True]).expand(8, -1)
    forbidden = distance.masked_fill(~row_mask.unsqueeze(2), torch.inf)
    torch.testing.assert_close(model(forbidden)[:, [0, 2]], model(distance, row_mask)[:, [0, 2]], atol=1e-5, rtol=0)
    assert (model(forbidden)[:, 1] == -100).all()


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(model: Exchangeable, value: float) -> None:
    distance = distances(2, 3)
    distance[0, 0, 1] = value
    with pytest.raises(hnetzoo.DataError, match=r"at problem 0, row 0, column 1"):
        model(distance)


def test_loss_is_the_cross_entropy_of_existing_entries_per_row(model: Exchangeable) -> None:
    distance = distances(3, 4)
    row_mask = torch.arange(3).expand(8, -1) < 2
    truth = hnetzoo.assign(distance) & (row_mask & (torch.arange(3) > 0)).unsqueeze(2)
    batch = hnetzoo.AssociationBatch(distance, truth, row_mask, torch.ones(8, 4).bool())
    loss = ExchangeableTrainer(ExchangeableTrainerConfig()).losses(model, batch)["cell"]
    expected = binary_cross_entropy_with_logits(model(distance, row_mask)[:, :2], truth[:, :2].float(), reduction="sum")
    torch.testing.assert_close(loss, expected / 16)


@pytest.mark.parametrize("weight", [0.5, 1.0, 1.3])
def test_a_weight_of_pairs_shifts_the_best_logits_by_its_logarithm(weight: float) -> None:
    truth = torch.rand(50, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.3
    exist = [torch.ones(50, size, dtype=torch.bool) for size in (3, 4)]
    batch = hnetzoo.AssociationBatch(torch.rand(50, 3, 4), truth, *exist)
    logit = truth.double().mean().logit().add(math.log(weight)).requires_grad_()
    cell_loss(logit.expand(50, 3, 4), batch, weight).backward()
    assert logit.grad is not None
    assert abs(logit.grad.item()) < 1e-12


def test_where_problems_say_how_likely_pairs_are_the_best_logits_are_theirs() -> None:
    likely = torch.rand(8, 3, 4, generator=torch.Generator().manual_seed(0)).double()
    row_mask = torch.arange(3).expand(8, -1) < 2
    likely[:, 2] = torch.nan
    nothing = torch.zeros(8, 3, 4, dtype=torch.bool)
    batch = hnetzoo.AssociationBatch(distances(3, 4), nothing, row_mask, nothing[:, 0] | True, probability=likely)
    logits = likely.nan_to_num(0.5).logit().requires_grad_()
    cell_loss(logits, batch).backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-12


def test_trainer_takes_any_model() -> None:
    model = hnetzoo.load_model("hnetgru", weights=None)
    batch = hnetzoo.load_dataset("doa", samples=160).load("test", seed=0)
    losses = ExchangeableTrainer(ExchangeableTrainerConfig()).losses(model, batch)
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())


@pytest.mark.parametrize("unmatched", ["learned", "never"])
def test_the_setting_says_of_all_problems_what_a_batch_says_of_each(unmatched: str) -> None:
    torch.manual_seed(0)
    model = Exchangeable(ExchangeableConfig(unmatched=unmatched), (2, 2)).eval()
    torch.nn.init.normal_(model.told)
    distance, answers = distances(3, 4), []
    for number, truth in enumerate(("activity", "identity", "any")):
        told = Exchangeable(ExchangeableConfig(unmatched=unmatched, truth=truth), (2, 2)).eval()
        told.load_state_dict(model.state_dict())
        answers.append(told(distance))
        said = torch.full((8,), number if truth != "any" else -1)
        torch.testing.assert_close(model(distance, truth=said), answers[-1], atol=1e-5, rtol=0)
    differ = not torch.allclose(answers[0], answers[1], atol=1e-3)
    assert differ == (unmatched == "learned")


@pytest.mark.parametrize("shape", [(1,), (8, 1), ()])
def test_truth_of_another_number_of_problems_is_refused(model: Exchangeable, shape: tuple[int, ...]) -> None:
    with pytest.raises(hnetzoo.ShapeError, match=r"give a number a problem, \[8\]"):
        model(distances(2, 2), truth=torch.zeros(shape, dtype=torch.int64))


def test_what_distances_do_not_tell_is_learned_from_what_is_said() -> None:
    """Problems of one pair, whose distances say nothing: it is true where activity decides, and never by identity."""
    distance = 1 + torch.rand(512, 1, 1, generator=torch.Generator().manual_seed(0))
    truth = torch.arange(512) % 2
    batch = hnetzoo.AssociationBatch.with_full_masks(distance, (truth == 0).view(-1, 1, 1))._replace(truth=truth)
    torch.manual_seed(0)
    model = Exchangeable(ExchangeableConfig(channels=8, layers=1), (1, 1))
    trainer = ExchangeableTrainer(ExchangeableTrainerConfig())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        trainer.losses(model, batch)["cell"].backward()
        optimizer.step()
    model.eval()
    activity, identity, unsaid = (model(distance, truth=torch.full((512,), said)).sigmoid() for said in (0, 1, -1))
    assert activity.min() > 0.9
    assert identity.max() < 0.1
    torch.testing.assert_close(unsaid.mean(), torch.tensor(0.5), atol=0.1, rtol=0)


def test_gradients_are_clipped_before_a_step(model: Exchangeable) -> None:
    settings = ExchangeableTrainerConfig(largest_gradient=1e-3)
    optimization = ExchangeableTrainer(settings).configure(model, total_steps=10)
    (1e4 * model(distances(2, 2)).sum()).backward()
    optimization.step()
    norms = torch.stack([parameter.grad.norm() for parameter in model.parameters() if parameter.grad is not None])
    assert norms.norm().item() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("unit", [0.01, 1.0, 57.3])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 3), (4, 4), (3, 8), (16, 16)])
def test_without_learned_costs_every_problem_is_solved_exactly_in_any_unit(n: int, m: int, unit: float) -> None:
    distance = unit * directions(200, n, m)
    found = hnetzoo.decode(hnetzoo.load_model("exchangeable", unmatched="never")(distance))
    assert (found == hnetzoo.assign(distance)).flatten(1).all(1).float().mean() >= 0.99


def test_with_a_cost_pairs_are_made_only_below_twice_of_it() -> None:
    distance = directions(200, 4, 5)
    found = hnetzoo.decode(hnetzoo.load_model("exchangeable", unmatched=0.3)(distance))
    assert torch.equal(found, hnetzoo.decode(hnetzoo.load_model("sinkhorn", unmatched=0.3)(distance)))
    assert found.any()
    assert distance[found].max() < 0.6
