"""The table "Which one do I use?" of README.md: each model is for what its row says, and answers such problems."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

import hnetzoo
from hnetzoo import AssociationBatch
from hnetzoo.association.counts import compare
from hnetzoo.registry import scope_check
from hnetzoo.registry.cards import read_card
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.specs import ModelSpec

README = (Path(__file__).parents[1] / "README.md").read_text()
PROBLEMS = 150
LARGE = 12  # slots a side, to stand for any number
OTHER_UNIT = 8.0  # a factor of all distances, which a model of any unit does not mind
MEANINGS = {  # how a scope calls them
    "all that can be paired is": "assignment",
    "nearer than a gate": "assignment within a gate",
    "both are active, which is hidden": "activity",
    "both are of one source": "identity",
    "both are one person's box": "identity",
}


class Row(NamedTuple):
    """A row of the table, as it is written."""

    meaning: str
    unit: str
    slots: str
    masks: str
    gradient: str
    model: str
    settings: str
    least_f1: str

    @property
    def name(self) -> str:
        return self.model.split("`")[1]

    @property
    def given(self) -> dict[str, float | str]:
        texts = re.findall(r'(\w+)="(\w+)"', self.settings)
        return {**dict(texts), **{name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", self.settings)}}

    @property
    def has_unit(self) -> bool:
        """Whether its distances, or a number of its settings, have a unit."""
        return self.unit != "any" or any(isinstance(value, float) for value in self.given.values())

    @property
    def sizes(self) -> tuple[int, int]:
        """The fewest and the most slots of a side."""
        numbers = [int(number) for number in re.findall(r"\d+", self.slots)] or [1, LARGE]
        return numbers[0], numbers[-1]

    @property
    def spec(self) -> ModelSpec:
        return hnetzoo.discover().model(self.name)


def rows() -> list[Row]:
    section = README.partition("## Which one do I use?")[2].partition("\n## ")[0]
    lines = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [Row(*(cell.strip() for cell in cells)) for cells in lines[2:]]


def drawn(name: str, **settings: object) -> AssociationBatch:
    batch = hnetzoo.load_dataset(name, **settings).load("test", seed=7)
    assert len(batch.distance) >= PROBLEMS
    return batch.select(torch.linspace(0, len(batch.distance) - 1, PROBLEMS).long())  # kinds may stand in order


def assignments(row: Row) -> AssociationBatch:
    return drawn("lsap", max_size=row.sizes[1], samples=10 * PROBLEMS)


def gated(row: Row) -> AssociationBatch:
    """Points of a plane, some found again a little off and some clutter; the truth is the exact solver's, gated."""
    generator = torch.Generator().manual_seed(7)
    points = 10 * torch.rand(PROBLEMS, LARGE, 2, generator=generator)
    noise = 0.1 * torch.randn(points.shape, generator=generator)
    found = torch.rand(PROBLEMS, LARGE, 1, generator=generator) < 0.8
    others = torch.where(found, points + noise, 10 * torch.rand(points.shape, generator=generator))
    distance = torch.cdist(points, others)
    masks = (torch.rand(PROBLEMS, LARGE, generator=generator) < 0.8 for _ in range(2))
    full = AssociationBatch(distance, torch.zeros(distance.shape, dtype=torch.bool), *masks)
    return full._replace(association=hnetzoo.assign(*full.problems, gate=0.5)).shuffle_slots(generator)


def hidden_activity(row: Row) -> AssociationBatch:
    if row.masks == "no":
        return drawn("doa-reference", samples=(300, 300, 300))
    batch = drawn("doa", max_doas=4, samples=10 * PROBLEMS)  # all slots exist; then two masked ones more
    return batch.pad(6, 6).shuffle_slots(torch.Generator().manual_seed(7))


def identities(row: Row) -> AssociationBatch:
    return drawn("doa-tracks", samples=10 * PROBLEMS)


def boxes(row: Row) -> AssociationBatch:
    return drawn("box-tracks", samples=10 * PROBLEMS)


PROBLEMS_OF: dict[str, Callable[[Row], AssociationBatch]] = {
    "all that can be paired is": assignments,
    "nearer than a gate": gated,
    "both are active, which is hidden": hidden_activity,
    "both are of one source": identities,
    "both are one person's box": boxes,
}


def ask(row: Row, batch: AssociationBatch, **changed: Tensor) -> Tensor:
    model = hnetzoo.load_model(row.name, **row.given)
    features = batch.features if "features" in row.spec.tags else {}
    distance, row_mask, col_mask = batch.problems
    logits: Tensor = model(changed.get("distance", distance), row_mask, col_mask, **features)
    return logits


def f1(logits: Tensor, batch: AssociationBatch) -> float:
    association = hnetzoo.decode(logits, batch.row_mask, batch.col_mask)
    return compare(association, batch).total().f1


@pytest.fixture(params=rows(), ids=lambda row: f"{row.name}-{row.meaning.replace(' ', '-')}")
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture(autouse=True)
def _nothing_warned_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_check, "_warned", set())


def test_the_table_has_a_row_for_every_meaning_with_and_without_gradient() -> None:
    assert {row.meaning for row in rows()} == set(MEANINGS)
    assert {row.gradient for row in rows()} == {"yes", "no"}


@pytest.mark.filterwarnings("error")
def test_model_answers_the_problems_of_its_row_without_a_warning(row: Row) -> None:
    batch = PROBLEMS_OF[row.meaning](row)
    assert bool(batch.cells.all()) == (row.masks == "no")
    with torch.no_grad():
        assert f1(ask(row, batch), batch) >= float(row.least_f1)


@pytest.mark.filterwarnings("error")
def test_the_same_problems_make_weights_for_others_warn() -> None:
    other = next(row for row in rows() if row.name == "exchangeable")
    with pytest.raises(hnetzoo.errors.ScopeWarning, match="dual-softmax"):
        hnetzoo.load_model("dual-softmax")(*identities(other).problems)


@pytest.mark.filterwarnings("error")
def test_model_of_any_unit_answers_in_another(row: Row) -> None:
    if row.has_unit:
        pytest.skip("its distances, or its settings, have a unit")
    batch = PROBLEMS_OF[row.meaning](row)
    with torch.no_grad():
        assert f1(ask(row, batch, distance=OTHER_UNIT * batch.distance), batch) >= float(row.least_f1)


def test_weights_say_that_they_are_for_what_the_row_says(row: Row) -> None:
    if "non-learned" in row.spec.tags:
        assert row.unit == "any"
        assert row.slots == "any"
        assert "fixed-size" not in row.spec.tags
        return
    (pretrained,) = (one for one in row.spec.pretrained if one.variant == "default")
    scope = Scope.from_json(read_card(pretrained).scope, pretrained.card)
    assert scope is not None
    assert scope.slots == row.sizes
    assert scope.masks == (row.masks == "yes")
    assert scope.unit in (row.unit, "mixed")
    assert scope.means(MEANINGS[row.meaning])
    assert ("features" in row.spec.tags) == ("features" in row.model)


def test_gradient_passes_where_the_row_says_so(row: Row) -> None:
    assert (row.gradient == "yes") == ("non-differentiable" not in row.spec.tags)
    batch = PROBLEMS_OF[row.meaning](row).select(slice(0, 8))
    distance = batch.distance.clone().requires_grad_()
    logits = ask(row, batch, distance=distance)
    assert logits.requires_grad == (row.gradient == "yes")
    if logits.requires_grad:
        logits[batch.cells].sigmoid().sum().backward()
        assert distance.grad is not None
        assert float(distance.grad.abs().sum()) > 0
