"""Scores of logits: pure functions of logits and problems."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.certificate import complete_assignment, least_cost_bound
from hnetzoo.association.counts import compare
from hnetzoo.association.decoding import decode
from hnetzoo.benchmark.breakdown import by_counts, by_layout
from hnetzoo.benchmark.outcomes import pack_outcomes
from hnetzoo.benchmark.results import Scores

TENTHS = 10  # bins of probabilities
ORIGINAL_BATCH = 256  # the original Hnet averages its F1 over batches of this size


def score(logits: Tensor, problems: AssociationBatch, *, label_shares: Tensor | None = None, seed: int = 0) -> Scores:
    """Return the scores of answers.

    Args:
        logits: Finite float [b, n, m], on the CPU.
        problems: The problems that they answer, on the CPU.
        label_shares: Float [n, m], share of training problems whose pair is true, for the weighted F1 of the original
            Hnet; None where that has no meaning.
        seed: Fixes the shuffle of the weighted F1.

    Example:
        >>> problems = AssociationBatch.with_full_masks(torch.zeros(3, 2, 2), torch.eye(2).bool().expand(3, 2, 2))
        >>> score(torch.eye(2).expand(3, 2, 2) - 0.5, problems).f1
        1.0
    """
    masks = problems.row_mask, problems.col_mask
    association, one_to_one = decode(logits, *masks), decode(logits, *masks, method="one-to-one")
    baseline = compare(assign(problems.distance, *masks), problems).total()
    outcomes, excess = compare(association, problems), gaps(logits, problems.distance, *problems.activity)
    total = outcomes.total()
    return Scores(
        f1=total.f1,
        precision=total.precision,
        recall=total.recall,
        exact=total.exact_share,
        validity=total.validity,
        cost_gap=excess.cost,
        weighted_f1=weighted_f1(association, problems.association, label_shares, seed),
        f1_one_to_one=compare(one_to_one, problems).total().f1,
        delta_f1=total.f1 - baseline.f1,
        problems=total.problems,
        cells=by_counts(outcomes, problems),
        layouts=by_layout(outcomes, problems),
        proven_gap=excess.proven,
        outcomes=pack_outcomes(outcomes),
        calibration=calibration(logits, problems),
    )


def f1_score(logits: Tensor, problems: AssociationBatch) -> float:
    """Return the F1 alone; arguments as in `score`."""
    return compare(decode(logits, problems.row_mask, problems.col_mask), problems).total().f1


def calibration(logits: Tensor, problems: AssociationBatch) -> tuple[dict[str, float], ...]:
    """Return how often pairs are true, by their probability, as `Scores.calibration`.

    Args:
        logits: Float [b, n, m].
        problems: The problems that they answer.

    Example:
        >>> problems = AssociationBatch.with_full_masks(torch.zeros(1, 1, 2), torch.tensor([[[True, False]]]))
        >>> calibration(torch.zeros(1, 1, 2), problems)
        ({'probability': 0.5, 'true': 0.5, 'pairs': 2},)
    """
    probability = logits[problems.cells].double().sigmoid()
    true = problems.association[problems.cells].double()
    tenth = (probability * TENTHS).long().clamp(max=TENTHS - 1)
    pairs = torch.bincount(tenth, minlength=TENTHS)
    sums = (torch.bincount(tenth, weights=values, minlength=TENTHS) for values in (probability, true))
    means = zip(*((total / pairs).tolist() for total in sums), pairs.tolist(), strict=True)
    return tuple({"probability": p, "true": share, "pairs": count} for p, share, count in means if count)


class Gaps(NamedTuple):
    """How much dearer than the optimum assignments are, as a share of it; None where that has no meaning.

    Fields:
        cost: Against the optimum.
        proven: Against the bound of duality, without an exact solver; at least as large, but for rounding.
    """

    cost: float | None
    proven: float | None


def gaps(logits: Tensor, distance: Tensor, row_active: Tensor, col_active: Tensor) -> Gaps:
    """Return by how much the cost of the model's assignment of the active slots exceeds the optimum.

    The logits are decoded to the complete assignment of the active slots with the largest total, of pairs that are not
    forbidden; the costs of all problems are summed before the ratio (cost - optimum) / |optimum| is taken, 0/0 = 0.

    Args:
        logits: Float [b, n, m].
        distance: Float [b, n, m]; +inf forbids a pair.
        row_active: Bool [b, n].
        col_active: Bool [b, m].

    Returns:
        Numbers of at least 0; None where the optimum is 0 and the cost is not, and for what is proven, where forbidden
        pairs leave no complete assignment, or none was found.

    Example:
        >>> distance = torch.tensor([[[1.0, 2.0], [2.0, 1.0]]])
        >>> active = torch.ones(1, 2, dtype=torch.bool)
        >>> gaps(-distance, distance, active, active).cost, gaps(distance, distance, active, active).cost
        (0.0, 1.0)
    """
    optimal = assign(distance, row_active, col_active)
    chosen = complete_assignment(logits, distance, row_active, col_active)
    cost, least = (distance.masked_fill(~pairs, 0).double().sum().item() for pairs in (chosen, optimal))
    complete = bool((chosen.sum((1, 2)) == torch.minimum(row_active.sum(1), col_active.sum(1))).all())
    bound = least_cost_bound(distance, row_active, col_active).sum().item()
    return Gaps(cost=_excess(cost, least), proven=_excess(cost, bound) if complete else None)


def _excess(cost: float, least: float) -> float | None:
    if least == 0:
        return 0.0 if cost == 0 else None
    return max(0.0, (cost - least) / abs(least))


def weighted_f1(association: Tensor, truth: Tensor, label_shares: Tensor | None, seed: int) -> float | None:
    """Return the weighted F1 of the original Hnet, for comparison with published figures.

    Scikit-learn's f1_score(average="weighted", zero_division=1) over all entries, each weighted by the share of
    training problems whose label is 1 there, per batch of 256 of the shuffled problems; the mean over whole batches.

    Args:
        association: Bool [b, n, m].
        truth: Bool [b, n, m].
        label_shares: Float [n, m], or None where it has no meaning.
        seed: Fixes the shuffle.

    Returns:
        0..1; None without label shares, without a positive one, or for fewer problems than one batch.

    Example:
        >>> truth = torch.eye(2).bool().expand(256, 2, 2)
        >>> weighted_f1(truth, truth, torch.full((2, 2), 0.5), seed=0)
        1.0

    Source: Adavanne et al., WASPAA 2021, as its training script computes it.
    """
    batches = len(truth) // ORIGINAL_BATCH
    if label_shares is None or not batches or not label_shares.any():
        return None
    from sklearn import metrics

    order = torch.randperm(len(truth), generator=torch.Generator().manual_seed(seed))[: batches * ORIGINAL_BATCH]
    weights = label_shares.flatten().repeat(ORIGINAL_BATCH).numpy()
    wanted = truth[order].reshape(batches, -1).numpy()
    found = association[order].reshape(batches, -1).numpy()
    settings: dict[str, Any] = {"average": "weighted", "zero_division": 1, "sample_weight": weights}
    scores = [metrics.f1_score(y_true, y_pred, **settings) for y_true, y_pred in zip(wanted, found, strict=True)]
    return float(sum(scores) / batches)
