"""Dataset mixture: problems of several datasets in one, by share, at several units.

Problems of smaller datasets get masked slots. Features are kept where all parts offer the same. Where parts differ in
what a true pair means, each problem says it. Where some say how likely pairs are true, the others do with 1 and 0.
"""

import numpy as np
import torch

import hnetzoo
from hnetzoo_mixture.config import MixtureConfig, Part


class Mixture:
    """Problems of several datasets.

    Example:
        >>> parts = ({"dataset": "doa", "share": 3}, {"dataset": "doa-tracks", "units": (0.01, 100)})
        >>> dataset = Mixture(MixtureConfig(parts=parts, samples=400))
        >>> batch = dataset.load("train", seed=0)
        >>> batch.distance.shape, int(batch.row_mask[:, 2:].any(1).sum()) <= 100
        (torch.Size([400, 4, 4]), True)
    """

    def __init__(self, config: MixtureConfig) -> None:
        self.config = config
        self.datasets = [hnetzoo.load_dataset(part.dataset, **part.settings) for part in config.parts]

    @property
    def unit(self) -> str:
        """The unit of all parts; "mixed" where they differ, or problems have units of their own."""
        units = {dataset.unit for dataset in self.datasets}
        own = any(part.units != (1.0, 1.0) for part in self.config.parts)
        return "mixed" if own or len(units) > 1 else units.pop()

    @property
    def truth(self) -> str:
        """All that a true pair means in a part, as "activity, identity"."""
        return ", ".join(sorted(set(self._meanings) - {""}))

    @property
    def _meanings(self) -> list[str]:
        return [getattr(dataset, "truth", "") for dataset in self.datasets]

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features of all parts; none where they differ."""
        names = {tuple(getattr(dataset, "features", ())) for dataset in self.datasets}
        return names.pop() if len(names) == 1 else ()

    @property
    def shape(self) -> tuple[int, int]:
        """The most rows and the most columns of a part."""
        rows, columns = zip(*(dataset.shape for dataset in self.datasets), strict=True)
        return max(rows), max(columns)

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return a split, the problems of all parts in random order.

        Raises:
            DataError: If a part has fewer problems than its share asks for.
        """
        rng = hnetzoo.split_generator(split, seed)
        batches = [self._problems(place, count, split, seed, rng) for place, count in enumerate(self._counts(split))]
        if any(batch.probability is not None for batch in batches):
            batches = [_with_probability(batch) for batch in batches]
        if len(set(self._meanings)) > 1 or any(batch.truth is not None for batch in batches):
            batches = [_with_truth(batch, meaning) for batch, meaning in zip(batches, self._meanings, strict=True)]
        whole = hnetzoo.AssociationBatch.concatenate(batches).pad(*self.shape)
        return whole.select(torch.from_numpy(rng.permutation(len(whole.distance))))

    def _counts(self, split: hnetzoo.Split) -> list[int]:
        """Return how many problems each part gives, by largest remainder; their sum is that of the split."""
        shares = np.array([part.share for part in self.config.parts])
        exact = shares / shares.sum() * hnetzoo.split_size(split, self.config.samples)
        counts = np.floor(exact).astype(int)
        missing = round(exact.sum()) - counts.sum()
        counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
        return counts.tolist()  # type: ignore[no-any-return]

    def _problems(
        self, place: int, count: int, split: hnetzoo.Split, seed: int, rng: np.random.Generator
    ) -> hnetzoo.AssociationBatch:
        """Return problems of a part, each in a unit of its own, with activity."""
        part: Part = self.config.parts[place]
        batch = self.datasets[place].load(split, seed)
        if len(batch.distance) < count:
            raise hnetzoo.DataError(
                f"the {split} split of '{part.dataset}' has {len(batch.distance)} problems, and its share of the "
                f"mixture is {count}; give it more samples, or the mixture fewer"
            )
        chosen = batch.select(torch.from_numpy(rng.permutation(len(batch.distance))[:count]))
        low, high = np.log(part.units)
        unit = torch.from_numpy(np.exp(rng.uniform(low, high, count))).view(-1, 1, 1)
        rows, columns = chosen.activity
        return chosen._replace(
            distance=(chosen.distance * unit).float(),
            row_active=rows,
            col_active=columns,
            row_features=chosen.row_features if self.features else None,
            col_features=chosen.col_features if self.features else None,
        )


def _with_probability(batch: hnetzoo.AssociationBatch) -> hnetzoo.AssociationBatch:
    """Return problems that say how likely pairs are true: certainly, or not at all, if they do not say it yet."""
    return batch if batch.probability is not None else batch._replace(probability=batch.association.float())


def _with_truth(batch: hnetzoo.AssociationBatch, meaning: str) -> hnetzoo.AssociationBatch:
    """Return problems that say what their true pairs mean: what their dataset says, if they do not say it yet."""
    if batch.truth is not None:
        return batch
    number = hnetzoo.TRUTHS.index(meaning) if meaning in hnetzoo.TRUTHS else -1
    return batch._replace(truth=torch.full((len(batch.distance),), number))
