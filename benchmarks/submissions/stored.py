"""What a submission is held against: the stored result of its suite, and the names that are taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.submissions.document import Digest
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.provenance import CORE
from hnetzoo.registry.specs import SYNTHETIC

ROOT = Path(__file__).parents[1]
"""The folder of the leaderboard: suites/NAME.toml, results/NAME.json, and results/submitted/*.json."""
OTHER_STUDIES = {"tracking"}  # suites that `hnetzoo benchmark` does not run


@dataclass(frozen=True)
class Stored:
    """The stored result of a suite; `taken` names the submissions that others have made, by title."""

    report: BenchmarkReport
    registry: Registry
    taken: Mapping[str, str]

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the suite."""
        return tuple(sorted({row.seed for row in self.report.rows}))

    @cached_property
    def digests(self) -> dict[Digest, str]:
        """The tasks and seeds of the test problems, by digest."""
        return {
            digest: f"{task}, seed {seed}"
            for task, known in self.report.tasks.items()
            for seed, digest in known["sha256"].items()
        }

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of our models, with labels of the suite, as `spoken` returns them."""
        registered = (
            name for name, spec in self.registry.models.items() if self.registry.provider(spec).distribution == CORE
        )
        return frozenset(map(spoken, (*registered, *(row.model for row in self.report.rows))))

    def row(self, task: str, seed: int) -> BenchmarkRow:
        """Return our first row of a task and seed, that of the baseline if there is one."""
        return next(row for row in self.report.rows if (row.dataset, row.seed) == (task, seed))

    def block(self, task: str) -> int:
        """Return how many neighbouring problems of a task are drawn together."""
        dataset = self.registry.dataset(self.report.tasks[task]["dataset"])
        return int(getattr(dataset.load_target(), "block", 1))

    def redrawn(self, task: str) -> bool:
        """Return whether each seed has test problems of its own."""
        return SYNTHETIC in self.registry.dataset(self.report.tasks[task]["dataset"]).tags


def suites(root: Path = ROOT) -> list[str]:
    """Return the suites that have a stored result of models by tasks."""
    names = (path.stem for path in (root / "suites").glob("*.toml") if path.stem not in OTHER_STUDIES)
    return sorted(name for name in names if result(name, root).exists())


def result(suite: str, root: Path = ROOT) -> Path:
    """Return the path of the stored result of a suite."""
    return root / "results" / f"{suite}.json"


def submissions(root: Path = ROOT) -> list[Path]:
    """Return the paths of the submissions that are kept."""
    return sorted((root / "results" / "submitted").glob("*.json"))


def spoken(name: str) -> str:
    """Return a model's name without what is easily overlooked.

    Example:
        >>> spoken("hnet-gru@small"), spoken("hnetgru")
        ('hnetgru', 'hnetgru')
    """
    return name.partition("@")[0].replace("-", "").lower()
