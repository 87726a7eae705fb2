"""The problems of a task; each split is drawn and checked once, at its first use."""

from functools import cache, cached_property

from torch import Tensor

from hnetzoo.association.batch import AssociationBatch, Split
from hnetzoo.association.contracts import Dataset
from hnetzoo.association.splits import label_shares, load_split
from hnetzoo.benchmark.plan import Job, Task
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import ConfigError
from hnetzoo.registry.specs import SYNTHETIC, WEIGHTED_F1
from hnetzoo.training.determinism import preserved_state


class Problems:
    """The splits of a task for a seed.

    Models get copies; these stay as they were drawn.
    """

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.seed = task, seed
        with preserved_state():
            self.dataset: Dataset = task.dataset.build()
        self._other: Problems | None = None
        self.split = cache(self._draw)
        self.digest = cache(self._digest)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m) of every problem."""
        return self.dataset.shape

    @property
    def mapped(self) -> bool:
        """Whether splits are parts of files, of which what was looked at counts as memory while a mapping is there."""
        return getattr(self.dataset, "mapped", False)

    def once(self, split: Split) -> AssociationBatch:
        """Return a split to look at once; what is mapped is mapped anew, so that it does not stay in memory."""
        drawn = self.split(split)
        return self._load(split) if self.mapped else drawn

    def copy(self, split: Split) -> AssociationBatch:
        """Return a split that may be written into: a copy, or another mapping."""
        return self.once(split) if self.mapped else self.split(split).clone()

    @cached_property
    def label_shares(self) -> Tensor | None:
        """Share of training problems whose pair is true, float64 [n, m]; None where it has no meaning.

        It has none where slots are masked, and on datasets that are not tagged "weighted-f1".
        """
        weighted = WEIGHTED_F1 in self.task.dataset.spec.tags and bool(self.split("test").cells.all())
        return label_shares(self.once("train")) if weighted else None

    @property
    def synthetic(self) -> bool:
        """Whether the problems follow from the settings and the seed."""
        return SYNTHETIC in self.task.dataset.spec.tags

    def to_train(self, job: Job) -> "Problems":
        """Return the problems that a job's model is trained on: these, or those of its own settings of the dataset.

        Raises:
            ConfigError: If their shape is another one.
        """
        if job.training == self.task:
            return self
        if self._other is None or self._other.task != job.training:
            self._other = type(self)(job.training, self.seed)
        if self._other.shape != self.shape:
            own, tested = (" x ".join(map(str, shape)) for shape in (self._other.shape, self.shape))
            raise ConfigError(
                f"'{job.entrant.title}' would be trained on problems of {own} and tested on {tested}; leave settings "
                "that change the shape out of train_on"
            )
        return self._other

    def redraw(self, seed: int) -> AssociationBatch:
        """Return the training split of another seed."""
        with preserved_state():
            return load_split(self.dataset, "train", seed)

    def _draw(self, split: Split) -> AssociationBatch:
        with preserved_state():
            drawn = load_split(self.dataset, split, self.seed)
        return self._load(split) if self.mapped else drawn

    def _load(self, split: Split) -> AssociationBatch:
        with preserved_state():
            return self.dataset.load(split, self.seed)

    def _digest(self, split: Split) -> str:
        return digest_tensors(self.once(split).tensors)
