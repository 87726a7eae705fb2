"""The exchangeable network: equivariance, padding and masks."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, normalize

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableConfig, ExchangeableTrainerConfig
from hnetzoo_exchangeable.model import Exchangeable, _typical_gap
from hnetzoo_exchangeable.trainer import ExchangeableTrainer

SHAPES = [(1, 1), (2, 2), (3, 5), (6, 4)]


@pytest.fixture
def model() -> Exchangeable:
    torch.manual_seed(0)
    return Exchangeable(ExchangeableConfig(channels=16, iterations=4), (2, 2)).eval()


def distances(n: int, m: int, b: int = 8) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * 2


@pytest.mark.parametrize("shape", SHAPES)
def test_permuting_rows_and_columns_permutes_the_output(model: Exchangeable, shape: tuple[int, int]) -> None:
    distance = distances(*shape)
    rows, columns = (torch.randperm(size, generator=torch.Generator().manual_seed(1)) for size in shape)
    expected = model(distance)[:, rows][:, :, columns]
    torch.testing.assert_close(model(distance[:, rows][:, :, columns]), expected, atol=1e-5, rtol=0)


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
    torch.testing.assert_close(found[:, :n, :m], model(distance), atol=1e-5, rtol=0)


def test_a_problem_alone_is_answered_as_in_a_batch(model: Exchangeable) -> None:
    distance = distances(3, 4)
    alone = torch.cat([model(one.unsqueeze(0)) for one in distance])
    torch.testing.assert_close(model(distance), alone, atol=1e-5, rtol=0)


def test_every_parameter_and_the_distance_get_finite_gradients(model: Exchangeable) -> None:
    distance = distances(5, 6).requires_grad_()
    row_mask = torch.arange(5).expand(8, -1) < 4
    model(distance, row_mask, None).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad[:, :4].abs().sum() > 0
    assert (distance.grad[:, 4:] == 0).all()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_gradients_reach_large_problems(model: Exchangeable) -> None:
    distance = distances(32, 32, 2).requires_grad_()
    model(distance).sigmoid().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert distance.grad.abs().sum() > 0


def test_gradient_of_the_distance_is_exact_in_float64() -> None:
    torch.manual_seed(0)
    model = Exchangeable(ExchangeableConfig(channels=4, iterations=2), (2, 3)).double()
    distance = distances(2, 3, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(model, (distance,), eps=1e-7, atol=1e-5)


def test_iterations_are_not_part_of_the_weights(model: Exchangeable) -> None:
    longer = Exchangeable(ExchangeableConfig(channels=16, iterations=9), (2, 2)).eval()
    longer.load_state_dict(model.state_dict())
    assert not torch.allclose(longer(distances(2, 2)), model(distances(2, 2)))


def test_forbidding_all_pairs_of_a_slot_is_like_masking_it(model: Exchangeable) -> None:
    distance, row_mask = distances(3, 4), torch.tensor([True, False, True]).expand(8, -1)
    forbidden = distance.masked_fill(~row_mask.unsqueeze(2), torch.inf)
    torch.testing.assert_close(model(forbidden)[:, [0, 2]], model(distance, row_mask)[:, [0, 2]], atol=1e-6, rtol=0)
    assert (model(forbidden)[:, 1] == -100).all()


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(model: Exchangeable, value: float) -> None:
    distance = distances(2, 3)
    distance[0, 0, 1] = value
    with pytest.raises(hnetzoo.DataError, match=r"at problem 0, row 0, column 1"):
        model(distance)


def masked_batch() -> hnetzoo.AssociationBatch:
    """Return problems of 3 x 4 slots, of which two rows exist; the first reference is missed."""
    distance = distances(3, 4)
    truth = hnetzoo.assign(distance)
    row_mask = torch.arange(3).expand(8, -1) < 2
    found = row_mask & (torch.arange(3) > 0)
    return hnetzoo.AssociationBatch(distance, truth & found.unsqueeze(2), row_mask, torch.ones(8, 4).bool())


def test_cell_loss_is_the_cross_entropy_of_existing_entries_per_row(model: Exchangeable) -> None:
    batch = masked_batch()
    loss = ExchangeableTrainer(ExchangeableTrainerConfig()).losses(model, batch)["cell"]
    logits = model(batch.distance, batch.row_mask, None)[:, :2]
    expected = binary_cross_entropy_with_logits(logits, batch.association[:, :2].float(), reduction="sum") / 16
    torch.testing.assert_close(loss, expected)


def test_row_and_column_losses_are_those_of_choosing_a_partner_or_none(model: Exchangeable) -> None:
    batch = masked_batch()
    losses = ExchangeableTrainer(ExchangeableTrainerConfig()).losses(model, batch)
    logits = model(batch.distance, batch.row_mask, None)[:, :2]
    for name, lines, truth in (
        ("row", logits, batch.association[:, :2]),
        ("column", logits.mT, batch.association[:, :2].mT),
    ):
        options = torch.cat((lines, torch.zeros_like(lines[..., :1])), -1).flatten(0, 1)
        chosen = torch.where(truth.any(-1), truth.int().argmax(-1), lines.shape[-1]).flatten()
        torch.testing.assert_close(losses[name], cross_entropy(options, chosen), msg=name)


def test_outputs_after_given_iterations_are_those_of_fewer_iterations(model: Exchangeable) -> None:
    distance = distances(3, 4)
    early, late = model(distance, after=[2, 4])
    shorter = Exchangeable(ExchangeableConfig(channels=16, iterations=2), (2, 2)).eval()
    shorter.load_state_dict(model.state_dict())
    assert torch.equal(early, shorter(distance))
    assert torch.equal(late, model(distance))


def test_training_draws_iterations_from_the_range_and_evaluation_uses_its_end(
    model: Exchangeable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    forward = model.forward

    def record(*problems: torch.Tensor, after: list[int]) -> torch.Tensor:
        asked.append(after)
        return forward(*problems, after=after)

    monkeypatch.setattr(model, "forward", record)
    trainer = ExchangeableTrainer(ExchangeableTrainerConfig(iterations=(3, 5), supervise_every=2))
    for _ in range(40):
        trainer.losses(model, masked_batch())
    assert {tuple(after) for after in asked} == {(2, 3), (2, 4), (2, 4, 5)}
    with torch.no_grad():
        trainer.losses(model, masked_batch())
    assert asked[-1] == [2, 4, 5]


def test_trainer_takes_a_model_without_iterations() -> None:
    model = hnetzoo.load_model("hnetgru", weights=None)
    batch = hnetzoo.load_dataset("doa", samples=160).load("test", seed=0)
    losses = ExchangeableTrainer(ExchangeableTrainerConfig()).losses(model, batch)
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())


@pytest.mark.parametrize("unit", [0.1, 1.0, 100.0])
def test_gap_is_typical_of_the_problem_and_has_its_unit(unit: float) -> None:
    distance = unit * torch.tensor([[[0.0, 1.0, 9.0], [5.0, 2.0, 9.0], [9.0, 9.0, 9.0]]])
    cells = torch.ones(1, 3, 3, dtype=torch.bool)
    cells[:, 2], cells[:, :, 2] = False, False
    gap = _typical_gap(distance.masked_fill(~cells, 1e4), cells)
    assert gap.item() == pytest.approx(unit * (1 + 3 + 5 + 1) / 4)


def test_gradients_are_clipped_before_a_step(model: Exchangeable) -> None:
    settings = ExchangeableTrainerConfig(largest_gradient=1e-3)
    optimization = ExchangeableTrainer(settings).configure(model, total_steps=10)
    (1e4 * model(distances(2, 2)).sum()).backward()
    optimization.step()
    norms = torch.stack([parameter.grad.norm() for parameter in model.parameters() if parameter.grad is not None])
    assert norms.norm().item() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(("n", "m", "share"), [(1, 1, 1.0), (1, 3, 0.99), (2, 2, 0.98), (3, 2, 0.95), (4, 4, 0.85)])
def test_weights_for_known_counts_pair_like_the_exact_solver_if_slots_are_masked(
    n: int, m: int, share: float, generator: torch.Generator
) -> None:
    points = normalize(torch.randn(2, 500, 4, 3, generator=generator), dim=-1)
    distance = torch.cdist(*points)
    masks = [(torch.arange(4) < size).expand(500, -1) for size in (n, m)]
    found = hnetzoo.decode(hnetzoo.load_model("exchangeable@known-counts")(distance, *masks), *masks)
    right = (found == hnetzoo.assign(distance, *masks)).flatten(1).all(1)
    assert right.float().mean() >= share
