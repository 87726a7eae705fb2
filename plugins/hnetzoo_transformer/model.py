"""A transformer on the distance matrix: rows and columns are tokens, and every pair of them has edge features.

A token starts from the maximum and the mean of the features of its edges. In every layer rows attend to rows and
columns to columns, then each side to the other, where edges bias the attention scores and are gathered with the
message. At the end every pair has a score, computed from both tokens and the edge, and every slot an unmatched score.
The probability of a pair is its share in one softmax over itself and all that excludes it: the other pairs of its row
and of its column, and both slots being unmatched. So no row and no column has two pairs of probability above 0.5,
whatever the weights are.

Permuting rows or columns permutes the output in the same way, exchanging the sides transposes it, and the weights do
not depend on the size. A slot without a possible partner has no influence.

How ours differs from the papers: there are no descriptors and no positions, only distances, so tokens start from edges
and cross-attention reads edges; every slot has an unmatched score of its own, as in LightGlue, while SuperGlue's
dustbin is one for all; one softmax over a pair and its rivals replaces Sinkhorn's iterations (SuperGlue) and the dual
softmax (LightGlue).

Source: P.-E. Sarlin et al., "SuperGlue", CVPR 2020, section 3; P. Lindenberger et al., "LightGlue", ICCV 2023.
"""

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo_transformer.attention import AttentionBlock
from hnetzoo_transformer.config import TransformerConfig

FEATURES = 3


class Transformer(hnetzoo.AssociationModel):
    """Association logits from distances of any size, positive at most once per row and column.

    Args:
        config: Settings.
        shape: Ignored; the weights do not depend on the size.

    Example:
        >>> model = Transformer(TransformerConfig(), (2, 2))
        >>> logits = model(torch.rand(4, 3, 5))
        >>> logits.shape, bool(((logits > 0).sum(2) <= 1).all())
        (torch.Size([4, 3, 5]), True)
    """

    def __init__(self, config: TransformerConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        channels, heads, edge_channels = config.channels, config.heads, config.edge_channels
        self.edge = nn.Linear(FEATURES, edge_channels)
        self.token = nn.Linear(2 * edge_channels, channels)
        self.within = nn.ModuleList(AttentionBlock(channels, heads) for _ in range(config.layers))
        self.across = nn.ModuleList(AttentionBlock(channels, heads, edge_channels) for _ in range(config.layers))
        self.unmatched = nn.Linear(channels, 1)
        self.score_token = nn.Linear(channels, channels)
        self.score_edge = nn.Linear(edge_channels, channels, bias=False)
        self.score = nn.Linear(channels, 1, bias=False)

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return logits [b, n, m]."""
        of_rows, of_columns = self._edges(distance, allowed), self._edges(distance.mT, allowed.mT)
        rows, columns = self._attend(of_rows, of_columns, allowed)
        hidden = self.score_token(rows).unsqueeze(2) + self.score_token(columns).unsqueeze(1)
        hidden = hidden + self.score_edge(of_rows + of_columns.transpose(1, 2))
        scores = self.score(torch.relu(hidden)).squeeze(-1)
        scores = scores.masked_fill(~allowed, hnetzoo.mask_value(scores.dtype))
        return _log_odds(scores, self.unmatched(rows), self.unmatched(columns).mT)

    def _edges(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return the edges of float and bool [b, n, m] for its rows: float [b, n, m, e]; 0 where not allowed."""
        edges = torch.relu(self.edge(_features(distance, allowed)))
        return edges.masked_fill(~allowed.unsqueeze(-1), 0.0)

    def _start(self, edges: Tensor, allowed: Tensor) -> Tensor:
        """Return the initial tokens of rows, [b, n, c], pooled from edges [b, n, m, e] along the columns."""
        mean = edges.sum(2) / allowed.sum(2).clamp(min=1).unsqueeze(-1)
        tokens: Tensor = self.token(torch.cat((edges.amax(2), mean), -1))
        return tokens

    def _attend(self, of_rows: Tensor, of_columns: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tokens [b, n, c] and [b, m, c] of edges [b, n, m, e] and [b, m, n, e]."""
        rows, columns = self._start(of_rows, allowed), self._start(of_columns, allowed.mT)
        with_rows, with_columns = allowed.any(2).unsqueeze(1), allowed.any(1).unsqueeze(1)
        for within, across in zip(self.within, self.across, strict=True):
            rows, columns = within(rows, rows, with_rows), within(columns, columns, with_columns)
            rows, columns = across(rows, columns, allowed, of_rows), across(columns, rows, allowed.mT, of_columns)
        return rows, columns


def _features(distance: Tensor, allowed: Tensor) -> Tensor:
    """Return the features of each pair, [b, n, m, 3]: its distance, also minus the least of its row and of its column.

    The inverse hyperbolic sine keeps small numbers as they are and compresses large ones.
    """
    far = distance.masked_fill(~allowed, -hnetzoo.mask_value(distance.dtype))
    above_row, above_column = distance - far.amin(2, keepdim=True), distance - far.amin(1, keepdim=True)
    features = torch.stack((distance, above_row, above_column), -1)
    return features.masked_fill(~allowed.unsqueeze(-1), 0.0).asinh()


def _log_odds(scores: Tensor, of_rows: Tensor, of_columns: Tensor) -> Tensor:
    """Return scores [b, n, m] minus those of all that excludes the pair; unmatched ones are [b, n, 1] and [b, 1, m]."""
    return scores - torch.logaddexp(_rivals(scores, of_rows, 2), _rivals(scores, of_columns, 1))


def _rivals(scores: Tensor, unmatched: Tensor, dim: int) -> Tensor:
    """Return for each score the logsumexp of the others along dim, the unmatched score included."""
    others = hnetzoo.logsumexp_of_others(torch.cat((scores, unmatched), dim), dim)
    return others.narrow(dim, 0, scores.shape[dim])
