"""A random forest that says of every pair whether it is true.

It is fitted by scikit-learn, one pair a sample, and answers by tensors alone: its trees are buffers of one size, so
that weights are stored, loaded and moved like those of a network. No gradient passes.

Source: L. Breiman, "Random Forests", Machine Learning 45, 2001.
"""

import torch
from torch import Tensor

import hnetzoo
from hnetzoo_forest.config import ForestConfig
from hnetzoo_forest.features import pair_features
from hnetzoo_forest.trees import Trees

DECISIONS_AT_ONCE = 2**22
"""Pairs times trees that are evaluated at once; bounds memory."""
LEAST_PROBABILITY = 1e-6
"""Probabilities of 0 and 1 become this and one minus it, so that logits are finite."""


class Forest(hnetzoo.AssociationModel):
    """Probabilities of pairs by a random forest on `hnetzoo_forest.features`.

    Args:
        config: Settings.
        shape: Ignored; problems may have any size.

    Example:
        >>> problems = hnetzoo.load_dataset("doa", samples=80).load("train", seed=0)
        >>> model = Forest(ForestConfig(trees=3), (2, 2))
        >>> model.fit(problems)
        >>> model(*problems.problems).shape
        torch.Size([80, 2, 2])
    """

    branches: Tensor
    feature: Tensor
    threshold: Tensor
    value: Tensor
    scale: Tensor

    def __init__(self, config: ForestConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.nodes = 2 * config.leaves - 1
        for name, tensor in Trees.undecided(config.trees, self.nodes)._asdict().items():
            self.register_buffer(name, tensor)
        self.register_buffer("scale", torch.tensor(1.0))

    def fit(self, training: hnetzoo.AssociationBatch) -> None:
        """Grow the trees on the pairs of problems, which are on the CPU.

        Random numbers come from torch's global generator.

        Raises:
            DataError: If no pair of them is possible.
        """
        from sklearn.ensemble import RandomForestClassifier

        if len(training.distance) > self.config.most_problems:
            training = training.select(torch.randperm(len(training.distance))[: self.config.most_problems])
        clean, allowed = self.clean(*training.problems)
        if not bool(allowed.any()):
            raise hnetzoo.DataError("no pair of the training problems is possible; a forest has nothing to learn from")
        mean = clean[allowed].abs().mean()
        self.scale.copy_(mean if mean > 0 else torch.ones(()))
        forest = RandomForestClassifier(
            self.config.trees,
            max_leaf_nodes=self.config.leaves,
            max_depth=self.config.depth,
            min_samples_leaf=self.config.pairs_per_leaf,
            random_state=int(torch.randint(2**31, ())),
            n_jobs=torch.get_num_threads(),
        )
        features = pair_features(clean, allowed, self.scale.cpu())[allowed]
        forest.fit(features.numpy(), training.association[allowed].numpy())
        for name, tensor in Trees.of(forest, self.nodes)._asdict().items():
            getattr(self, name).copy_(tensor)

    @torch.no_grad()
    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return the log-odds of the mean probability of the trees, [b, n, m]."""
        distance = distance.to(torch.promote_types(distance.dtype, torch.float32))
        features = pair_features(distance, allowed, self.scale.to(distance.dtype)).flatten(0, 2)
        trees = Trees(self.branches, self.feature, self.threshold, self.value)
        parts = torch.split(features, max(1, DECISIONS_AT_ONCE // self.config.trees))
        probability = torch.cat([trees.probability(part, self.config.depth) for part in parts])
        return torch.logit(probability, LEAST_PROBABILITY).view_as(distance)
