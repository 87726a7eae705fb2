"""Pairings of whole sequences, and of frames with a price of switches, against all sequences of permutations."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from hnetzoo import ConfigError, ShapeError
from hnetzoo.losses import PermutationInvariantLoss, chordal_distance
from hnetzoo.losses.pairings import associate_sequences, associate_with_switches, count_switches
from tests.losses.points import directions, random_mask

SIZES = [(2, 2), (3, 3), (2, 3), (3, 2), (1, 3), (1, 1)]


def pairings(n: int, m: int) -> np.ndarray:
    """Return all largest pairings, bool [p, n, m]."""
    few, many = min(n, m), max(n, m)
    found = np.array([np.eye(many, dtype=bool)[list(order)] for order in permutations(range(many), few)])
    return found if n <= m else found.transpose(0, 2, 1)


def values(distance: Tensor, masks: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Return number of pairs and total distance of every pairing in every frame, [b, t, p] each."""
    allowed = (masks[0].unsqueeze(3) & masks[1].unsqueeze(2) & distance.isfinite()).numpy()
    cost = np.where(allowed, distance.numpy(), 0.0)
    chosen = pairings(*distance.shape[2:])
    return np.einsum("btnm,pnm->btp", allowed, chosen.astype(int)), np.einsum("btnm,pnm->btp", cost, chosen)


def least(pairs: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the least total of those [b, w] that have the most pairs."""
    return np.where(pairs == pairs.max(1, keepdims=True), total, np.inf).min(1)


def random_case(b: int, t: int, n: int, m: int, generator: torch.Generator) -> tuple[Tensor, list[Tensor]]:
    """Return distances with some forbidden pairs, and masks."""
    distance = torch.rand(b, t, n, m, generator=generator, dtype=torch.float64)
    distance[torch.rand(distance.shape, generator=generator) < 0.05] = torch.inf
    return distance, [random_mask(b, t, size, generator=generator) for size in (n, m)]


@pytest.mark.parametrize(("n", "m"), [*SIZES, (5, 4), (6, 6), (7, 2)])
def test_a_pairing_of_a_sequence_is_the_best_of_all(n: int, m: int, generator: torch.Generator) -> None:
    b = 200 if max(n, m) < 5 else 20
    distance, masks = random_case(b, 4, n, m, generator)
    pairs = associate_sequences(distance, *masks)
    number, total = (value.sum(1) for value in values(distance, masks))
    assert np.array_equal(pairs.sum((1, 2, 3)).numpy(), number.max(1))
    np.testing.assert_allclose(distance.masked_fill(~pairs, 0.0).sum((1, 2, 3)).numpy(), least(number, total))
    assert not count_switches(pairs).any()


@pytest.mark.parametrize("switch_cost", [0.05, 0.4, 3.0])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_the_price_of_switches_is_minimised_exactly(
    n: int, m: int, switch_cost: float, generator: torch.Generator
) -> None:
    """1,000 and more random cases in all, against every sequence of permutations of four frames."""
    distance, masks = random_case(60, 4, n, m, generator)
    pairs = associate_with_switches(distance, *masks, switch_cost)
    number, total = values(distance, masks)
    paths = np.array(list(product(range(number.shape[2]), repeat=4)))  # [w, t]
    along = [value[:, np.arange(4), paths].sum(2) for value in (number, total)]
    changes = (paths[:, 1:] != paths[:, :-1]).sum(1)
    found = distance.masked_fill(~pairs, 0.0).sum((1, 2, 3)) + switch_cost * count_switches(pairs)
    assert np.array_equal(pairs.sum((1, 2, 3)).numpy(), along[0].max(1))
    np.testing.assert_allclose(found.numpy(), least(along[0], along[1] + switch_cost * changes))


def test_six_tracks_are_exact_too(generator: torch.Generator) -> None:
    distance, masks = random_case(3, 2, 6, 6, generator)
    pairs = associate_with_switches(distance, *masks, 0.3)
    number, total = values(distance, masks)
    both = [value[:, 0, :, None] + value[:, 1, None, :] for value in (number, total)]
    changed = 0.3 * (1 - np.eye(720))
    expected = least(both[0].reshape(3, -1), (both[1] + changed).reshape(3, -1))
    found = distance.masked_fill(~pairs, 0.0).sum((1, 2, 3)) + 0.3 * count_switches(pairs)
    np.testing.assert_allclose(found.numpy(), expected)


def test_a_low_price_gives_frames_and_a_high_one_sequences(generator: torch.Generator) -> None:
    distance = torch.rand(20, 6, 3, 3, generator=generator)
    free = PermutationInvariantLoss()
    assert torch.equal(PermutationInvariantLoss(switch_cost=1e-9).associate(distance), free.associate(distance))
    whole = PermutationInvariantLoss(level="track").associate(distance)
    assert torch.equal(PermutationInvariantLoss(switch_cost=1e3).associate(distance), whole)
    assert not torch.equal(whole, free.associate(distance))


def test_a_pairing_is_kept_while_a_source_is_silent() -> None:
    """The second source is silent in the second frame; its return to its own track is no switch."""
    distance = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).expand(1, 3, 2, 2)
    rows = torch.tensor([[[True, True], [True, False], [True, True]]])
    terms = PermutationInvariantLoss(switch_cost=0.5).terms(distance, rows)
    assert [term.item() for term in terms.values()] == [0.0, 0.0, 0.0]


def test_the_loss_equals_a_hand_worked_example() -> None:
    """Tracks cross in the third of four frames: paying 2 x 1.0 in two frames, or one switch of 1.5."""
    there, crossed = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    distance = torch.stack((there, there, crossed, crossed)).unsqueeze(0)
    values = {
        "free": PermutationInvariantLoss().terms(distance),
        "priced": PermutationInvariantLoss(switch_cost=1.5).terms(distance),
        "dear": PermutationInvariantLoss(switch_cost=4.5).terms(distance),
        "track": PermutationInvariantLoss(level="track").terms(distance),
    }
    found = {name: (terms["distance"].item(), terms["switches"].item()) for name, terms in values.items()}
    assert found == {"free": (0.0, 0.0), "priced": (0.0, 1.5 / 8), "dear": (4 / 8, 0.0), "track": (4 / 8, 0.0)}


def test_given_pairs_are_charged_for_their_switches() -> None:
    frames = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, 1], [0, 0]], [[1, 0], [0, 1]]]).bool()
    terms = PermutationInvariantLoss(switch_cost=2.0).terms(torch.zeros(1, 4, 2, 2), association=frames.unsqueeze(0))
    assert terms["switches"].item() == 2.0 * 2 / 8


@pytest.mark.parametrize("settings", [{"level": "track"}, {"switch_cost": 0.2}])
@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2), (2, 3, 2, 0)])
def test_without_pairs_the_loss_is_zero(settings: dict[str, object], shape: tuple[int, ...]) -> None:
    b, t, n, m = shape
    predictions = torch.ones(b, t, m, 3, requires_grad=True)
    loss = PermutationInvariantLoss(**settings)(torch.zeros(b, t, n, 3), predictions)
    loss.backward()
    assert loss.item() == 0
    assert predictions.grad.isfinite().all()


@pytest.mark.parametrize("settings", [{"level": "track"}, {"switch_cost": 0.2}])
def test_gradients_are_right_and_masked_points_are_not_read(
    settings: dict[str, object], generator: torch.Generator
) -> None:
    references, predictions = directions(2, 3, 3, generator=generator), directions(2, 3, 2, generator=generator)
    rows, columns = random_mask(2, 3, 3, generator=generator), random_mask(2, 3, 2, generator=generator)
    loss = PermutationInvariantLoss(chordal_distance, unmatched_cost=0.1, **settings)
    assert gradcheck(lambda x: loss(references, x, rows, columns), predictions.clone().requires_grad_())
    hidden = predictions.masked_fill(~columns.unsqueeze(-1), torch.nan)
    assert loss(references, hidden, rows, columns).item() == loss(references, predictions, rows, columns).item()


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^unknown level 'utterance' of PermutationInvariantLoss; choose 'frame' or"):
        PermutationInvariantLoss(level="utterance")
    with pytest.raises(ConfigError, match=r"^switch_cost is inf; it must be a number of at least 0$"):
        PermutationInvariantLoss(switch_cost=torch.inf)
    with pytest.raises(ConfigError, match=r"^level 'track' has one pairing per sequence and takes no switch_cost"):
        PermutationInvariantLoss(level="track", switch_cost=1.0)
    with pytest.raises(ShapeError, match=r"^sequences are \[1, 1, 7, 2\]; switch_cost needs at most 6 slots a side"):
        PermutationInvariantLoss(switch_cost=1.0).terms(torch.zeros(1, 1, 7, 2))
