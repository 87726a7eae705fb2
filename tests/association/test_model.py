"""The base class of models: the inputs of a subclass, and the outputs of the model."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import hnetzoo
from hnetzoo import AssociationModel, DataError, ShapeError


class Spy(AssociationModel):
    """Keeps its inputs, and returns garbage for impossible pairs."""

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        self.distance, self.allowed = distance, allowed
        return torch.where(allowed, 1 - distance, torch.nan)


def test_a_subclass_sees_clean_distances_and_its_garbage_is_replaced() -> None:
    spy = Spy()
    distance = torch.tensor([[[0.5, torch.inf, torch.nan], [torch.nan, -torch.inf, torch.nan]]])
    logits = spy(distance, torch.tensor([[True, False]]), torch.tensor([[True, True, False]]))
    assert spy.distance.tolist() == [[[0.5, 0, 0], [0, 0, 0]]]
    assert spy.allowed.tolist() == [[[True, False, False], [False, False, False]]]
    assert logits.tolist() == [[[0.5, -100, -100], [-100, -100, -100]]]


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 2.0, 1e30, float("inf")]), min_size=3, max_size=3), min_size=1, max_size=4
    )
)
def test_a_forbidden_pair_is_impossible_and_changes_nothing_else(matrix: list[list[float]]) -> None:
    distance = torch.tensor([matrix])
    logits = Spy()(distance)
    assert torch.equal(logits == hnetzoo.IMPOSSIBLE, distance.isinf())
    assert torch.equal(logits[distance.isfinite()], 1 - distance[distance.isfinite()])


@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 3), (2, 3, 0), (1, 0, 0)])
def test_empty_problems_get_empty_logits_without_calling_the_subclass(shape: tuple[int, ...]) -> None:
    spy = Spy()
    assert spy(torch.zeros(shape)).shape == shape
    assert not hasattr(spy, "distance")


def test_unusable_inputs_are_refused() -> None:
    with pytest.raises(DataError, match=r"distance is of torch\.int64; models take floats: pass distance\.float"):
        Spy()(torch.ones(1, 2, 2, dtype=torch.int64))
    with pytest.raises(ShapeError, match="add a batch axis"):
        Spy()(torch.ones(2, 2))
    with pytest.raises(DataError, match="distance is nan at problem 0, row 1, column 0"):
        Spy()(torch.tensor([[[0.0], [torch.nan]]]))


@pytest.mark.parametrize("name", ["distance", "row_mask", "col_mask"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (np.asarray, r"a numpy array; pass torch\.from_numpy\({0}\)"),
        (list, r"of type list; pass torch\.tensor\({0}\)"),
    ],
)
def test_what_is_no_tensor_is_refused_by_name_with_what_to_pass(name: str, kind: Callable[..., Any], said: str) -> None:
    given = {"distance": torch.rand(1, 2, 2), "row_mask": torch.ones(1, 2) > 0, "col_mask": torch.ones(1, 2) > 0}
    given[name] = kind(given[name].tolist())
    for model in (Spy(), hnetzoo.load_model("hnetgru"), hnetzoo.load_model("hungarian")):
        with pytest.raises(DataError, match=f"^{name} is {said.format(name)}$"):
            model(**given)


def test_value_checks_can_be_skipped_and_are_restored() -> None:
    unknown = torch.tensor([[[0.0, torch.nan]]])
    with hnetzoo.skip_value_checks():
        assert Spy()(unknown).tolist() == [[[1.0, -100.0]]]
        with pytest.raises(ShapeError):
            Spy()(torch.ones(2, 2))
    with pytest.raises(DataError):
        Spy()(unknown)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_logits_have_the_type_of_the_distances(dtype: torch.dtype) -> None:
    assert Spy()(torch.ones(1, 2, 2, dtype=dtype)).dtype == dtype


def test_a_model_is_found_inside_its_wrappers() -> None:
    spy = Spy()
    assert hnetzoo.unwrapped(spy) is spy
    assert hnetzoo.unwrapped(torch.compile(nn.DataParallel(spy), backend="eager")) is spy
