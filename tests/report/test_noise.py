"""Rankings mark the models that are not shown to differ from the best one."""

import numpy as np
import torch

from hnetzoo.association.counts import Outcomes
from hnetzoo.benchmark.outcomes import pack_outcomes
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.report.noise import level_with_best
from hnetzoo.report.tables import report_tables
from tests.report.rows import report, row


def answered(model: str, share: float, draw: int, **fields: object) -> BenchmarkRow:
    """Return a row of 400 problems of one pair each, of which a share was found."""
    found = torch.from_numpy(np.random.default_rng(draw).random(400) < share).long()
    outcomes = pack_outcomes(Outcomes(found, 1 - found, 1 - found, found.bool(), found.bool()))
    return row(model, f1=float(found.float().mean()), outcomes=outcomes, **fields)


def test_only_those_within_the_interval_of_the_best_are_level_with_it() -> None:
    models = {"a": [answered("a", 0.9, 0)], "b": [answered("b", 0.9, 1)], "c": [answered("c", 0.5, 2)]}
    found = level_with_best(models)
    assert found.best in ("a", "b")
    assert found.models == {"a", "b"} - {found.best}
    assert found.problems == 400


def test_a_small_difference_on_the_same_problems_is_clear_where_it_never_turns() -> None:
    best = answered("best", 0.9, 0)
    found = torch.from_numpy(np.random.default_rng(0).random(400) < 0.9).long()
    found[found.nonzero()[:12]] = 0
    outcomes = pack_outcomes(Outcomes(found, 1 - found, 1 - found, found.bool(), found.bool()))
    worse = row("worse", f1=float(found.float().mean()), outcomes=outcomes)
    assert level_with_best({"best": [best], "worse": [worse]}).models == frozenset()


def test_the_mark_stands_beside_the_name_and_the_caption_explains_it() -> None:
    ranking = report_tables(report(answered("hungarian", 0.9, 0), answered("other", 0.9, 1)))[0]
    names = [cells[0] for cells in ranking.rows]
    assert sum(name.endswith(" ≈") for name in names) == 1
    assert "≈ Not shown to differ from the best" in ranking.caption
    assert "paired bootstrap over 400 problems" in ranking.caption


def test_without_kept_outcomes_nothing_is_marked() -> None:
    ranking = report_tables(report(row("hungarian"), row("other")))[0]
    assert "≈" not in ranking.caption
    assert [cells[0] for cells in ranking.rows] == ["hungarian", "other"]
