"""What advice looks at and chooses from follows the problems, and its verdict follows the intervals."""

import itertools
from types import SimpleNamespace

import pytest
import torch

import hnetzoo
from hnetzoo.benchmark.candidates import candidates
from hnetzoo.benchmark.facts import facts
from hnetzoo.benchmark.plan import Task
from hnetzoo.benchmark.significance import Difference
from hnetzoo.benchmark.verdict import verdict
from hnetzoo.registry.components import configure

REGISTRY = hnetzoo.discover()
TASK = Task(title="npz", dataset=configure(REGISTRY.dataset("npz"), {"path": "p.npz"}), given={"path": "p.npz"})


def batch(distance: torch.Tensor, association: torch.Tensor) -> hnetzoo.AssociationBatch:
    return hnetzoo.AssociationBatch.with_full_masks(distance, association)


def test_facts_are_those_of_plain_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    distance = torch.randint(0, 4, (40, 2, 3), generator=generator).float()
    distance[distance == 3] = torch.inf
    truth = hnetzoo.assign(torch.rand(40, 2, 3, generator=generator)) & distance.isfinite()
    seen = facts(batch(distance, truth))
    finite = sorted(value for value in distance.flatten().tolist() if value != float("inf"))
    lines = [[*matrix.tolist(), *matrix.T.tolist()] for matrix in distance]
    ties = [any(line.count(min(line)) > 1 for line in several if min(line) < float("inf")) for several in lines]
    assert seen.ties == pytest.approx(sum(ties) / 40)
    assert seen.distances == (finite[0], finite[(len(finite) - 1) // 2], finite[-1])
    assert seen.forbidden == pytest.approx(float(distance.isinf().float().mean()))
    assert seen.pairs == pytest.approx(int(truth.sum()) / 40)
    assert seen.unmatched == pytest.approx(1 - 2 * int(truth.sum()) / (40 * 5))
    same = [bool((hnetzoo.assign(distance[k : k + 1]) == truth[k]).all()) for k in range(40)]
    assert seen.optimal == pytest.approx(sum(same) / 40)


def test_nothing_at_all_is_looked_at_without_an_error() -> None:
    empty = batch(torch.zeros(0, 2, 2), torch.zeros(0, 2, 2, dtype=torch.bool))
    forbidden = batch(torch.full((2, 2, 2), torch.inf), torch.zeros(2, 2, 2, dtype=torch.bool))
    assert facts(empty).problems == 0
    assert facts(forbidden).forbidden == 1.0


@pytest.mark.parametrize("unit", [0.01, 1.0, 57.3])
def test_gates_follow_the_unit_and_the_first_gates_nothing(unit: float) -> None:
    distance = unit * torch.rand(100, 3, 3, generator=torch.Generator().manual_seed(0))
    known = candidates(REGISTRY, batch(distance, hnetzoo.assign(distance)), ["exchangeable"])
    gates = next(one.entry.tune["gate"] for one in known if one.entry.name == "hungarian-gated")
    assert len(gates) > 40
    assert list(gates) == sorted(gates, reverse=True)
    assert gates[0] > float(distance.max())
    assert all(first / second < 3 for first, second in itertools.pairwise(gates[:-10]))
    asked = next(one.entry.tune for one in known if one.entry.title == "exchangeable, as it is")
    assert asked == {"truth": ("any", "activity", "identity")}
    assert [one.entry.title for one in known if one.role == "network"] == [
        "exchangeable, as it is",
        "exchangeable, fine-tuned",
    ]


def test_models_that_take_features_are_considered_where_there_are_some() -> None:
    distance = torch.rand(10, 2, 2)
    plain = batch(distance, hnetzoo.assign(distance))
    shown = plain._replace(row_features=torch.rand(10, 2, 3), col_features=torch.rand(10, 2, 3))
    names = [{one.entry.name for one in candidates(REGISTRY, given, ["exchangeable"])} for given in (plain, shown)]
    assert "motion" in names[1] - names[0]


def difference(low: float, high: float) -> Difference:
    return Difference(value=(low + high) / 2, low=low, high=high, problems=100)


CLEAR, UNCLEAR, WORSE = difference(0.01, 0.03), difference(-0.01, 0.03), difference(-0.03, -0.01)


@pytest.mark.parametrize(
    ("gain", "learned", "optimal", "choice"),
    [
        (CLEAR, CLEAR, 0.5, "network"),
        (None, CLEAR, 1.0, "network"),
        (CLEAR, UNCLEAR, 0.5, "gate"),
        (CLEAR, WORSE, 0.5, "gate"),
        (CLEAR, None, 0.5, "gate"),
        (UNCLEAR, UNCLEAR, 0.5, "no difference"),
        (WORSE, UNCLEAR, 0.5, "no difference"),
        (None, UNCLEAR, 0.5, "no difference"),
        (None, WORSE, 1.0, "exact"),
    ],
)
def test_the_verdict_is_what_is_clear(
    gain: Difference | None, learned: Difference | None, optimal: float, choice: str
) -> None:
    exact, solver, network = (
        SimpleNamespace(name=name, label=name, settings=settings, training={})
        for name, settings in (("hungarian", ""), ("hungarian-gated", "gate=0.5"), ("exchangeable", ""))
    )
    seen = SimpleNamespace(optimal=optimal)
    best = None if learned is None else network
    found = verdict(seen, exact, solver if gain else exact, best, gain, learned, TASK)  # type: ignore[arg-type]
    assert found.choice == choice
    assert found.command.startswith("hnetzoo associate ")
    assert "p.npz" in found.command


@pytest.mark.parametrize("task", [TASK, Task(title="doa", dataset=configure(REGISTRY.dataset("doa")), given={})])
def test_the_command_has_the_settings_that_were_measured(task: Task) -> None:
    exact, network = (
        SimpleNamespace(name=name, label=name, settings=settings, training={})
        for name, settings in (("hungarian", ""), ("exchangeable", "truth=identity"))
    )
    found = verdict(SimpleNamespace(optimal=0.5), exact, exact, network, None, CLEAR, task)  # type: ignore[arg-type]
    if task is TASK:
        assert found.command == "hnetzoo associate exchangeable p.npz --set model.truth=identity"
    else:
        assert eval(found.command).config.truth == "identity"
