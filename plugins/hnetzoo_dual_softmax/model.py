"""Dual softmax: the probability that a row chooses a column, times that of the column choosing the row.

With scores s = -distance / temperature and u the unmatched distance, every row chooses among its columns and the
option of staying unmatched, of score -u / temperature; every column likewise among its rows. The probability of a pair
is the product of both choices. It is one step instead of an iteration: fast and smooth, but it does not exclude
conflicts as optimal transport does; at low temperatures it becomes mutual nearest neighbours within u.

How ours differs from the paper: scores are distances instead of feature correlations; both softmaxes have an unmatched
option, like SuperGlue's dustbin but one per row and column; logits are computed from logarithms, so that certain pairs
keep gradients.

Source: J. Sun et al., "LoFTR", CVPR 2021, section 3.3; I. Rocco et al., "Neighbourhood Consensus Networks", NeurIPS
2018, for the dual softmax; P.-E. Sarlin et al., "SuperGlue", CVPR 2020, section 3.2, for the unmatched score.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

import hnetzoo
from hnetzoo_dual_softmax.config import DualSoftmaxConfig


class DualSoftmax(hnetzoo.AssociationModel):
    """Product of two softmaxes; equivariant, for problems of any size, with two parameters or none.

    Args:
        config: Settings.
        shape: (n, m) of the problems; ignored.

    Example:
        >>> model = DualSoftmax(DualSoftmaxConfig(), (2, 2))
        >>> model(torch.tensor([[[0.1, 1.5], [1.1, 0.4]]])).sigmoid().round().int().tolist()
        [[[1, 0], [0, 1]]]
        >>> sorted(model.state_dict())
        ['log_temperature', 'unmatched_distance']
    """

    log_temperature: Tensor
    unmatched_distance: Tensor

    def __init__(self, config: DualSoftmaxConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        values = {"log_temperature": math.log(config.temperature), "unmatched_distance": config.unmatched_distance}
        for name, value in values.items():
            if config.learnable:
                self.register_parameter(name, nn.Parameter(torch.tensor(value)))
            else:
                self.register_buffer(name, torch.tensor(value), persistent=False)

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return the logits of the product of both choices, [b, n, m]; at least in float32."""
        dtype = torch.promote_types(distance.dtype, torch.float32)
        inverse = torch.exp(-self.log_temperature.to(dtype))
        scores = (-inverse * distance.to(dtype)).masked_fill(~allowed, hnetzoo.mask_value(dtype))
        unmatched = -inverse * self.unmatched_distance.to(dtype)
        by_row, by_column = (_log_odds(scores, unmatched, dim) for dim in (2, 1))
        both = logsigmoid(by_row) + logsigmoid(by_column)
        not_both = torch.logaddexp(logsigmoid(-by_row), logsigmoid(by_row) + logsigmoid(-by_column))
        return hnetzoo.compress_logits(both - not_both)


def _log_odds(scores: Tensor, unmatched: Tensor, dim: int) -> Tensor:
    """Return the log-odds of each score [b, n, m] in a softmax along dim that includes the unmatched option."""
    option = unmatched.expand(scores.select(dim, 0).unsqueeze(dim).shape)
    odds = hnetzoo.log_odds(torch.cat((scores, option), dim), dim)
    return odds.narrow(dim, 0, scores.shape[dim])
