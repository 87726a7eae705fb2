"""The tracking loss with which doa-net was trained, including its known problems, for comparison only.

Differences from DeepMOT, in the order of the code below:

1. pairs of probability 0.5 or less are multiplied by 0, so a missed pair gets no gradient;
2. M is the soft number of *associated* pairs, not the number of references, so more misses make M smaller;
3. false positives are the excess of M over the number of references; this is practically always 0, because every
   prediction is a direction, active or not;
4. a pair that was not associated in the frame before counts as a switch, so every birth is a switch;
5. the frames of all sequences are concatenated, so each sequence continues the one before it, and all associations in
   the first frame of a batch are births;
6. the distances of a frame are weighted by its M, so a frame with two associations has double weight;
7. if nothing is associated in a whole batch, the loss is 0 / 0.

Source: S. Adavanne, A. Politis, T. Virtanen, WASPAA 2021; written from descriptions of the published system.
"""

import torch
from torch import Tensor

HALF = 0.5


def doa_net_terms(probability: Tensor, distance: Tensor, reference_mask: Tensor) -> dict[str, Tensor]:
    """Return the unweighted terms.

    Args:
        probability: Float [b, t, n, m], of association; 0 outside the masks.
        distance: Float [b, t, n, m]; finite everywhere.
        reference_mask: Bool [b, t, n].

    Returns:
        "false_positives", "misses" and "switches" (each per M) and "distance"; NaN if nothing is associated.

    Example:
        >>> probability, distance = torch.eye(2).expand(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.25)
        >>> terms = doa_net_terms(probability, distance, torch.ones(1, 3, 2, dtype=torch.bool))
        >>> [round(term.item(), 2) for term in terms.values()]  # two births in six associations; 2 x 0.25 a frame
        [0.0, 0.0, 0.33, 0.5]
    """
    associated = (probability > HALF) * probability
    count, references = associated.sum((-2, -1)), reference_mask.sum(-1)  # [b, t]
    frames = associated.flatten(0, 1)
    before = torch.cat((torch.zeros_like(frames[:1]), frames))[: len(frames)] > HALF
    total = count.sum()
    return {
        "false_positives": (count - references).relu().sum() / total,
        "misses": (references - count).relu().sum() / total,
        "switches": (frames * ~before).sum() / total,
        "distance": (count * (distance * associated).sum((-2, -1))).sum() / total,
    }
