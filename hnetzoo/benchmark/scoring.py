"""The only evaluation loop: a model's logits on a split, and the row of numbers made from them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import AssociationBatch, Split
from hnetzoo.association.contracts import Dataset
from hnetzoo.association.counts import AssociationCounts, Outcomes, compare
from hnetzoo.association.decoding import decode
from hnetzoo.association.prediction import predict
from hnetzoo.association.splits import label_shares, load_split
from hnetzoo.benchmark.results import BenchmarkRow

EVALUATION_BATCH = 4096  # problems per forward pass; bounds memory, changes no result beyond rounding
ORIGIN_BATCH = 256  # the origin averages its F1 over batches of this size
ORIGIN_METRIC = "origin-metric"  # tag of the datasets on which the origin's weighted F1 has a meaning
LARGEST_LAYOUT = 3  # slot layouts are listed up to 3 x 3: 64 of them


@dataclass(frozen=True, kw_only=True)
class Problems:
    """A split ready to be evaluated.

    Fields:
        batch: The problems.
        row_active, col_active: Bool [b, n], [b, m]: slots that hold a source.
        cell_weights: Float [n, m], share of training problems whose label is 1 in each cell; None where the origin's
            metric has no meaning.
        seed: The seed that drew them.
    """

    dataset: str
    split: Split
    seed: int
    batch: AssociationBatch
    row_active: Tensor
    col_active: Tensor
    cell_weights: Tensor | None


def load_problems(
    name: str,
    dataset: Dataset,
    split: Split,
    seed: int,
    *,
    origin_metric: bool = False,
    batch: AssociationBatch | None = None,
) -> Problems:
    """Draw a split with all that the reports need.

    Args:
        name: What the reports call the dataset.
        dataset: Where the problems come from.
        split: Which of them.
        seed: Draws them.
        origin_metric: Prepare the origin's weighted F1, which draws the training split too; without effect where slots
            are masked, since cells have no identity there.
        batch: What `load_split` returned for the split, where it has been drawn already.

    Raises:
        DataError: If the dataset breaks its contract.
    """
    batch = load_split(dataset, split, seed) if batch is None else batch
    row_active, col_active = batch.activity
    weighs = origin_metric and bool(batch.cells.all())
    return Problems(
        dataset=name,
        split=split,
        seed=seed,
        batch=batch,
        row_active=row_active,
        col_active=col_active,
        cell_weights=label_shares(load_split(dataset, "train", seed)) if weighs else None,
    )


def score(module: nn.Module, problems: Problems, device: torch.device | str = "cpu", **labels: Any) -> BenchmarkRow:
    """Evaluate a model on a split.

    Args:
        module: An association model, already on `device`.
        problems: What `load_problems` returned.
        device: Where the model runs.
        labels: The row's `model`, `weights` and `plugin`.

    Returns:
        The row; its numbers are defined in `hnetzoo.benchmark.results`.
    """
    batch = problems.batch
    warm_up = batch.select(slice(0, 1))
    predict(module, warm_up, device)
    logits, seconds = predict(module, batch, device)
    association = decode(logits, batch.row_mask, batch.col_mask)
    outcomes = compare(association, batch)
    total = outcomes.total()
    one_to_one = compare(decode(logits, batch.row_mask, batch.col_mask, method="one-to-one"), batch).total()
    baseline = compare(assign(batch.distance, batch.row_mask, batch.col_mask), batch).total()
    return BenchmarkRow(
        **labels,
        dataset=problems.dataset,
        split=problems.split,
        seed=problems.seed,
        f1=total.f1,
        precision=total.precision,
        recall=total.recall,
        exact=total.exact_share,
        validity=total.validity,
        cost_gap=cost_gap(logits, batch.distance, problems.row_active, problems.col_active),
        weighted_f1=weighted_f1(association, batch.association, problems.cell_weights, problems.seed),
        f1_one_to_one=one_to_one.f1,
        delta_f1=total.f1 - baseline.f1,
        microseconds_per_problem=1e6 * seconds / max(1, total.problems),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        problems=total.problems,
        cells=_by_cell(outcomes, problems),
        layouts=_by_layout(outcomes, problems),
    )


def cost_gap(logits: Tensor, distance: Tensor, row_active: Tensor, col_active: Tensor) -> float | None:
    """Measure how much dearer than the optimum the model's assignment of the active slots is.

    The logits are decoded to the complete legal assignment of the active block with the largest total; the costs of all
    problems are summed before the ratio (cost - optimum) / |optimum| is taken, 0/0 = 0.

    Args:
        logits: Float [b, n, m].
        distance: Float [b, n, m].
        row_active: Bool [b, n].
        col_active: Bool [b, m].

    Returns:
        At least 0; None where the optimum is 0 and the cost is not.

    Example:
        >>> distance = torch.tensor([[[1.0, 2.0], [2.0, 1.0]]])
        >>> active = torch.ones(1, 2, dtype=torch.bool)
        >>> cost_gap(-distance, distance, active, active), cost_gap(distance, distance, active, active)
        (0.0, 1.0)
    """
    chosen = assign(-logits, row_active, col_active)
    optimal = assign(distance, row_active, col_active)
    cost, least = (distance.masked_fill(~pairs, 0).double().sum().item() for pairs in (chosen, optimal))
    if least == 0:
        return 0.0 if cost == 0 else None
    return max(0.0, (cost - least) / abs(least))


def weighted_f1(association: Tensor, truth: Tensor, cell_weights: Tensor | None, seed: int) -> float | None:
    """Compute the origin's weighted F1, for comparability with published figures.

    Scikit-learn's f1_score(average="weighted", zero_division=1) over all cells, each weighted by the share of training
    problems whose label is 1 there, per batch of 256 of the shuffled problems; the mean over whole batches.

    Args:
        association: Bool [b, n, m].
        truth: Bool [b, n, m].
        cell_weights: Float [n, m], or None where it has no meaning.
        seed: Fixes the shuffle.

    Returns:
        0..1; None without cell weights, without a positive one, or for fewer problems than one batch.

    Source: Adavanne et al., WASPAA 2021, as its training script computes it.
    """
    batches = len(truth) // ORIGIN_BATCH
    if cell_weights is None or not batches or not cell_weights.any():
        return None
    from sklearn.metrics import f1_score

    order = torch.randperm(len(truth), generator=torch.Generator().manual_seed(seed))[: batches * ORIGIN_BATCH]
    weights = cell_weights.flatten().repeat(ORIGIN_BATCH).numpy()
    wanted = truth[order].reshape(batches, -1).numpy()
    found = association[order].reshape(batches, -1).numpy()
    scores = [
        f1_score(y_true, y_pred, average="weighted", zero_division=1, sample_weight=weights)
        for y_true, y_pred in zip(wanted, found, strict=True)
    ]
    return float(sum(scores) / batches)


def _by_cell(outcomes: Outcomes, problems: Problems) -> dict[str, dict[str, float]]:
    """Group by the numbers of active references and predictions."""
    rows, columns = problems.row_active.sum(1), problems.col_active.sum(1)
    cells = torch.unique(torch.stack((rows, columns), 1), dim=0).tolist()
    return {f"{n}x{m}": _summary(outcomes.total((rows == n) & (columns == m))) for n, m in cells}


def _by_layout(outcomes: Outcomes, problems: Problems) -> dict[str, dict[str, float]]:
    """Group by which slots are active; empty where there are too many layouts or activity is not hidden."""
    active = torch.cat((problems.row_active, problems.col_active), 1)
    n, m = problems.batch.distance.shape[1:]
    if max(n, m) > LARGEST_LAYOUT or not bool(problems.batch.cells.all()):
        return {}
    layouts, group = torch.unique(active, dim=0, return_inverse=True)
    names = ("".join(str(int(slot)) for slot in layout) for layout in layouts)
    return {f"{name[:n]}x{name[n:]}": _summary(outcomes.total(group == index)) for index, name in enumerate(names)}


def _summary(counts: AssociationCounts) -> dict[str, float]:
    return {"exact": counts.exact_share, "f1": counts.f1, "problems": counts.problems}
