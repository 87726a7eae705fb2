"""Scores by the number of active slots, and by the slots that are active."""

import torch
from torch import Tensor

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.counts import AssociationCounts, Outcomes
from hnetzoo.benchmark.results import Groups

LARGEST_LAYOUT = 3  # slot layouts are listed up to 3 x 3: 64 of them


def by_counts(outcomes: Outcomes, problems: AssociationBatch) -> Groups:
    """Return {"exact", "f1", "problems"} by the numbers of active references and predictions, as "1x2"."""
    rows, columns = (active.sum(1) for active in problems.activity)
    counts = torch.unique(torch.stack((rows, columns), 1), dim=0).tolist()
    return {f"{n}x{m}": _summary(outcomes.total((rows == n) & (columns == m))) for n, m in counts}


def by_layout(outcomes: Outcomes, problems: AssociationBatch) -> Groups:
    """Return the same by which slots are active, as "01x11"; empty where there are too many, or slots are masked."""
    n, m = problems.distance.shape[1:]
    if max(n, m) > LARGEST_LAYOUT or not bool(problems.cells.all()):
        return {}
    active: Tensor = torch.cat(problems.activity, 1)
    layouts, group = torch.unique(active, dim=0, return_inverse=True)
    names = ("".join(str(int(slot)) for slot in layout) for layout in layouts)
    return {f"{name[:n]}x{name[n:]}": _summary(outcomes.total(group == index)) for index, name in enumerate(names)}


def _summary(counts: AssociationCounts) -> dict[str, float]:
    return {"exact": counts.exact_share, "f1": counts.f1, "problems": counts.problems}
