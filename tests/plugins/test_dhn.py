"""The Deep Hungarian Net against its equations in numpy, its masks, and its loss."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import hnetzoo
from hnetzoo_dhn.config import DHNConfig, DHNTrainerConfig
from hnetzoo_dhn.model import DHN
from hnetzoo_dhn.trainer import DHNTrainer

Floats = NDArray[np.float64]
State = dict[str, Floats]
SHAPES = [(1, 1), (2, 2), (1, 4), (3, 5), (6, 4)]


@pytest.fixture
def model() -> DHN:
    torch.manual_seed(0)
    return DHN(DHNConfig(hidden_size=8), (2, 2)).eval()


def distances(n: int, m: int, b: int = 8) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * 2


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def gru_direction(state: State, suffix: str, sequence: Floats) -> Floats:
    """Return the output of one direction of one layer, [s, h], of a sequence [s, c]."""
    by_input, by_state = state[f"weight_ih_{suffix}"], state[f"weight_hh_{suffix}"]
    hidden, outputs = np.zeros(by_state.shape[1]), []
    for step in sequence[::-1] if suffix.endswith("_reverse") else sequence:
        reset_in, update_in, new_in = np.split(by_input @ step + state[f"bias_ih_{suffix}"], 3)
        reset_at, update_at, new_at = np.split(by_state @ hidden + state[f"bias_hh_{suffix}"], 3)
        update = sigmoid(update_in + update_at)
        candidate = np.tanh(new_in + sigmoid(reset_in + reset_at) * new_at)
        hidden = (1 - update) * candidate + update * hidden
        outputs.append(hidden)
    return np.array(outputs[::-1] if suffix.endswith("_reverse") else outputs)


def plain_gru(state: State, sequence: Floats) -> Floats:
    """Return the output of both directions of both layers, [s, 2h], of a sequence [s, c]."""
    for layer in ("l0", "l1"):
        both = [gru_direction(state, layer + direction, sequence) for direction in ("", "_reverse")]
        sequence = np.concatenate(both, axis=1)
    return sequence


def plain_logits(model: DHN, matrix: Floats) -> Floats:
    """Return the logits of one problem, n x m, by the equations."""
    n, m = matrix.shape
    by_row, by_column, read = (
        {name: value.double().numpy() for name, value in part.state_dict().items()}
        for part in (model.by_row, model.by_column, model.read)
    )
    first = plain_gru(by_row, matrix.reshape(n * m, 1)).reshape(n, m, -1)
    second = plain_gru(by_column, first.swapaxes(0, 1).reshape(m * n, -1))
    hidden = second.reshape(m, n, -1).swapaxes(0, 1)
    for layer in (0, 2):
        hidden = np.maximum(hidden @ read[f"{layer}.weight"].T + read[f"{layer}.bias"], 0)
    return (hidden @ read["4.weight"].T + read["4.bias"]).squeeze(-1)


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_those_of_the_equations(model: DHN, shape: tuple[int, int]) -> None:
    distance = distances(*shape, b=3).double()
    expected = np.stack([plain_logits(model, matrix) for matrix in distance.numpy()])
    np.testing.assert_allclose(model.double()(distance).detach().numpy(), expected, atol=1e-12)


def test_masked_problem_has_the_output_of_the_problem_cut_out(model: DHN) -> None:
    distance = distances(4, 5)
    row_mask = torch.rand(8, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    col_mask = torch.rand(8, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    cells = hnetzoo.valid_cells(row_mask, col_mask)
    for outside in (0.0, 1e6, torch.nan, -torch.inf):
        logits = model(distance.masked_fill(~cells, outside), row_mask, col_mask)
        assert (logits[~cells] == -100).all()
        for k in range(8):
            cut = model(distance[k : k + 1, row_mask[k]][:, :, col_mask[k]]).squeeze(0)
            torch.testing.assert_close(logits[k, row_mask[k]][:, col_mask[k]], cut, atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_padding_changes_nothing(model: DHN, shape: tuple[int, int]) -> None:
    n, m = shape
    distance = distances(n, m)
    padded = torch.full((8, n + 2, m + 3), torch.nan)
    padded[:, :n, :m] = distance
    row_mask, col_mask = torch.arange(n + 2).expand(8, -1) < n, torch.arange(m + 3).expand(8, -1) < m
    found = model(padded, row_mask, col_mask)[:, :n, :m]
    torch.testing.assert_close(found, model(distance), atol=1e-6, rtol=0)


def test_a_forbidden_pair_is_left_out_of_both_sequences(model: DHN) -> None:
    distance = distances(1, 4)
    distance[:, 0, 2] = torch.inf
    logits = model(distance)
    assert (logits[:, 0, 2] == -100).all()
    torch.testing.assert_close(logits[:, :, [0, 1, 3]], model(distance[:, :, [0, 1, 3]]), atol=1e-6, rtol=0)


def test_a_problem_alone_is_answered_as_in_a_batch(model: DHN) -> None:
    distance = distances(3, 4)
    row_mask = torch.arange(3) < torch.arange(8).unsqueeze(1) % 4
    alone = [model(one.unsqueeze(0), mask.unsqueeze(0)) for one, mask in zip(distance, row_mask, strict=True)]
    torch.testing.assert_close(model(distance, row_mask), torch.cat(alone), atol=1e-6, rtol=0)


def test_order_of_rows_and_columns_matters_as_declared(model: DHN) -> None:
    distance = distances(3, 3)
    assert not torch.allclose(model(distance.flip(1)).flip(1), model(distance), atol=1e-4)
    assert not torch.allclose(model(distance.flip(2)).flip(2), model(distance), atol=1e-4)
    assert "order-dependent" in hnetzoo.discover().model("dhn").tags


def test_fully_masked_problems_have_no_pairs_and_finite_gradients(model: DHN) -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    logits = model(torch.full((2, 3, 3), torch.nan), nothing, ~nothing)
    assert (logits == -100).all()
    logits.sum().backward()
    assert all(parameter.grad is not None and (parameter.grad == 0).all() for parameter in model.parameters())


def test_every_parameter_and_the_distance_get_finite_gradients(model: DHN) -> None:
    distance = distances(5, 6).requires_grad_()
    row_mask = torch.arange(5).expand(8, -1) < 4
    model(distance, row_mask).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert (distance.grad[:, :4] != 0).all()
    assert (distance.grad[:, 4:] == 0).all()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("n", [1, 2, 8, 32])
def test_gradients_reach_every_problem(model: DHN, n: int) -> None:
    distance = distances(n, n, 1).requires_grad_()
    model(distance).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert (distance.grad.abs().sum((1, 2)) > 0).all()


def test_gradient_of_the_distance_is_exact_in_float64() -> None:
    torch.manual_seed(0)
    model = DHN(DHNConfig(hidden_size=4), (2, 3)).double()
    distance = distances(2, 3, 2).double().requires_grad_()
    col_mask = torch.tensor([[True, True, True], [True, False, True]])
    assert torch.autograd.gradcheck(lambda matrix: model(matrix, None, col_mask), (distance,))


def test_default_size_is_the_papers() -> None:
    model = DHN(DHNConfig(), (2, 2))
    assert model.by_row.hidden_size == model.by_column.hidden_size == 256
    assert model.by_row.num_layers == model.by_column.num_layers == 2
    assert [layer.in_features for layer in model.read[::2]] == [512, 256, 64]  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(model: DHN, value: float) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"^distance is (nan|-inf) at problem 0, row 0, column 1"):
        model(torch.tensor([[[0.1, value]]]))


class Fixed(torch.nn.Module):
    """A model that returns given logits."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, distance: torch.Tensor, row_mask: torch.Tensor, col_mask: torch.Tensor) -> torch.Tensor:
        return self.logits


@pytest.mark.parametrize("focus", [0.0, 2.0])
def test_loss_is_the_focal_loss_of_existing_entries_balanced_by_class(focus: float) -> None:
    distance = distances(3, 4)
    logits = 4 * torch.randn(8, 3, 4, generator=torch.Generator().manual_seed(0))
    row_mask, col_mask = torch.arange(3).expand(8, -1) < 2, torch.ones(8, 4, dtype=torch.bool)
    batch = hnetzoo.AssociationBatch(distance, hnetzoo.assign(distance, row_mask), row_mask, col_mask)
    (loss,) = DHNTrainer(DHNTrainerConfig(focus=focus)).losses(Fixed(logits), batch).values()
    n1 = int(batch.association.sum())
    n0 = 8 * 2 * 4 - n1
    total = 0.0
    for logit, true in zip(logits[:, :2].flatten(), batch.association[:, :2].flatten(), strict=True):
        p = 1 / (1 + math.exp(-logit.item()))
        cost = -n0 * (1 - p) ** focus * math.log(p) if true else -n1 * p**focus * math.log(1 - p)
        total += cost / (n0 + n1)
    assert loss.item() == pytest.approx(total / (n0 + n1), rel=1e-4)


def test_loss_of_certain_logits_is_finite_and_of_empty_batches_zero() -> None:
    truth = torch.tensor([[[True, False]]])
    trainer = DHNTrainer(DHNTrainerConfig())
    for logits, least, most in (([[[-1e4, 1e4]]], 4e3, 6e3), ([[[1e4, -1e4]]], 0.0, 0.0)):
        answer = torch.tensor(logits, requires_grad=True)
        batch = hnetzoo.AssociationBatch.with_full_masks(torch.rand(1, 1, 2), truth)
        loss = trainer.losses(Fixed(answer), batch)["focal"]
        loss.backward()
        assert least <= loss.item() <= most
        assert answer.grad is not None
        assert answer.grad.isfinite().all()
    empty = hnetzoo.AssociationBatch.with_full_masks(torch.zeros(2, 0, 3), torch.zeros(2, 0, 3, dtype=torch.bool))
    assert trainer.losses(Fixed(torch.zeros(2, 0, 3)), empty)["focal"] == 0


def test_gradients_are_clipped_before_a_step(model: DHN) -> None:
    optimization = DHNTrainer(DHNTrainerConfig(largest_gradient=1e-3)).configure(model, total_steps=10)
    (1e4 * model(distances(2, 2)).sum()).backward()
    optimization.step()
    norms = torch.stack([parameter.grad.norm() for parameter in model.parameters() if parameter.grad is not None])
    assert norms.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_shipped_weights_are_small_and_find_the_pairs_of_their_task() -> None:
    problems = hnetzoo.load_dataset("doa-reference", samples=(300, 500, 1500)).load("test", seed=5)
    shipped = hnetzoo.load_model("dhn")
    assert shipped.by_row.hidden_size == 64  # type: ignore[union-attr]
    with torch.no_grad():
        found = hnetzoo.decode(shipped(problems.distance))
    both = (found & problems.association).sum()
    assert 2 * both / (found.sum() + problems.association.sum()) > 0.99
