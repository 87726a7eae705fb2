"""A dataset and a seed, and all that is drawn from them: drawn when first asked for, and once."""

from functools import cached_property
from pathlib import Path
from typing import Any

from hnetzoo.association.batch import AssociationBatch, Split
from hnetzoo.association.contracts import Dataset
from hnetzoo.association.splits import load_split
from hnetzoo.benchmark.scoring import ORIGIN_METRIC, Problems, load_problems
from hnetzoo.benchmark.suite import Entry, dataset_of
from hnetzoo.digests import digest_tensors
from hnetzoo.registry.lookup import Registry
from hnetzoo.training.fit import SYNTHETIC


class Task:
    """What models are held against.

    Args:
        entry: The dataset as the suite names it.
        seed: Draws the splits.
        registry: Where names are looked up.
        data: The folder that relative paths are seen from.
    """

    def __init__(self, entry: Entry, seed: int, registry: Registry, data: Path) -> None:
        self.entry, self.seed = entry, seed
        self.component = dataset_of(entry, registry, data)
        self.dataset: Dataset = self.component.build()

    @cached_property
    def test(self) -> Problems:
        """The problems that report."""
        origin_metric = ORIGIN_METRIC in self.component.spec.tags
        return load_problems(
            self.entry.title, self.dataset, "test", self.seed, origin_metric=origin_metric, batch=self._reporting
        )

    @cached_property
    def validation(self) -> AssociationBatch:
        """The problems that select."""
        return load_split(self.dataset, "validation", self.seed)

    @cached_property
    def problems(self) -> int:
        """How many report."""
        return len(self._reporting.distance)

    @cached_property
    def sha256(self) -> str:
        """The identity of the problems that report."""
        return digest_tensors(self._reporting.tensors)

    @property
    def identity(self) -> dict[str, Any]:
        """Tell this task from every other."""
        return {
            "dataset": self.component.spec.name,
            "settings": self.component.config.model_dump(mode="json"),
            "seed": self.seed,
            "sha256": self.sha256,
        }

    def identity_of(self, *splits: Split) -> dict[str, str]:
        """Tell other splits from what they may become; those of a synthetic dataset follow from its settings."""
        if SYNTHETIC in self.component.spec.tags:
            return {}
        return {split: digest_tensors(load_split(self.dataset, split, self.seed).tensors) for split in splits}

    @cached_property
    def _reporting(self) -> AssociationBatch:
        # All that finished cells need: the activity and the weights of `test` take longer to draw.
        return load_split(self.dataset, "test", self.seed)
