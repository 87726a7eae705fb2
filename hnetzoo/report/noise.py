"""Which models of a task are not shown to differ from the best one."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.benchmark.significance import CONFIDENCE, paired_difference

LEVEL = "≈"


class Level(NamedTuple):
    """The best model by F1, those that are not shown to differ from it, and on how many problems that was judged."""

    best: str
    models: frozenset[str]
    problems: int

    def caption(self) -> str:
        """Return what the mark `LEVEL` says; empty where no model has it."""
        judged = f"{CONFIDENCE:.0%} intervals of a paired bootstrap over {self.problems:,} problems"
        return f"{LEVEL} Not shown to differ from the best, {self.best}: {judged}." if self.models else ""


def level_with_best(models: Mapping[str, Sequence[BenchmarkRow]], block: int = 1, *, redrawn: bool = True) -> Level:
    """Return which models are level with the best one; none where what became of each problem was not kept.

    Args:
        models: The rows of every model, one for each seed.
        block: Neighbouring problems that are drawn together.
        redrawn: Whether each seed has problems of its own.

    Raises:
        DataError: If kept outcomes cannot be read.

    Example:
        >>> level_with_best({})
        Level(best='', models=frozenset(), problems=0)
    """
    kept = {
        model: {row.seed: row for row in rows} for model, rows in models.items() if all(row.outcomes for row in rows)
    }
    if len(kept) < 2 or len(kept) < len(models):
        return Level("", frozenset(), 0)
    best = max(kept, key=lambda model: sum(row.f1 for row in kept[model].values()) / len(kept[model]))
    level, problems = set(), 0
    for model, rows in kept.items():
        seeds = [seed for seed in rows if seed in kept[best]]
        if model != best and seeds:
            pairs = ([unpack_outcomes(of[seed].outcomes) for seed in seeds] for of in (kept[best], rows))
            difference = paired_difference(*pairs, block=block, redrawn=redrawn)
            problems = max(problems, difference.problems)
            if not difference.clear:
                level.add(model)
    return Level(best, frozenset(level), problems)
