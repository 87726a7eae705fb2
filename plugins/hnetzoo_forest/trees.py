"""Decision trees as tensors of one size, evaluated for all pairs and trees at once."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Trees(NamedTuple):
    """t trees with places for k nodes each; the root is node 0, and a leaf leads to itself.

    Fields:
        branches: Where to go on if the feature is at most the threshold, and if it is larger, int64 [t, k, 2].
        feature: Index of the feature that decides, int64 [t, k].
        threshold: Float [t, k].
        value: Share of true pairs in a leaf, float [t, k].
    """

    branches: Tensor
    feature: Tensor
    threshold: Tensor
    value: Tensor

    @classmethod
    def undecided(cls, trees: int, nodes: int) -> "Trees":
        """Return trees that know nothing: each is a leaf of value 1/2."""
        itself = torch.arange(nodes).view(1, nodes, 1).repeat(trees, 1, 2)
        zeros = torch.zeros(trees, nodes)
        return cls(itself, zeros.long(), zeros, zeros + 0.5)

    @classmethod
    def of(cls, forest: Any, nodes: int) -> "Trees":
        """Return the trees of a fitted scikit-learn forest of two classes, False and True, or of one of them."""
        found = cls.undecided(len(forest.estimators_), nodes)
        for place, estimator in enumerate(forest.estimators_):
            tree, size = estimator.tree_, estimator.tree_.node_count
            inner = torch.from_numpy(tree.children_left >= 0)
            children = np.stack((tree.children_left, tree.children_right), -1)
            share = tree.value[:, 0, list(forest.classes_).index(True)] if True in forest.classes_ else np.zeros(size)
            found.branches[place, :size][inner] = torch.from_numpy(children).long()[inner]
            found.feature[place, :size][inner] = torch.from_numpy(tree.feature).long()[inner]
            found.threshold[place, :size][inner] = torch.from_numpy(_floor(tree.threshold))[inner]
            found.value[place, :size] = torch.from_numpy(share).float()
        return found

    def probability(self, features: Tensor, depth: int) -> Tensor:
        """Return the mean value of the leaves that are reached in `depth` decisions.

        Args:
            features: Float [p, f].
            depth: At least the depth of the deepest tree.

        Returns:
            Float [p].

        Example:
            >>> trees = Trees.undecided(1, 3)
            >>> trees.branches[0, 0], trees.value[0] = torch.tensor([1, 2]), torch.tensor([0.5, 0.0, 1.0])
            >>> trees.probability(torch.tensor([[-1.0], [1.0]]), depth=1)
            tensor([0., 1.])
        """
        tree = torch.arange(len(self.feature), device=features.device)
        node = torch.zeros(len(features), len(tree), dtype=torch.long, device=features.device)  # [p, t]
        for _ in range(depth):
            seen = features.gather(1, self.feature[tree, node])
            node = self.branches[tree, node, (seen > self.threshold[tree, node]).long()]
        return self.value[tree, node].mean(1)


def _floor(threshold: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the largest float32 numbers of at most the thresholds, with which float32 features compare alike."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
