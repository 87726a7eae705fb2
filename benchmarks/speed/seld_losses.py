"""Compare a step of each loss for sound event localization with loops over permutations.

    python benchmarks/speed/seld_losses.py

A step is a loss and its gradient, for 64 sequences of 50 frames with 3 tracks for each of 13 classes. A class has no
event in most frames, as in recordings, and up to 3. The last way writes the 13 ways to give events to tracks out, as
the baselines of DCASE's task 3 do: targets for one, two and three events of a class, to which those of the other
numbers are added, so that the wrong numbers of events never win; the squared error of each way; and the least of them.
ADPITLoss is the same number. The other losses treat each class of a sequence as a sequence.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations, product
from operator import add

import torch
import typer
from measure import Repeats, compare, store
from torch import Tensor

import hnetzoo
from hnetzoo.losses import ADPITLoss, PermutationInvariantLoss, TrackingLoss

SEQUENCES, FRAMES, TRACKS, CLASSES = 64, 50, 3, 13
EVENTS = (0.85, 0.11, 0.03, 0.01)  # share of frames in which a class has none, one, two or three
STEPS = 5

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def thirteen_ways(references: Tensor, predictions: Tensor, mask: Tensor) -> Tensor:
    """Return the loss of ADPITLoss, arguments as there; the events of a class fill its first slots."""
    present, count = references * mask.unsqueeze(-1), mask.sum(-1).view(*mask.shape[:-1], 1, 1)
    targets: list[list[Tensor]] = []  # of one, two and three events
    for number in range(1, TRACKS + 1):
        events = present * (count == number)
        ways = [way for way in product(range(number), repeat=TRACKS) if len(set(way)) == number]
        targets.append([events[..., list(way), :] for way in ways])
    firsts = [of_number[0] for of_number in targets]
    errors = []
    for number, of_number in enumerate(targets):
        others = add(*(first for other, first in enumerate(firsts) if other != number))
        errors += [(predictions - (target + others)).square().mean((-2, -1)) for target in of_number]
    return torch.stack(errors).amin(0).mean()


def six_permutations(references: Tensor, predictions: Tensor, mask: Tensor) -> Tensor:
    """Return the loss of PermutationInvariantLoss, arguments as there, for as many slots as tracks."""
    errors = [
        ((predictions[..., list(order), :] - references).square().sum(-1) * mask).sum(-1)
        for order in permutations(range(TRACKS))
    ]
    return torch.stack(errors).amin(0).sum() / mask.sum()


def scenes(by_class: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return references, predictions and the mask of references; not by class, each class is a sequence of its own."""
    generator = torch.Generator().manual_seed(0)
    shape = (SEQUENCES, FRAMES, CLASSES, TRACKS)
    number = torch.multinomial(torch.tensor(EVENTS), SEQUENCES * FRAMES * CLASSES, True, generator=generator)
    mask = torch.arange(TRACKS) < number.view(*shape[:3], 1)
    references = torch.nn.functional.normalize(torch.randn(*shape, 3, generator=generator), dim=-1)
    predictions = torch.randn(*shape, 3, generator=generator)
    if by_class:
        return references, predictions, mask
    folded = [x.transpose(1, 2).flatten(0, 1) for x in (references, predictions, mask)]
    return folded[0], folded[1], folded[2]


def steps(loss: Loss, references: Tensor, predictions: Tensor, mask: Tensor) -> Iterator[None]:
    """Yield after each step, on the same data for every loss."""
    for _ in range(STEPS):
        torch.autograd.grad(loss(references, predictions.requires_grad_(), mask), predictions)
        yield


def main(repeats: Repeats = 7) -> None:
    """Time steps of each loss, and store the results."""
    losses: dict[str, tuple[Loss, bool]] = {
        "ADPITLoss": (ADPITLoss(), True),
        "PermutationInvariantLoss, frames": (PermutationInvariantLoss(), False),
        "PermutationInvariantLoss, tracks": (PermutationInvariantLoss(level="track"), False),
        "PermutationInvariantLoss, price of switches": (PermutationInvariantLoss(switch_cost=0.5), False),
        "loop over 6 permutations of frames": (six_permutations, False),
        "TrackingLoss through hungarian": (TrackingLoss(hnetzoo.load_model("hungarian")), False),
        "TrackingLoss through sinkhorn": (TrackingLoss(hnetzoo.load_model("sinkhorn")), False),
        "loop over 13 ways, as in DCASE's baseline": (thirteen_ways, True),
    }
    ways = {name: partial(steps, loss, *scenes(by_class)) for name, (loss, by_class) in losses.items()}
    what = f"{STEPS} steps at {TRACKS} tracks and {CLASSES} classes on {SEQUENCES} sequences of {FRAMES} frames,"
    title = "Steps of losses for sound event localization"
    store("seld-losses", title, what, {"": compare(ways, repeats)})


if __name__ == "__main__":
    typer.run(main)
