"""The recurrent layer against torch.nn.GRU."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import hnetzoo
from hnetzoo import GRU, ConfigError

SIZES = [(1, False), (2, False), (1, True), (2, True)]


def twins(layers: int, bidirectional: bool) -> tuple[nn.GRU, GRU]:
    torch.manual_seed(0)
    theirs = nn.GRU(3, 5, layers, batch_first=True, bidirectional=bidirectional)
    torch.manual_seed(0)
    return theirs, GRU(3, 5, layers, bidirectional=bidirectional)


@pytest.mark.parametrize(("layers", "bidirectional"), SIZES)
def test_names_initial_weights_and_outputs_are_those_of_torch(layers: int, bidirectional: bool) -> None:
    theirs, ours = twins(layers, bidirectional)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(ours.parameters(), theirs.parameters(), strict=True))
    sequence = torch.rand(7, 4, 3)
    assert torch.equal(ours(sequence), theirs(sequence)[0])


@pytest.mark.parametrize(("layers", "bidirectional"), SIZES)
def test_sequences_of_different_lengths_are_read_as_packed_ones(layers: int, bidirectional: bool) -> None:
    theirs, ours = twins(layers, bidirectional)
    sequence, lengths = torch.rand(6, 5, 3), torch.tensor([1, 5, 3, 2, 4, 5])
    packed, _ = theirs(pack_padded_sequence(sequence, lengths, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    inside = (torch.arange(5) < lengths.unsqueeze(1)).unsqueeze(2)
    torch.testing.assert_close(ours(sequence, lengths=lengths) * inside, expected)


@pytest.mark.parametrize(("layers", "bidirectional"), SIZES)
def test_steps_outside_a_mask_are_passed_over(layers: int, bidirectional: bool) -> None:
    theirs, ours = twins(layers, bidirectional)
    sequence, mask = torch.rand(4, 6, 3), torch.rand(4, 6) > 0.4
    mask[0], mask[1] = True, False
    output = ours(sequence, mask=mask)
    for problem in (0, 2, 3):
        read = mask[problem]
        torch.testing.assert_close(output[problem, read], theirs(sequence[problem : problem + 1, read])[0][0])


def test_a_mask_takes_the_place_of_lengths() -> None:
    _, ours = twins(1, False)
    with pytest.raises(ConfigError, match=r"^steps are given by lengths and by a mask; give one of them$"):
        ours(torch.rand(2, 3, 3), lengths=torch.tensor([1, 2]), mask=torch.ones(2, 3, dtype=torch.bool))


def test_an_empty_sequence_beside_others_is_harmless() -> None:
    _, ours = twins(2, True)
    sequence = torch.rand(2, 4, 3, requires_grad=True)
    output = ours(sequence, lengths=torch.tensor([0, 4]))
    output[1].sum().backward()
    torch.testing.assert_close(output[1], ours(sequence[1:])[0])
    assert not sequence.grad[0].any()


def test_the_state_to_start_from_is_used() -> None:
    theirs, ours = twins(1, False)
    sequence, state = torch.rand(2, 3, 3), torch.rand(2, 5)
    assert torch.equal(ours(sequence, state), theirs(sequence, state.unsqueeze(0))[0])


@pytest.mark.parametrize("name", ["hnetgru", "dhn"])
@pytest.mark.parametrize("training", [False, True])
def test_no_recurrent_kernel_of_cudnn_runs_on_cuda(name: str, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their backward pass is missing in eval mode. Tensors that claim to be on CUDA replace a GPU."""
    enabled: list[bool] = []
    gru = torch.gru

    def watch(*arguments: object) -> object:
        enabled.append(torch.backends.cudnn.enabled)
        return gru(*arguments)

    model, distance = hnetzoo.load_model(name).train(training), torch.rand(2, 2, 2)
    monkeypatch.setattr(torch, "gru", watch)
    model(distance)
    assert set(enabled) == {True}, "on other devices nothing is set"
    enabled.clear()
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    model(distance)
    assert set(enabled) == {False}
    assert torch.backends.cudnn.enabled, "it is as before"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("name", ["hnetgru", "dhn"])
def test_gradients_pass_through_a_model_in_eval_mode_on_cuda(name: str) -> None:
    distance = torch.rand(4, 2, 2, device="cuda", requires_grad=True)
    hnetzoo.load_model(name).to("cuda")(distance).sigmoid().sum().backward()
    assert distance.grad.any()
