"""HNetGRU against its equations, the hnet trainer against the paper's losses."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo
from hnetzoo_hnetgru.config import HNetGRUConfig, HNetTrainerConfig
from hnetzoo_hnetgru.model import HNetGRU
from hnetzoo_hnetgru.trainer import HNetTrainer

Floats = NDArray[np.float64]
ORIGIN_NAMES = {
    "gru.weight_ih_l0",
    "gru.weight_hh_l0",
    "gru.bias_ih_l0",
    "gru.bias_hh_l0",
    "attn.conv_Q.weight",
    "attn.conv_K.weight",
    "attn.conv_V.weight",
    "fc1.weight",
    "fc1.bias",
}


def hnetgru(max_doas: int = 2, hidden_size: int = 128) -> HNetGRU:
    torch.manual_seed(max_doas)
    return HNetGRU(HNetGRUConfig(hidden_size=hidden_size), (max_doas, max_doas)).eval()


def numpy_hnetgru(model: HNetGRU, distance: Floats) -> Floats:
    """Return the logits [b, n, m] by the paper's equations, in float64 and problem by problem."""
    weights = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    return np.stack([_one_problem(weights, rows) for rows in distance])


def _one_problem(weights: dict[str, Floats], rows: Floats) -> Floats:
    hidden = np.zeros(weights["gru.weight_hh_l0"].shape[1])
    states = []
    for row in rows:
        reset_in, update_in, new_in = np.split(weights["gru.weight_ih_l0"] @ row + weights["gru.bias_ih_l0"], 3)
        reset_h, update_h, new_h = np.split(weights["gru.weight_hh_l0"] @ hidden + weights["gru.bias_hh_l0"], 3)
        reset, update = _sigmoid(reset_in + reset_h), _sigmoid(update_in + update_h)
        hidden = (1 - update) * np.tanh(new_in + reset * new_h) + update * hidden
        states.append(hidden)
    sequence = np.stack(states, axis=1)  # [h, n]
    query, key, value = (weights[f"attn.conv_{name}.weight"][:, :, 0] @ sequence for name in "QKV")
    scores = query.T @ key
    attention = np.exp(scores - scores.max(axis=1, keepdims=True))
    attention /= attention.sum(axis=1, keepdims=True)
    return np.tanh(attention @ value.T) @ weights["fc1.weight"].T + weights["fc1.bias"]


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("b", [1, 2, 7])
@pytest.mark.parametrize("max_doas", [1, 2, 4])
def test_module_agrees_with_an_independent_float64_computation(b: int, max_doas: int) -> None:
    model = hnetgru(max_doas)
    distance = torch.rand(b, max_doas, max_doas, generator=torch.Generator().manual_seed(b)) * 20
    expected = numpy_hnetgru(model, distance.double().numpy())
    np.testing.assert_allclose(model(distance).detach().numpy(), expected, atol=1e-5)


def test_parameter_names_and_count_are_the_papers() -> None:
    model = hnetgru()
    assert set(model.state_dict()) == ORIGIN_NAMES
    assert sum(parameter.numel() for parameter in model.parameters()) == 100_098


def test_masked_slots_do_not_change_the_output_of_others() -> None:
    model = hnetgru()
    row_mask, col_mask = torch.tensor([[True, False]]), torch.tensor([[True, True]])
    distance = torch.tensor([[[0.3, 1.2], [5.0, 6.0]]])
    spoiled = distance.clone()
    spoiled[:, 1] = torch.nan
    expected, found = model(distance, row_mask, col_mask), model(spoiled, row_mask, col_mask)
    assert torch.equal(expected, found)
    assert found.isfinite().all()


def test_other_sizes_are_refused_with_the_fixed_size() -> None:
    with pytest.raises(hnetzoo.ShapeError, match="problems are 3 x 2; these weights are for 2 x 2"):
        hnetgru()(torch.rand(1, 3, 2))


def test_empty_batch_gives_empty_logits() -> None:
    assert hnetgru()(torch.rand(0, 2, 2)).shape == (0, 2, 2)


def test_every_parameter_and_the_distance_get_gradients() -> None:
    model = hnetgru().train()
    distance = torch.rand(8, 2, 2, requires_grad=True)
    model(distance).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.abs().sum() > 0
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def batch(b: int = 6, n: int = 2, m: int = 2) -> hnetzoo.AssociationBatch:
    generator = torch.Generator().manual_seed(b)
    distance = torch.rand(b, n, m, generator=generator)
    gate = torch.rand(b, 1, 1, generator=generator)
    return hnetzoo.AssociationBatch.with_full_masks(distance, hnetzoo.assign(distance) & (distance < gate))


def test_losses_are_the_papers_three_cross_entropies() -> None:
    model, problems = hnetgru(), batch()
    losses = HNetTrainer(HNetTrainerConfig()).losses(model, problems)
    logits, truth = model(problems.distance), problems.association.float()
    expected = {
        "cell": binary_cross_entropy_with_logits(logits, truth, reduction="sum"),
        "row": binary_cross_entropy_with_logits(logits.max(-1).values, truth.sum(-1), reduction="sum"),
        "column": binary_cross_entropy_with_logits(logits.max(-2).values, truth.sum(-2), reduction="sum"),
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)


def test_loss_weights_scale_their_terms() -> None:
    model, problems = hnetgru(), batch()
    plain = HNetTrainer(HNetTrainerConfig()).losses(model, problems)
    weighted = HNetTrainer(HNetTrainerConfig(loss_weights=(2, 0, 0.5))).losses(model, problems)
    for (name, value), weight in zip(plain.items(), (2, 0, 0.5), strict=True):
        torch.testing.assert_close(weighted[name], weight * value)


class Fixed(torch.nn.Module):
    """A model that returns given logits, to test only the loss."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, distance: torch.Tensor, row_mask: torch.Tensor, col_mask: torch.Tensor) -> torch.Tensor:
        return self.logits


def test_masked_slots_have_no_loss_and_no_gradient() -> None:
    problems = batch(4, 3, 3)
    kept = (slice(None), slice(0, 2), slice(0, 1))
    masks = torch.tensor([True, True, False]).expand(4, 3), torch.tensor([True, False, False]).expand(4, 3)
    masked = problems._replace(association=problems.association & masks[1].unsqueeze(1) & masks[0].unsqueeze(2))
    masked = masked._replace(row_mask=masks[0], col_mask=masks[1])
    small = hnetzoo.AssociationBatch.with_full_masks(problems.distance[kept], masked.association[kept])
    trainer, logits = HNetTrainer(HNetTrainerConfig()), torch.randn(4, 3, 3)
    large, cut = Fixed(logits), Fixed(logits[kept].clone())
    found, expected = trainer.losses(large, masked), trainer.losses(cut, small)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    sum(found.values()).backward()  # type: ignore[union-attr]
    outside = ~masked.cells
    assert large.logits.grad is not None
    assert large.logits.grad[outside].abs().sum() == 0
    assert large.logits.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(0, 2, 2), (3, 0, 2), (3, 2, 0)])
def test_empty_problems_have_zero_loss(shape: tuple[int, int, int]) -> None:
    empty = hnetzoo.AssociationBatch.with_full_masks(torch.zeros(shape), torch.zeros(shape, dtype=torch.bool))
    losses = HNetTrainer(HNetTrainerConfig()).losses(Fixed(torch.zeros(shape)), empty)
    assert all(float(value.detach()) == 0 for value in losses.values())


def test_fully_masked_problems_have_zero_loss_and_finite_gradients() -> None:
    nothing = torch.zeros(3, 2, dtype=torch.bool)
    masked = hnetzoo.AssociationBatch(torch.zeros(3, 2, 2), torch.zeros(3, 2, 2, dtype=torch.bool), nothing, nothing)
    model = Fixed(torch.randn(3, 2, 2))
    total = torch.stack(list(HNetTrainer(HNetTrainerConfig()).losses(model, masked).values())).sum()
    total.backward()
    assert float(total.detach()) == 0
    assert model.logits.grad is not None
    assert model.logits.grad.abs().sum() == 0


def test_balancing_weights_are_those_of_the_training_labels() -> None:
    trainer, problems = HNetTrainer(HNetTrainerConfig(balance_cells=True)), batch(50)
    trainer.prepare(problems)
    share = problems.association.float().mean(0)
    logits = torch.randn(50, 2, 2)
    expected = binary_cross_entropy_with_logits(
        logits, problems.association.float(), reduction="sum", pos_weight=(1 - share) / share
    )
    torch.testing.assert_close(trainer.losses(Fixed(logits), problems)["cell"], expected)


def test_balancing_weights_of_entries_without_positives_are_finite() -> None:
    trainer = HNetTrainer(HNetTrainerConfig(balance_cells=True))
    trainer.prepare(batch(5)._replace(association=torch.zeros(5, 2, 2, dtype=torch.bool)))
    assert trainer.positive_weight is not None
    assert trainer.positive_weight.isfinite().all()


def test_one_cycle_peaks_at_the_learning_rate_and_constant_keeps_it() -> None:
    for schedule, last in (("one-cycle", 0.0), ("constant", 1e-2)):
        trainer = HNetTrainer(HNetTrainerConfig(learning_rate=1e-2, schedule=schedule))
        optimization = trainer.configure(hnetgru(), total_steps=40)
        rates = []
        for _ in range(40):
            rates.append(optimization.optimizer.param_groups[0]["lr"])
            optimization.step()
        assert max(rates) == pytest.approx(1e-2)
        assert rates[-1] == pytest.approx(last, abs=1e-4)


def directions(unit: float) -> hnetzoo.AssociationBatch:
    distance = 2 * torch.rand(400, 3, 3, generator=torch.Generator().manual_seed(0))
    return hnetzoo.AssociationBatch.with_full_masks(unit * distance, hnetzoo.assign(distance))


def test_a_training_takes_its_scale_from_the_problems_so_that_their_unit_does_not_matter() -> None:
    scales = [HNetGRU.adapted(HNetGRUConfig(), directions(unit)).distance_scale for unit in (1.0, 57.3)]
    assert scales[1] == pytest.approx(57.3 * scales[0], rel=1e-6)
    logits = []
    for scale, unit in zip(scales, (1.0, 57.3), strict=True):
        torch.manual_seed(0)
        logits.append(HNetGRU(HNetGRUConfig(distance_scale=scale), (3, 3))(directions(unit).distance))
    torch.testing.assert_close(*logits, atol=1e-4, rtol=1e-4)


def test_a_given_scale_is_kept_and_no_positive_distance_gives_none() -> None:
    given = HNetGRUConfig(distance_scale=2.0)
    assert HNetGRU.adapted(given, directions(1.0)) is given
    nothing = hnetzoo.AssociationBatch.with_full_masks(torch.zeros(3, 2, 2), torch.zeros(3, 2, 2, dtype=torch.bool))
    assert HNetGRU.adapted(HNetGRUConfig(), nothing).distance_scale is None


def test_masked_and_forbidden_pairs_do_not_change_the_scale() -> None:
    batch = directions(1.0)
    row_mask = torch.tensor([True, True, False]).expand(400, 3)
    masked = batch._replace(distance=batch.distance.masked_fill(~row_mask.unsqueeze(2), 1e6), row_mask=row_mask)
    forbidden = batch._replace(distance=batch.distance.masked_fill(~row_mask.unsqueeze(2), torch.inf))
    scales = {HNetGRU.adapted(HNetGRUConfig(), problems).distance_scale for problems in (masked, forbidden)}
    assert len(scales) == 1
    assert scales.pop() < 1
