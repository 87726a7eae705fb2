"""Attention between tokens whose pairs have features of their own.

Source: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2; the update of a token from itself and
its message: P.-E. Sarlin et al., "SuperGlue", CVPR 2020, section 3.1.
"""

import torch
from torch import Tensor, nn

import hnetzoo


class AttentionBlock(nn.Module):
    """Attention that updates tokens from themselves and the tokens that they may attend to.

    Args:
        channels: Channels of a token.
        heads: Attention heads; their number divides the channels.
        edge_channels: Features of a pair of tokens; 0 if pairs have none.

    Example:
        >>> block = AttentionBlock(channels=8, heads=2, edge_channels=3)
        >>> rows, columns, allowed = torch.rand(1, 2, 8), torch.rand(1, 5, 8), torch.ones(1, 2, 5, dtype=torch.bool)
        >>> block(rows, columns, allowed, torch.rand(1, 2, 5, 3)).shape
        torch.Size([1, 2, 8])
    """

    def __init__(self, channels: int, heads: int, edge_channels: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.bias = nn.Linear(edge_channels, heads, bias=False) if edge_channels else None
        gathered = 2 * channels + heads * edge_channels
        self.update = nn.Sequential(
            nn.Linear(gathered, 2 * channels), nn.LayerNorm(2 * channels), nn.ReLU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, tokens: Tensor, others: Tensor, allowed: Tensor, edges: Tensor | None = None) -> Tensor:
        """Return the updated tokens.

        Args:
            tokens: Float [b, n, c].
            others: Float [b, m, c], what the tokens attend to.
            allowed: Bool [b, n or 1, m], True where a token may attend.
            edges: Float [b, n, m, e]; None for e = 0.

        Returns:
            Float [b, n, c].
        """
        query = self._split(self.query(tokens))  # [b, h, n, c / h]
        key, value = (self._split(part) for part in self.key_value(others).chunk(2, -1))
        scores = (query * query.shape[-1] ** -0.5) @ key.mT  # [b, h, n, m]
        if self.bias is not None:
            scores = scores + self.bias(edges).permute(0, 3, 1, 2)
        weights = hnetzoo.masked_softmax(scores, allowed.unsqueeze(1))
        gathered = [tokens, (weights @ value).transpose(1, 2).flatten(2)]
        if edges is not None:
            gathered.append((weights.transpose(1, 2) @ edges).flatten(2))  # [b, n, h, m] @ [b, n, m, e]
        updated: Tensor = tokens + self.update(torch.cat(gathered, -1))
        return updated

    def _split(self, tokens: Tensor) -> Tensor:
        """Return the tokens [b, n, c] split into heads, [b, h, n, c / h]."""
        b, n, _ = tokens.shape
        return tokens.view(b, n, self.heads, -1).transpose(1, 2)
