"""Dual softmax: a pair is as likely as its row choosing its column and its column choosing its row.

With scores s = -distance / temperature and u the unmatched distance, every row chooses among its columns and the
option of staying unmatched, of score -u / temperature; every column likewise among its rows. The probability of a pair
is the product of both choices. One step instead of an iteration: fast, smooth, but without the exclusion of conflicts
that transport has; at low temperatures it becomes mutual nearest neighbours within u.

How ours differs from the paper: scores are distances instead of feature correlations; both softmaxes have an unmatched
option, as SuperGlue's dustbin but shared by no one; logits come from the logarithms, so certain pairs keep gradients.

Source: J. Sun et al., "LoFTR", CVPR 2021, section 3.3; I. Rocco et al., "Neighbourhood Consensus Networks", NeurIPS
2018, for the dual softmax; P.-E. Sarlin et al., "SuperGlue", CVPR 2020, section 3.2, for the unmatched score.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

import hnetzoo
from hnetzoo_dual_softmax.config import DualSoftmaxConfig

FAR = 1e20  # stands for minus the score of what must not be paired; finite, so that no gradient becomes NaN
CERTAIN = 20.0  # where logits start to grow logarithmically; sigmoid is within 2e-9 of 0 or 1 from here on
ABSENT = -100.0  # logit where there can be no pair: below that of any finite distance


class DualSoftmax(nn.Module):
    """Match by mutual choice; equivariant, for problems of any size, with two parameters or none.

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

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Compute logits.

        Args:
            distance: Float [b, n, m], the unit trained on; +inf forbids a pair.
            row_mask: Bool [b, n]; None means all True.
            col_mask: Bool [b, m]; None means all True.

        Returns:
            Logits [b, n, m] of the product of both choices. Beyond +-20 they grow logarithmically: the probability is
            exact to 2e-9, the order of pairs is kept, and every finite distance gets a gradient.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN or -inf.
        """
        cells = hnetzoo.allowed_pairs(distance, row_mask, col_mask)
        inverse = torch.exp(-self.log_temperature).to(distance.dtype)
        scores = (-inverse * distance.masked_fill(~cells, 0.0)).masked_fill(~cells, -FAR)
        unmatched = -inverse * self.unmatched_distance
        by_row, by_column = (_log_odds(scores, unmatched, dim) for dim in (2, 1))
        both = logsigmoid(by_row) + logsigmoid(by_column)
        not_both = torch.logaddexp(logsigmoid(-by_row), logsigmoid(by_row) + logsigmoid(-by_column))
        logits = both - not_both
        excess = (logits.abs() - CERTAIN).clamp(min=0)
        logits = logits.clamp(-CERTAIN, CERTAIN) + logits.sign() * excess.log1p()
        return logits.masked_fill(~cells, ABSENT)


def _log_odds(scores: Tensor, unmatched: Tensor, dim: int) -> Tensor:
    """Take the log-odds of each score in a softmax along dim: the score less the logsumexp of all other options.

    Of all options but the largest, p <= 1/2 and log(1 - p) is accurate; the largest is left out of the sum instead.
    """
    b, n, m = scores.shape
    option = unmatched.to(scores.dtype).expand((b, n, 1) if dim == 2 else (b, 1, m))
    options = torch.cat((scores, option), dim)
    largest = torch.zeros_like(options, dtype=torch.bool).scatter(dim, options.argmax(dim, keepdim=True), True)
    total = options.logsumexp(dim, keepdim=True)
    rest = options.masked_fill(largest, -FAR).logsumexp(dim, keepdim=True)
    smaller = (options - total).masked_fill(largest, -FAR).exp()
    odds = options - torch.where(largest, rest, total + torch.log1p(-smaller))
    return odds.narrow(dim, 0, scores.shape[dim])
