"""Programs of torch.export."""

import pytest
import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo import AssociationBatch, ExportError
from hnetzoo.export import Agreement, compare, program

Shape = tuple[int, int] | None


def agreement_of(model: nn.Module, shape: Shape = None) -> Agreement:
    exported = program(model, shape).module(check_guards=False)
    return compare(model, lambda batch: exported(*batch.problems, **batch.features), shape=shape)


def test_a_program_of_a_fixed_size_answers_for_any_number_of_problems() -> None:
    agreement = agreement_of(hnetzoo.load_model("hnetgru"), (2, 2))
    assert agreement.problems == 100
    assert agreement.largest_difference < 1e-4


class Transported(hnetzoo.AssociationModel):
    """Transport in a loop of twelve steps."""

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        costs = hnetzoo.unmatched_costs(distance, allowed, "never")
        return hnetzoo.transport_logits(distance, allowed, *costs, hnetzoo.Annealing(12, end=1e-2))


def test_transport_stays_a_loop_and_gives_the_same_plan() -> None:
    model = Transported()
    exported = program(model)
    nodes = [node for node in exported.graph.nodes if node.op == "call_function"]
    assert sum(node.target is torch.ops.higher_order.scan for node in nodes) == 1
    assert len(nodes) < 250
    answer = exported.module(check_guards=False)
    agreement = compare(model, lambda batch: answer(*batch.problems), shape=(8, 2))
    assert agreement.largest_difference < 1e-3


class Recurrent(hnetzoo.AssociationModel):
    """Both ways along the rows, and along all pairs that are allowed, of two layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.along_pairs = hnetzoo.GRU(1, 4, 2, bidirectional=True)
        self.along_rows = hnetzoo.GRU(8, 4, bidirectional=True)

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        pairs = self.along_pairs(distance.flatten(1).unsqueeze(-1), mask=allowed.flatten(1))
        pairs = pairs.view(*distance.shape, 8).masked_fill(~allowed.unsqueeze(-1), 0.0)
        b, n, _ = distance.shape
        lengths = torch.arange(b) % n + 1
        rows = self.along_rows(pairs.sum(2), lengths=lengths)
        rows = rows.masked_fill(torch.arange(n).view(1, n, 1) >= lengths.view(b, 1, 1), 0.0)
        return (pairs + rows.unsqueeze(2)).sum(-1)


def test_a_bidirectional_recurrent_layer_takes_any_number_of_steps() -> None:
    assert agreement_of(Recurrent().eval()).largest_difference < 1e-5


class Boxes(hnetzoo.FeatureModel):
    """Distances between features."""

    feature_count = 3

    def logits(
        self,
        distance: Tensor,
        allowed: Tensor,
        row_features: Tensor | None = None,
        col_features: Tensor | None = None,
    ) -> Tensor:
        assert row_features is not None
        assert col_features is not None
        return 1.0 - distance - (row_features.unsqueeze(2) - col_features.unsqueeze(1)).abs().sum(-1)


def test_a_model_that_takes_features_is_given_them() -> None:
    assert agreement_of(Boxes()).largest_difference < 1e-5


def test_a_program_leaves_the_model_as_it_was() -> None:
    model = hnetzoo.load_model("dual-softmax").train()
    program(model)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


class Frozen(hnetzoo.AssociationModel):
    """It reads how many rows there are as a number."""

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        return distance + torch.nn.functional.one_hot(distance.argmin(1), int(distance.shape[1])).mT


def test_a_model_that_would_freeze_a_size_is_refused() -> None:
    with pytest.raises(ExportError, match=r"^Frozen cannot be exported: torch.export says UserError: Constraints viol"):
        program(Frozen())


def test_a_solver_outside_torch_is_refused() -> None:
    with pytest.raises(ExportError, match=r"^Hungarian cannot be exported: .* a model must consist of torch's own"):
        program(hnetzoo.load_model("hungarian"))


def test_errors_of_the_model_itself_stay_its_own() -> None:
    class Other(hnetzoo.AssociationModel):
        def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
            raise hnetzoo.ShapeError("problems are others")

    with pytest.raises(hnetzoo.ShapeError, match=r"^problems are others$"):
        program(Other())


def test_compare_asks_with_features_and_masks() -> None:
    asked: list[AssociationBatch] = []
    model = Boxes()

    def answer(batch: AssociationBatch) -> Tensor:
        asked.append(batch)
        with hnetzoo.skip_value_checks():
            return model(*batch.problems, **batch.features)

    compare(model, answer, shape=(2, 3))
    assert all(batch.row_features is not None for batch in asked)
