"""Named assignment problems, each with a particular difficulty.

Every case states the optimum by hand: how many pairs each problem must get, their least total cost, and the pairs
themselves where only one choice is optimal. Entries outside the masks are deliberately garbage.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

INF, NAN = torch.inf, torch.nan

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """Problems of one kind: cost [b, n, m], and per problem the optimum; `pairs` is None where it is not unique."""

    name: str
    cost: Tensor
    counts: tuple[int, ...]
    totals: tuple[float, ...]
    pairs: tuple[Pairs | None, ...]
    row_mask: Tensor | None = None
    col_mask: Tensor | None = None
    gate: float | None = None


def _single(
    name: str,
    cost: list[list[float]],
    total: float,
    pairs: Pairs | None,
    *,
    count: int | None = None,
    rows: list[int] | None = None,
    columns: list[int] | None = None,
    gate: float | None = None,
) -> Case:
    """Return a case of one problem; rows and columns are its masks as 0 and 1."""
    known = min(len(cost), len(cost[0])) if pairs is None else len(pairs)
    return Case(
        name=name,
        cost=torch.tensor([cost]),
        counts=(known if count is None else count,),
        totals=(total,),
        pairs=(pairs,),
        row_mask=None if rows is None else torch.tensor([rows]).bool(),
        col_mask=None if columns is None else torch.tensor([columns]).bool(),
        gate=gate,
    )


def _empty(name: str, b: int, n: int, m: int) -> Case:
    return Case(name=name, cost=torch.zeros(b, n, m), counts=(0,) * b, totals=(0.0,) * b, pairs=((),) * b)


def _ring(n: int) -> Case:
    """Return a case where row i costs 10 with column i and 1 with column i + 1; only the diagonal is complete."""
    cost = torch.full((n, n), INF)
    for i in range(n):
        cost[i, i] = 10.0
        if i + 1 < n:
            cost[i, i + 1] = 1.0
    diagonal = tuple((i, i) for i in range(n))
    return Case(name=f"broken-ring-{n}", cost=cost.unsqueeze(0), counts=(n,), totals=(10.0 * n,), pairs=(diagonal,))


CASES = (
    _single("greedy-easy", [[1.0, 5.0, 9.0], [5.0, 2.0, 9.0], [9.0, 9.0, 3.0]], 6, ((0, 0), (1, 1), (2, 2))),
    _single("greedy-trap", [[1.0, 2.0], [2.0, 10.0]], 4, ((0, 1), (1, 0))),
    _single("tie", [[1.0] * 3] * 3, 3, None),
    _single("duplicate-rows", [[1.0, 2.0, 8.0], [1.0, 2.0, 8.0], [9.0, 9.0, 0.5]], 3.5, None),
    _empty("no-problems", 0, 2, 2),
    _empty("no-references", 2, 0, 3),
    _empty("no-predictions", 2, 3, 0),
    _empty("nothing", 2, 0, 0),
    _empty("nothing-large", 1, 0, 6),
    _single("one-by-one", [[0.75]], 0.75, ((0, 0),)),
    _single("one-by-one-forbidden", [[INF]], 0, ()),
    _single("wide", [[9.0, 1.0, 9.0, 9.0, 2.0], [9.0, 2.0, 9.0, 9.0, 4.0]], 4, ((0, 4), (1, 1))),
    _single("tall", [[9.0, 9.0], [1.0, 2.0], [9.0, 9.0], [9.0, 9.0], [2.0, 4.0]], 4, ((1, 1), (4, 0))),
    _single("all-padding", [[NAN, -INF], [-9.0, INF]], 0, (), rows=[0, 0], columns=[0, 0]),
    _single("all-padding-large", [[NAN] * 6] * 5, 0, (), rows=[0] * 5, columns=[0] * 6),
    _single("rows-all-padding", [[1.0, 2.0], [3.0, 4.0]], 0, (), rows=[0, 0]),
    _single("padding", [[NAN, -9.0, NAN], [-INF, 2.0, 1.0], [-9.0, 1.0, 5.0]], 2, ((1, 2), (2, 1)), rows=[0, 1, 1],
            columns=[0, 1, 1]),
    _single("far-outlier", [[0.25, 0.5, 1e6], [0.5, 0.25, 1e6], [1e6, 1e6, 1e6]], 1000000.5, ((0, 0), (1, 1), (2, 2))),
    _single("negative", [[-1.0, -2.0], [-3.0, -1.0]], -5, ((0, 1), (1, 0))),
    _single("negative-and-forbidden", [[-5.0, INF], [-4.0, 3.0]], -2, ((0, 0), (1, 1))),
    _single("forbidden-attractive", [[INF, 8.0, 7.0], [6.0, 9.0, 9.0], [9.0, 5.0, 9.0]], 18, ((0, 2), (1, 0), (2, 1))),
    _ring(4),
    _ring(5),
    _single("infeasible", [[INF, INF], [INF, INF]], 0, ()),
    _single("infeasible-column", [[2.0, INF], [1.0, INF]], 1, ((1, 0),)),
    _single("infeasible-row-large", [[INF] * 5, *[[float(i + j) for j in range(5)] for i in range(4)]], 12, None,
            count=4),
    _single("more-pairs-before-cheaper", [[1.0, 100.0], [2.0, INF]], 102, ((0, 1), (1, 0))),
    _single("gated", [[1.0, 2.5], [1.5, 4.0]], 1, ((0, 0),), gate=2.0),
    _single("gate-is-inclusive", [[2.0]], 2, ((0, 0),), gate=2.0),
    _single("gated-away", [[3.0, 4.0], [5.0, 6.0]], 0, (), gate=2.0),
    Case(
        name="a-batch-of-unlike-problems",
        cost=torch.tensor([[[1.0, 2.0], [2.0, 10.0]], [[1.0, NAN], [NAN, NAN]], [[INF, 1.0], [1.0, INF]]]),
        counts=(2, 1, 2),
        totals=(4.0, 1.0, 2.0),
        pairs=(((0, 1), (1, 0)), ((0, 0),), ((0, 1), (1, 0))),
        row_mask=torch.tensor([[1, 1], [1, 0], [1, 1]]).bool(),
        col_mask=torch.tensor([[1, 1], [1, 0], [1, 1]]).bool(),
    ),
)  # fmt: skip
