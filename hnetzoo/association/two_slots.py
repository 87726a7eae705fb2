"""Optimal transport in closed form, for problems of two rows and two columns that pair all they can.

With two slots a side, a pair of row i and column j leaves the other row to the other column. At a temperature T, the
plan's mass of the pair has the log-odds

    (C_io + C_oj - C_ij - C_oo) / (2 T),

where o is the other slot. A missing row stands for the column that stays unmatched, at the cost of that: C_oj is then
the cost of leaving column j; missing columns likewise. This is the fixed point of the iterations in
`hnetzoo.association.transport`.
"""

from torch import Tensor

SLOTS = 2


def pairs_all_it_can(allowed: Tensor, row_cost: Tensor, col_cost: Tensor) -> Tensor:
    """Return in which problems no slot of the side with fewer may stay unmatched, bool [b, 1, 1].

    Args:
        allowed: Bool [b, n, m].
        row_cost: Costs of staying unmatched, float [b, n].
        col_cost: Likewise, float [b, m].
    """
    row_usable, col_usable = allowed.any(2), allowed.any(1)
    rows, columns = row_usable.sum(1, keepdim=True), col_usable.sum(1, keepdim=True)
    rows_pair = row_cost.isinf() | ~row_usable | (rows > columns)
    columns_pair = col_cost.isinf() | ~col_usable | (columns > rows)
    return (rows_pair.all(1) & columns_pair.all(1)).view(-1, 1, 1)


def two_slot_log_odds(cost: Tensor, temperature: float) -> Tensor:
    """Return the log-odds of the mass of each pair, float [b, 2, 2].

    Args:
        cost: Finite float [b, 2, 2]; in missing rows the cost of leaving the column, and in missing columns the row.
        temperature: Temperature, in units of cost.

    Example:
        >>> import torch
        >>> two_slot_log_odds(torch.tensor([[[1.0, 1.5], [1.1, 4.0]]]), 0.1).tolist()
        [[[-12.0, 12.0], [12.0, -12.0]]]
    """
    other_row = cost.flip(1)
    return (cost.flip(2) + other_row - cost - other_row.flip(2)) / (2 * temperature)
