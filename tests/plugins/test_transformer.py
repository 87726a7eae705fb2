"""The transformer: equivariance, padding and masks, and at most one pair per slot."""

import pytest
import torch

import hnetzoo
from hnetzoo_transformer.attention import AttentionBlock
from hnetzoo_transformer.config import TransformerConfig
from hnetzoo_transformer.model import Transformer

SHAPES = [(1, 1), (2, 2), (1, 4), (3, 5), (6, 4)]


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(0)
    return Transformer(TransformerConfig(channels=16, edge_channels=8, layers=2), (2, 2)).eval()


def distances(n: int, m: int, b: int = 8) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * 2


@pytest.mark.parametrize("shape", SHAPES)
def test_permuting_rows_and_columns_permutes_the_output(model: Transformer, shape: tuple[int, int]) -> None:
    distance = distances(*shape)
    rows, columns = (torch.randperm(size, generator=torch.Generator().manual_seed(1)) for size in shape)
    expected = model(distance)[:, rows][:, :, columns]
    torch.testing.assert_close(model(distance[:, rows][:, :, columns]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_exchanging_the_sides_transposes_the_output(model: Transformer, shape: tuple[int, int]) -> None:
    distance = distances(*shape)
    torch.testing.assert_close(model(distance.mT), model(distance).mT, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("outside", [0.0, 1e6, torch.nan, torch.inf, -torch.inf])
def test_padding_changes_nothing_whatever_it_holds(model: Transformer, shape: tuple[int, int], outside: float) -> None:
    n, m = shape
    distance = distances(n, m)
    padded = torch.full((len(distance), n + 2, m + 3), outside)
    padded[:, :n, :m] = distance
    row_mask, col_mask = torch.arange(n + 2).expand(8, -1) < n, torch.arange(m + 3).expand(8, -1) < m
    found = model(padded, row_mask, col_mask)
    assert (found[:, n:] == -100).all()
    assert (found[:, :, m:] == -100).all()
    torch.testing.assert_close(found[:, :n, :m], model(distance), atol=1e-5, rtol=0)


def test_slots_without_a_possible_partner_are_like_masked_slots(model: Transformer) -> None:
    distance = distances(4, 5)
    row_mask = torch.arange(4).expand(8, -1) < 3
    forbidden = distance.masked_fill(~row_mask.unsqueeze(2), torch.inf)
    torch.testing.assert_close(model(forbidden), model(distance, row_mask), atol=1e-5, rtol=0)


def test_a_forbidden_pair_is_never_made_and_changes_the_others(model: Transformer) -> None:
    distance = distances(3, 3)
    distance[:, 0, 1] = torch.inf
    logits = model(distance)
    assert logits.isfinite().all()
    assert (logits[:, 0, 1] == -100).all()
    assert not torch.allclose(logits[:, 0, 0], model(distance.nan_to_num(posinf=1.0))[:, 0, 0], atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_row_and_no_column_has_two_pairs_even_untrained(shape: tuple[int, int]) -> None:
    found = torch.zeros(())
    for seed in range(5):
        torch.manual_seed(seed)
        eager = Transformer(TransformerConfig(channels=16, edge_channels=8, layers=1), shape)
        eager.score.weight.data *= 1000.0  # so that the untrained network makes pairs
        eager.unmatched.bias.data.fill_(-100.0)
        pairs = eager(distances(*shape, b=100)) > 0
        assert (pairs.sum(1) <= 1).all()
        assert (pairs.sum(2) <= 1).all()
        found = found + pairs.sum()
    assert found > 100


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_logit_is_the_score_against_the_sum_of_all_that_excludes_the_pair(model: Transformer, scale: float) -> None:
    for layer in (model.score, model.unmatched):
        layer.weight.data *= scale
    heard: list[torch.Tensor] = []
    for layer in (model.score, model.unmatched):
        layer.register_forward_hook(lambda _, __, output: heard.append(output[0].squeeze(-1).double()))
    with torch.no_grad():
        (logits,) = model(distances(3, 4, b=1))
    pair, rows, columns = heard
    for i in range(3):
        for j in range(4):
            rivals = [rows[i], columns[j]]
            rivals += [pair[i, k] for k in range(4) if k != j] + [pair[k, j] for k in range(3) if k != i]
            expected = pair[i, j] - torch.stack(rivals).logsumexp(0)
            assert logits[i, j].item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)


def test_attention_is_the_softmax_average_of_its_formula() -> None:
    torch.manual_seed(0)
    block = AttentionBlock(channels=6, heads=2, edge_channels=3).double()
    tokens, others, edges = (torch.randn(*shape).double() for shape in ((1, 2, 6), (1, 4, 6), (1, 2, 4, 3)))
    allowed = torch.tensor([[[True, True, False, True], [True, False, False, False]]])
    query, (key, value) = block.query(tokens)[0], block.key_value(others)[0].chunk(2, -1)
    gathered = []
    for i in range(2):
        messages, seen = [], []
        for head, part in enumerate((slice(0, 3), slice(3, 6))):
            bias = edges[0, i] @ block.bias.weight[head]  # type: ignore[union-attr]
            likely = ((key[:, part] @ query[i, part]) / 3**0.5 + bias).exp() * allowed[0, i]
            weights = likely / likely.sum()
            messages.append(weights @ value[:, part])
            seen.append(weights @ edges[0, i])
        gathered.append(torch.cat((tokens[0, i], *messages, *seen)))
    expected = tokens[0] + block.update(torch.stack(gathered))
    torch.testing.assert_close(block(tokens, others, allowed, edges)[0], expected)


def test_a_problem_alone_is_answered_as_in_a_batch(model: Transformer) -> None:
    distance = distances(3, 4)
    alone = torch.cat([model(one.unsqueeze(0)) for one in distance])
    torch.testing.assert_close(model(distance), alone, atol=1e-5, rtol=0)


def test_fully_masked_problems_have_no_pairs_and_finite_gradients(model: Transformer) -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    logits = model(torch.full((2, 3, 3), torch.nan), nothing, ~nothing)
    assert (logits == -100).all()
    logits.sum().backward()
    assert all(parameter.grad is not None and (parameter.grad == 0).all() for parameter in model.parameters())


def test_every_parameter_and_the_distance_get_finite_gradients(model: Transformer) -> None:
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
@pytest.mark.parametrize("largest", [2.0, 1e6])
def test_gradients_reach_every_problem(model: Transformer, n: int, largest: float) -> None:
    distance = (distances(n, n, 4) * largest / 2).requires_grad_()
    model(distance).square().sum().backward()
    assert distance.grad is not None
    assert distance.grad.isfinite().all()
    assert (distance.grad.abs().sum((1, 2)) > 0).all()


def test_gradient_of_the_distance_is_exact_in_float64() -> None:
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(channels=4, heads=2, edge_channels=4, layers=2), (2, 3)).double()
    distance = distances(2, 3, 2).double().requires_grad_()
    col_mask = torch.tensor([[True, True, True], [True, False, True]])
    assert torch.autograd.gradcheck(lambda matrix: model(matrix, None, col_mask), (distance,), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(model: Transformer, value: float) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"^distance is (nan|-inf) at problem 0, row 0, column 1"):
        model(torch.tensor([[[0.1, value]]]))


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"channels \(32\) must be a multiple of heads \(5\)"):
        TransformerConfig(heads=5)


@pytest.mark.parametrize(
    ("dataset", "samples", "floor"), [("doa-reference", (300, 500, 1500), 0.997), ("doa", 40_000, 0.998)]
)
def test_shipped_weights_find_the_pairs_of_both_tasks(dataset: str, samples: object, floor: float) -> None:
    problems = hnetzoo.load_dataset(dataset, samples=samples).load("test", seed=5)
    with torch.no_grad():
        found = hnetzoo.decode(hnetzoo.load_model("transformer")(problems.distance))
    both = (found & problems.association).sum()
    assert 2 * both / (found.sum() + problems.association.sum()) > floor
    assert (found.sum(1) <= 1).all()
    assert (found.sum(2) <= 1).all()
