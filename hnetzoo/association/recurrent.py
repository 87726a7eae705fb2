"""A GRU that can be compiled and exported, and that passes gradients in eval mode."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from hnetzoo.association.loops import scan
from hnetzoo.association.masking import may_read
from hnetzoo.errors import ConfigError


class GRU(nn.Module):
    """Gated recurrent units over sequences of different lengths, with the parameters of `torch.nn.GRU`.

    Unlike torch.nn.GRU, it works under torch.compile with and without lengths, and it passes gradients in eval mode on
    CUDA too, where cuDNN has no backward pass for an RNN.

    Args:
        input_size: Channels of an input step.
        hidden_size: Channels of the state, in one direction.
        num_layers: Number of stacked layers.
        bidirectional: Also read every sequence backwards, with separate weights.

    Example:
        >>> GRU(3, 8, bidirectional=True)(torch.rand(2, 5, 3), lengths=torch.tensor([5, 2])).shape
        torch.Size([2, 5, 16])
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.directions = ("", "_reverse") if bidirectional else ("",)
        initial = nn.GRU(input_size, hidden_size, num_layers, bidirectional=bidirectional)
        for name, parameter in initial.named_parameters():
            self.register_parameter(name, parameter)

    def forward(
        self,
        sequence: Tensor,
        state: Tensor | None = None,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return the hidden states along the sequences.

        Args:
            sequence: Float [b, s, input_size].
            state: Float [b, hidden_size], the initial state of every layer and direction; None means zero.
            lengths: Integer [b], number of steps of each sequence; None means all s.
            mask: Bool [b, s] in place of lengths, True for the steps that are read; others leave the state as it is.

        Returns:
            Float [b, s, directions x hidden_size]; undefined for steps that are not read.

        Raises:
            ConfigError: If both lengths and a mask are given.
        """
        if lengths is not None and mask is not None:
            raise ConfigError("steps are given by lengths and by a mask; give one of them")
        b, steps, _ = sequence.shape
        if state is None:
            state = sequence.new_zeros(b, self.hidden_size)
        if torch.compiler.is_exporting():
            return self._export(sequence, state, _read_steps(steps, lengths) if mask is None else mask)
        if mask is not None:
            return self._read_packed(sequence, state, mask)
        if lengths is None:
            return _run(sequence, state, [w for layer in self.weights for one in layer for w in one], self.num_layers)
        backwards = _backwards(steps, lengths)
        for layer in self.weights:
            read = [_run(sequence, state, layer[0])]
            if len(layer) > 1:
                from_end = _run(_take(sequence, backwards), state, layer[1])
                read.append(_take(from_end, backwards))
            sequence = torch.cat(read, 2)
        return sequence

    def _read_packed(self, sequence: Tensor, state: Tensor, mask: Tensor) -> Tensor:
        """Return the hidden states of the steps in the mask, which are moved to the front of their sequence."""
        if may_read(mask) and bool(mask.all()):  # the usual case, and a third faster
            return self.forward(sequence, state)
        order = (~mask).argsort(dim=1, stable=True)
        output = self.forward(_take(sequence, order), state, mask.sum(1))
        return _take(output, order.argsort(dim=1))

    def _export(self, sequence: Tensor, state: Tensor, mask: Tensor | None) -> Tensor:
        """Return the hidden states in an exported graph, where `torch.gru` would fix the number of steps."""
        # [s, b, c]; of memory in another order, torch would tell apart batches of one problem
        sequence = sequence.transpose(0, 1).clone(memory_format=torch.contiguous_format)
        read = None if mask is None else mask.mT.unsqueeze(2)
        for layer in self.weights:
            found = [_scan(sequence, state, layer[0], read)]
            if len(layer) > 1:
                from_end = _scan(sequence.flip(0), state, layer[1], None if read is None else read.flip(0))
                found.append(from_end.flip(0))
            sequence = torch.cat(found, 2)
        return sequence.transpose(0, 1)

    @property
    def weights(self) -> list[list[list[Tensor]]]:
        """The weights by layer and direction: [input weight, recurrent weight, input bias, recurrent bias]."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [
            [[self.get_parameter(f"{kind}_l{layer}{direction}") for kind in kinds] for direction in self.directions]
            for layer in range(self.num_layers)
        ]


def _read_steps(steps: int, lengths: Tensor | None) -> Tensor | None:
    """Return which steps are within the lengths, bool [b, s]; None for all."""
    return None if lengths is None else torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)


def _backwards(steps: int, lengths: Tensor) -> Tensor:
    """Return the order that reverses every sequence within its length, integer [b, s]; it is its own inverse."""
    step = torch.arange(steps, device=lengths.device)
    last = lengths.unsqueeze(1) - 1
    return torch.where(step <= last, last - step, step)


def _take(sequence: Tensor, order: Tensor) -> Tensor:
    return sequence.take_along_dim(order.unsqueeze(2), 1)


def _run(sequence: Tensor, state: Tensor, weights: list[Tensor], num_layers: int = 1) -> Tensor:
    """Return the states [b, s, directions x h] of layers over [b, s, c] from [b, h]; weights give the directions."""
    directions = len(weights) // (4 * num_layers)
    states = state.expand(num_layers * directions, *state.shape)
    with _without_cudnn(sequence):
        output: Tensor = torch.gru(sequence, states, weights, True, num_layers, 0.0, False, directions == 2, True)[0]
    return output


def _scan(sequence: Tensor, state: Tensor, weights: list[Tensor], read: Tensor | None) -> Tensor:
    """Return the states [s, b, h] of one layer and direction over [s, b, c], in a loop.

    Steps at which `read`, bool [s, b, 1], is False leave the state as it is.
    """
    weight, recurrent_weight, bias, recurrent_bias = weights
    parts = [2 * state.shape[1], state.shape[1]]

    def step(state: Tensor, given: Tensor, *more: Tensor) -> list[Tensor]:
        *masks, recurrent_weight, recurrent_bias = more
        gates, candidate = torch.split(given, parts, 1)
        gates_by, candidate_by = torch.split(linear(state, recurrent_weight, recurrent_bias), parts, 1)
        reset, update = torch.sigmoid(gates + gates_by).chunk(2, 1)
        candidate = torch.tanh(candidate + reset * candidate_by)
        following = candidate + update * (state - candidate)
        for mask in masks:
            following = torch.where(mask, following, state)
        return [following, following.clone()]

    along = [linear(sequence, weight, bias), *(() if read is None else (read,))]
    return scan(step, [state], along, [recurrent_weight, recurrent_bias])[1]


@contextmanager
def _without_cudnn(sequence: Tensor) -> Iterator[None]:
    """Disable cuDNN for CUDA tensors; traced graphs do not use it anyway."""
    if sequence.is_cuda and not torch.compiler.is_compiling():
        with torch.backends.cudnn.flags(enabled=False):
            yield
    else:
        yield
