"""Several processes share every batch, and train as one does."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn

from hnetzoo.errors import ConfigError, ResourceError
from hnetzoo.training import ranks as places
from hnetzoo.training.data_parallel import DataParallelModel, own_problems
from hnetzoo.training.ranks import Ranks, check_processes, told_once
from tests.training.direct import problems
from tests.training.together import difference, train_as, train_together


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", places.ATTEMPT):
        monkeypatch.delenv(name, raising=False)


def test_two_processes_see_the_same_batches_and_take_the_steps_of_one(tmp_path: Path) -> None:
    (tmp_path / "both").mkdir()
    alone = train_as(Ranks(), tmp_path)
    both = train_together(2, tmp_path / "both")
    for record in both:
        assert record["seen"] == alone["seen"]
        assert difference(alone, record, "losses") < 1e-12
        assert difference(alone, record, "weights") < 1e-12
        assert (record["best"], record["epochs"], record["f1"]) == (alone["best"], alone["epochs"], alone["f1"])
    assert alone["best"] < alone["epochs"], "patience ends it, in both"
    assert both[0]["weights"] == both[1]["weights"]
    assert [record["written"] for record in both] == [True, False]
    assert [record["threads"] for record in both] == [[], []], "the interpreter would end under them, and abort"


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_every_problem_is_answered_in_its_place_and_all_processes_answer_equally_many(count: int, size: int) -> None:
    parts = [own_problems(count, Ranks(rank, size)).tolist() for rank in range(size)]
    assert len({len(part) for part in parts}) == 1
    answered = [problem for part in parts for problem in part]
    assert answered[:count] == list(range(count))
    assert len(answered) < count + size


class Dropping(nn.Module):
    """Logits of ones, of which dropout keeps some."""

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return nn.functional.dropout(torch.ones_like(distance), 0.5, self.training)


def test_processes_draw_their_own_noise_and_leave_the_generator_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "all_gather", lambda parts, own: [part.copy_(own) for part in parts])
    batch = problems(40, 0).problems

    def logits(rank: int, seed: int) -> Tensor:
        model = DataParallelModel(Dropping(), Ranks(rank, 2))
        model.seed(seed)
        before = torch.get_rng_state()
        answers = torch.stack([model(*batch), model(*batch)])
        assert torch.equal(torch.get_rng_state(), before)
        return answers

    first = logits(0, 0)
    assert torch.equal(first, logits(0, 0))
    assert not torch.equal(first[0], first[1])
    for other in (logits(1, 0), logits(0, 1)):
        assert not torch.equal(first, other)


def test_ranks_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Ranks.of_this_process() == Ranks(0, 1, 1)
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    assert Ranks.of_this_process() == Ranks(3, 4, 2)
    assert not Ranks.of_this_process().restarted
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert Ranks.of_this_process().restarted


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WORLD_SIZE", "two", "WORLD_SIZE is 'two', and not a number"),
        ("RANK", "-1", "RANK is '-1', and not a number"),
        ("RANK", "2", "RANK is 2, and WORLD_SIZE 2"),
    ],
)
def test_a_wrong_environment_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said):
        Ranks.of_this_process()


@pytest.mark.parametrize(("ranks", "waits"), [(Ranks(), 0), (Ranks(0, 2), 0), (Ranks(1, 2), 1)])
def test_the_first_process_tells_an_error_before_the_others(
    monkeypatch: pytest.MonkeyPatch, ranks: Ranks, waits: int
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(places.time, "sleep", waited.append)
    with pytest.raises(ConfigError, match="wrong"), told_once(ranks):
        raise ConfigError("wrong")
    assert sum(waited) == waits * places.SILENT_S


def test_a_process_that_loses_another_waits_to_be_ended_before_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(places.time, "sleep", waited.append)
    with pytest.raises(ResourceError, match="another process of the training has ended"), told_once(Ranks(0, 2)):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:1] Connection closed by peer [127.0.0.1]:1")
    assert sum(waited) > places.SILENT_S


def test_more_processes_than_problems_of_a_batch_are_refused() -> None:
    check_processes(4, "mine", 4, fitted=False)
    with pytest.raises(ConfigError, match="5 processes exceed the 4 problems of a batch"):
        check_processes(5, "mine", 4, fitted=False)
