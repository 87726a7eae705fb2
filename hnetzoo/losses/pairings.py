"""Best pairings of references and predictions: of a whole sequence, or kept until a switch pays.

Conventions as in `hnetzoo.tracking.sequences`. A pairing is a one-to-one correspondence of slots, as large as possible;
it is kept while a slot is empty. A frame has the pairs of its pairing whose slots exist and that are allowed.
"""

from itertools import permutations

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.masking import allowed_pairs
from hnetzoo.errors import ShapeError

LARGEST = 6
"""Slots on either side up to which all pairings are enumerated: 6! = 720."""


def associate_sequences(distance: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the pairs of the best pairing of each sequence: most pairs in all frames, then least total distance.

    Args:
        distance: Float [b, t, n, m]; +inf forbids a pair.
        rows: Bool [b, t, n].
        columns: Bool [b, t, m].

    Returns:
        Bool [b, t, n, m].

    Raises:
        DataError: If a distance inside the masks is NaN.

    Example:
        >>> distance = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]], [[0.0, 5.0], [5.0, 0.0]]]])
        >>> associate_sequences(distance, torch.ones(1, 2, 2).bool(), torch.ones(1, 2, 2).bool())[0, 0].int().tolist()
        [[1, 0], [0, 1]]
    """
    allowed = _allowed(distance, rows, columns)
    if distance.numel() == 0:
        return allowed
    cost = _prefer_pairs(distance, allowed).sum(1)
    return assign(cost, rows.any(1), columns.any(1)).unsqueeze(1) & allowed


def associate_with_switches(distance: Tensor, rows: Tensor, columns: Tensor, switch_cost: float) -> Tensor:
    """Return the pairs of the best pairings of the frames: most pairs, then least distance plus price of switches.

    A switch is a frame whose pairing differs from that of the frame before. The minimum over all sequences of pairings
    is exact (Viterbi): a pairing is kept, or reached from the cheapest one.

    Args:
        distance: As in `associate_sequences`, with up to 6 slots on either side.
        rows: As in `associate_sequences`.
        columns: As in `associate_sequences`.
        switch_cost: Price of a switch [unit of distance], above 0.

    Returns:
        Bool [b, t, n, m].

    Raises:
        ShapeError: If there are more than 6 slots on a side.
        DataError: If a distance inside the masks is NaN.

    Example:
        >>> masks, away = [torch.ones(1, 3, 2).bool()] * 2, torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> distance = torch.stack((away, away.flip(0), away)).unsqueeze(0)  # a swap of one frame saves 2
        >>> [associate_with_switches(distance, *masks, price)[0, :, 0, 0].int().tolist() for price in (0.5, 1.5)]
        [[1, 0, 1], [1, 1, 1]]
    """
    if max(distance.shape[2:]) > LARGEST:
        shape = list(distance.shape)
        raise ShapeError(f"sequences are {shape}; switch_cost needs at most {LARGEST} slots a side: use level='track'")
    allowed = _allowed(distance, rows, columns)
    if distance.numel() == 0:
        return allowed
    pairings = _pairings(distance)
    priced = _prefer_pairs(distance, allowed, switch_cost * distance.shape[1])
    cost = priced.flatten(2) @ pairings.flatten(1).T  # [b, t, p]
    return pairings.bool()[_cheapest_path(cost, switch_cost)] & allowed


def count_switches(association: Tensor) -> Tensor:
    """Return how often each sequence must change its pairing: the fewest changes that explain its pairs.

    Args:
        association: Bool [b, t, n, m], at most one True per row and per column.

    Returns:
        Integer [b].

    Example:
        >>> frames = torch.tensor([[[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 1], [0, 0]]]).bool()
        >>> count_switches(frames.unsqueeze(0)).tolist()  # the first reference changes to the second prediction
        [1]
    """
    b, (n, m) = len(association), association.shape[2:]
    pairs = association.to(torch.get_default_dtype()).flatten(2)
    slots = torch.cat((torch.eye(n).repeat_interleave(m, 0), torch.eye(m).repeat(n, 1)), 1).to(pairs)  # [n m, n + m]
    seen, switches = pairs.new_zeros(b, n * m), association.new_zeros(b, dtype=torch.int64)
    for now in pairs.unbind(1):
        together = torch.maximum(seen, now)
        torn = ((together @ slots) > 1).any(1)
        switches += torn
        seen = torch.where(torn.unsqueeze(1), now, together)
    return switches


def _allowed(distance: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return allowed_pairs(*(x.flatten(0, 1) for x in (distance, rows, columns))).view(distance.shape)


def _prefer_pairs(distance: Tensor, allowed: Tensor, switches: float = 0.0) -> Tensor:
    """Return costs, float64 [b, ..., n, m], of which one pair more is worth more than all distances and switches."""
    forbidden = ~allowed
    cost = distance.detach().double().masked_fill(forbidden, 0.0)
    worth = 2 * cost.flatten(1).abs().sum(1) + switches + 1
    return (cost - worth.view(-1, *[1] * (cost.ndim - 1))).masked_fill(forbidden, 0.0)


def _pairings(distance: Tensor) -> Tensor:
    """Return all largest pairings of n and m slots, float64 [p, n, m], on the device of distances [..., n, m]."""
    n, m = distance.shape[-2:]
    few, many = min(n, m), max(n, m)
    orders = torch.tensor(list(permutations(range(many), few)), dtype=torch.int64, device=distance.device)
    pairings = torch.nn.functional.one_hot(orders.view(-1, few), many).double()
    return pairings if n <= m else pairings.transpose(1, 2)


def _cheapest_path(cost: Tensor, switch_cost: float) -> Tensor:
    """Return the index of the pairing of each frame, int64 [b, t], for the costs [b, t, p] of pairings."""
    cost = cost.permute(1, 2, 0).contiguous()  # [t, p, b]: the minimum over pairings is that of whole rows
    total, before = cost[0], []
    stay = torch.arange(len(total), device=cost.device).unsqueeze(1)
    for now in cost[1:]:
        least, best = (total + switch_cost).min(0, keepdim=True)
        before.append(torch.where(least < total, best, stay))
        total = torch.minimum(total, least) + now
    path = [total.argmin(0, keepdim=True)]
    for source in reversed(before):
        path.append(source.gather(0, path[-1]))
    return torch.cat(path[::-1]).T
