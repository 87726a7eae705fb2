"""HNetGRU, the network of Hnet, written from its description.

The rows of the distance matrix are the sequence of a GRU; an attention layer relates the rows; a linear layer gives one
logit per column. Parameter names and counts are the paper's, so its checkpoints can be imported.

How ours differs from the authors' code: the model returns the logits of pairs alone, since row and column activity are
their maxima and belong to the loss; forbidden pairs are treated as far apart; a batch of one keeps its axis.

Source: S. Adavanne, A. Politis, T. Virtanen, "Differentiable Tracking-Based Training of Deep Learning Sound Source
Localizers", WASPAA 2021, section 3.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

import hnetzoo
from hnetzoo_hnetgru.config import HNetGRUConfig

FAR = 300.0**0.5
"""Distance of a forbidden pair: that of the original Hnet's pad, the point (10, 10, 10), from the centre."""
TYPICAL = 6.0
"""Geometric mean of the positive distances of a training as the network sees them. It is that of doa-reference in
chords, which the original network is for; of uniform directions in radians, whose mean is 1.4, it learns little."""


class AttentionLayer(nn.Module):
    """Unscaled dot-product attention between the steps of a sequence.

    Query, key and value are bias-free 1x1 convolutions; there is no 1/sqrt(d) and no residual.

    Example:
        >>> AttentionLayer(channels=8)(torch.rand(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_Q = nn.Conv1d(channels, channels, kernel_size=1, bias=False)
        self.conv_K = nn.Conv1d(channels, channels, kernel_size=1, bias=False)
        self.conv_V = nn.Conv1d(channels, channels, kernel_size=1, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the attended sequence, float [b, n, c], of float [b, n, c]."""
        # A 1x1 convolution is a linear map of each step; as a linear map, a training step takes two thirds of the time.
        query, key, value = (conv.weight.squeeze(-1) for conv in (self.conv_Q, self.conv_K, self.conv_V))
        # (x Q^T)(x K^T)^T = x (Q^T K) x^T: one product with the sequence instead of two.
        scores = linear(sequence, key.mT @ query) @ sequence.mT
        attention = torch.softmax(scores, dim=-1)  # [b, n, n]
        return attention @ linear(sequence, value)


class HNetGRU(hnetzoo.AssociationModel):
    """Association logits from distances, for problems of one fixed size.

    Args:
        config: Settings.
        shape: (n, m), the slots of every problem; both are max_doas for the DOA datasets.

    Example:
        >>> model = HNetGRU(HNetGRUConfig(), (2, 2))
        >>> model(torch.rand(1, 2, 2)).shape, sum(p.numel() for p in model.parameters())
        (torch.Size([1, 2, 2]), 100098)
    """

    def __init__(self, config: HNetGRUConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.distance_scale = config.distance_scale or 1.0
        self.gru = hnetzoo.GRU(shape[1], config.hidden_size)
        self.attn = AttentionLayer(config.hidden_size)
        self.fc1 = nn.Linear(config.hidden_size, shape[1])

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return logits [b, n, m]; raises ShapeError if the problems do not have the size of the model."""
        if tuple(distance.shape[1:]) != self.shape:
            raise hnetzoo.ShapeError(
                f"problems are {distance.shape[1]} x {distance.shape[2]}; these weights are for {self.shape[0]} x "
                f"{self.shape[1]}: pad smaller problems with masked slots, or train for this size"
            )
        states = self._hidden_states((distance / self.distance_scale).masked_fill(~allowed, FAR))
        logits: Tensor = self.fc1(torch.tanh(self.attn(states)))
        return logits

    def _hidden_states(self, distance: Tensor) -> Tensor:
        """Return the states of the GRU along the rows, float [b, n, h], of float [b, n, m].

        The first row starts from the zero state, where the recurrent product is only its bias; leaving that product
        out saves a quarter of the arithmetic of a 2 x 2 problem.
        """
        (((weight, _, bias, recurrent_bias),),) = self.gru.weights
        reset, update, new = linear(distance[:, 0], weight, bias).chunk(3, dim=1)
        reset_bias, update_bias, new_bias = recurrent_bias.chunk(3)
        candidate = torch.tanh(new + torch.sigmoid(reset + reset_bias) * new_bias)
        first = torch.sigmoid(-update - update_bias) * candidate  # 1 - sigmoid(x) = sigmoid(-x)
        if distance.shape[1] == 1:
            return first.unsqueeze(1)
        return torch.cat((first.unsqueeze(1), self.gru(distance[:, 1:], first)), dim=1)

    @staticmethod
    def adapted(config: HNetGRUConfig, training: hnetzoo.AssociationBatch) -> HNetGRUConfig:
        """Return the settings with a scale that suits the distances of training problems, unless one is given."""
        if config.distance_scale is not None:
            return config
        logarithms, pairs = torch.zeros((), dtype=torch.float64), 0
        for piece in training.pieces():
            distance = piece.distance[piece.cells & piece.distance.isfinite() & (piece.distance > 0)]
            logarithms += distance.double().log().sum()
            pairs += len(distance)
        if not pairs:
            return config
        typical = (logarithms / pairs).exp().item()
        return config.model_copy(update={"distance_scale": typical / TYPICAL})

    @staticmethod
    def infer_shape(state: Mapping[str, Tensor]) -> tuple[int, int]:
        """Return (n, m) of a state dict of the original Hnet, whose problems are square; KeyError if it is not one."""
        max_doas = len(state["fc1.bias"])
        return max_doas, max_doas
