"""Shipped models under torch.compile, torch.export, DistributedDataParallel, and in 16-bit floats."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn

import hnetzoo
from hnetzoo.registry.components import configure

Wrap = Callable[[nn.Module], nn.Module]
NETWORKS = ("hnetgru", "dhn", "dual-softmax", "exchangeable", "transformer")
SENSITIVE = ("exchangeable",)  # its present weights decide more problems by small differences than others do
COMPILED = (*NETWORKS, "sinkhorn")
FEW_STEPS = {"sinkhorn": {"iterations": 10}, "exchangeable": {"transport_steps": 10}}  # tracing takes the time
HALF = (torch.float16, torch.bfloat16)


def masked_problems(b: int = 6, n: int = 2, m: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Return problems with masked slots, NaN there, and forbidden pairs between the others."""
    generator = torch.Generator().manual_seed(0)
    distance = 2 * torch.rand(b, n, m, generator=generator)
    row_mask, col_mask = torch.ones(b, n, dtype=torch.bool), torch.ones(b, m, dtype=torch.bool)
    row_mask[0, -1] = col_mask[1, 0] = False
    distance[2, 0, 0] = torch.inf
    distance[0, -1] = torch.nan
    return distance, row_mask, col_mask


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def reference_distances() -> Tensor:
    return hnetzoo.load_dataset("doa-reference", samples=(100, 150, 500)).load("test", seed=0).distance


def load(name: str) -> nn.Module:
    return hnetzoo.load_model(name, **FEW_STEPS.get(name, {})).requires_grad_(False)


@pytest.mark.parametrize("name", COMPILED)
def test_a_model_compiles_as_one_graph_with_the_logits_of_eager_mode(name: str) -> None:
    model, problems = load(name), masked_problems()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*problems), model(*problems))
    unmasked = problems[0][3:]
    torch.testing.assert_close(compiled(unmasked), model(unmasked))


@pytest.mark.parametrize("name", COMPILED)
def test_gradients_pass_through_a_compiled_frozen_model(name: str) -> None:
    model = load(name)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    gradients = []
    for matcher in (model, compiled):
        distance = masked_problems()[0][3:].clone().requires_grad_()
        matcher(distance).sigmoid().sum().backward()
        gradients.append(distance.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", ["dual-softmax", "exchangeable", "transformer", "sinkhorn"])
def test_a_model_is_exported_with_its_masks(name: str) -> None:
    model, problems = load(name), masked_problems(n=3, m=4)
    exported = torch.export.export(model, problems).module()
    torch.testing.assert_close(exported(*problems), model(*problems))


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # raised inside the compiler
def test_the_default_compiler_gives_equal_logits() -> None:
    model = hnetzoo.load_model("dual-softmax")
    compiled = torch.compile(model, fullgraph=True)
    torch.testing.assert_close(compiled(*masked_problems()), model(*masked_problems()))


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_decodes_as_float32_except_for_ties(name: str, dtype: torch.dtype) -> None:
    """A tie is a problem that float32 decodes differently after distances change by two units of rounding.

    Weights are rounded too: float32 computes with the rounded ones here, and the exact ones answer alike.
    """
    exact, distance = hnetzoo.load_model(name), reference_distances().to(dtype)
    half = copy.deepcopy(exact).to(dtype)
    model, logits = copy.deepcopy(half).float(), half(distance)
    assert logits.dtype == dtype
    assert logits.isfinite().all()
    expected = hnetzoo.decode(model(distance.float()))
    different = torch.zeros(len(distance), dtype=torch.bool)
    for other in (logits, exact(distance.float())):
        different |= (hnetzoo.decode(other) != expected).flatten(1).any(1)
    generator = torch.Generator().manual_seed(0)
    tie = torch.zeros_like(different)
    for _ in range(20):
        change = 2 * torch.finfo(dtype).eps * (2 * torch.rand(distance.shape, generator=generator) - 1)
        tie |= (hnetzoo.decode(model(distance.float() * (1 + change))) != expected).flatten(1).any(1)
    assert not (different & ~tie).any()
    assert tie.float().mean() < (0.15 if name in SENSITIVE else 0.1)


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name", ["sinkhorn", "perturbed", "hungarian", "greedy", "mutual-nearest"])
def test_half_precision_decodes_exactly_as_float32_where_there_are_no_weights(name: str, dtype: torch.dtype) -> None:
    model, distance = hnetzoo.load_model(name), reference_distances().to(dtype)
    assert torch.equal(hnetzoo.decode(model(distance)), hnetzoo.decode(model(distance.float())))


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name", [*COMPILED, "perturbed"])
def test_the_largest_numbers_of_a_type_give_finite_logits(name: str, dtype: torch.dtype) -> None:
    model = hnetzoo.load_model(name).to(dtype)
    for value in (0.0, torch.finfo(dtype).smallest_normal, 1e4, torch.finfo(dtype).max):
        problems = torch.full((2, 2, 2), value, dtype=dtype)
        problems[1, 0, 0] = 0.0
        assert model(problems).isfinite().all(), value


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize(
    "wrap", [nn.parallel.DistributedDataParallel, lambda model: torch.compile(model, backend="eager")]
)
def test_a_wrapped_model_is_trained_with_the_same_losses_and_gradients(wrap) -> None:
    model = hnetzoo.load_model("exchangeable", weights=None)
    trainer = configure(hnetzoo.discover().trainer("exchangeable")).build()
    batch = hnetzoo.load_dataset("doa", samples=160).load("test", seed=0)
    found = []
    for wrapped in (model, wrap(model)):
        model.zero_grad()
        losses = trainer.losses(wrapped, batch)
        torch.stack(list(losses.values())).sum().backward()
        found.append([*losses.values(), *(parameter.grad.clone() for parameter in model.parameters())])
    torch.testing.assert_close(*found)
    assert hnetzoo.unwrapped(wrap(model)) is model
