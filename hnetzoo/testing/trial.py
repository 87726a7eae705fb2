"""A trainer at work on a small model and 32 easy problems, as the core's loop would have it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.contracts import Optimization, Trainer
from hnetzoo.errors import one_line
from hnetzoo.registry.specs import TrainerSpec
from hnetzoo.testing.outcome import Blocked, Settings
from hnetzoo.testing.problems import Inputs, Problem, easy_problems
from hnetzoo.testing.subjects import build_trainer
from hnetzoo.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint

STEPS = 40


class PairwiseNet(nn.Module):
    """A linear model to try trainers on: of a distance, and of what it exceeds the least of its row and column by.

    It starts at zero and its losses are convex, so any trainer that works makes it better, however slowly.

    Example:
        >>> PairwiseNet()(torch.rand(4, 2, 3)).shape
        torch.Size([4, 2, 3])
    """

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(3, 1)
        nn.init.zeros_(self.read.weight)
        nn.init.zeros_(self.read.bias)

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Map distance float [b, n, m] to logits."""
        cells = Inputs(distance, row_mask, col_mask).cells
        far = distance.masked_fill(~cells, 10.0)
        features = torch.stack((far, far - far.amin(2, keepdim=True), far - far.amin(1, keepdim=True)), -1)
        logits: Tensor = self.read(features).squeeze(-1)
        return logits


class Trial(NamedTuple):
    """A trainer at work."""

    trainer: Trainer
    model: PairwiseNet
    batch: AssociationBatch
    optimization: Optimization

    def step(self) -> float:
        """Take one optimiser step as the core's loop does, and return the summed loss.

        Raises:
            Blocked: If losses, optimiser or scheduler do not work.
        """
        self.model.train()
        loss = total_loss(self.trainer, self.model, self.batch)
        try:
            self.optimization.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimization.step()
        except Exception as error:
            raise Blocked("check_optimization", f"an optimiser step raised {one_line(error)}") from error
        return float(loss.detach())


def carry_over(stopped: Trial, resumed: Trial) -> None:
    """Move the state of one training to another through a checkpoint on disk."""
    optimizer, scheduler = stopped.optimization.optimizer, stopped.optimization.scheduler
    state = {
        "model": dict(stopped.model.state_dict()),
        "optimizer": optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
    }
    with TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "checkpoints", Checkpoint(1, state))
        checkpoint = load_checkpoint(Path(folder) / "checkpoints")
    assert checkpoint is not None, "it was just written"
    resumed.model.load_state_dict(checkpoint.state["model"])
    resumed.optimization.optimizer.load_state_dict(checkpoint.state["optimizer"])
    if resumed.optimization.scheduler is not None:
        resumed.optimization.scheduler.load_state_dict(checkpoint.state["scheduler"])


def prepare(spec: TrainerSpec, settings: Settings) -> tuple[Trainer, PairwiseNet, AssociationBatch]:
    """Return a trainer that has seen its training split, a model and the split."""
    trainer, batch = build_trainer(spec, settings), easy_problems()
    if hasattr(trainer, "prepare"):
        trainer.prepare(batch)
    return trainer, PairwiseNet(), batch


def start(spec: TrainerSpec, settings: Settings) -> Trial:
    """Return a trainer at its first step."""
    trainer, model, batch = prepare(spec, settings)
    return Trial(trainer, model, batch, configure(trainer, model, STEPS))


def total_loss(trainer: Trainer, model: nn.Module, batch: AssociationBatch) -> Tensor:
    """Sum the losses; raises Blocked if no gradient passes through them."""
    total = torch.stack(list(named_losses(trainer, model, batch).values())).sum()
    if not total.requires_grad:
        raise Blocked("check_losses_differentiable", "no gradient passes through the losses")
    return total


def named_losses(trainer: Trainer, model: nn.Module, batch: AssociationBatch) -> dict[str, Tensor]:
    """Compute losses under a fixed seed; raises Blocked if they are not what the core's loop needs."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # as the core's loop seeds an epoch
            losses = dict(trainer.losses(model, batch.clone()))
    except Exception as error:
        raise Blocked("check_losses_named", f"losses raised {one_line(error)}", shown(batch)) from error
    if not losses or not all(isinstance(loss, Tensor) and not loss.ndim for loss in losses.values()):
        raise Blocked("check_losses_named", "losses are no named scalar tensors")
    return losses


def configure(trainer: Trainer, model: nn.Module, steps: int) -> Optimization:
    """Make the optimiser; raises Blocked if it cannot be made."""
    try:
        optimization = trainer.configure(model, steps)
    except Exception as error:
        raise Blocked("check_optimization", f"configure raised {one_line(error)}") from error
    if not isinstance(optimization, Optimization):
        raise Blocked("check_optimization", "configure returned no hnetzoo.Optimization")
    return optimization


def state_of(model: nn.Module) -> tuple[object, ...]:
    """Describe what a trainer must leave alone: modes, weights with dtype and device, and what requires a gradient."""
    modes = tuple(module.training for module in model.modules())
    state = tuple((tensor.dtype, tensor.device, str(tensor.tolist())) for tensor in model.state_dict().values())
    return modes, state, tuple(parameter.requires_grad for parameter in model.parameters())


def shown(batch: AssociationBatch, index: int = 0) -> Problem:
    """Take a problem out, to be shown."""
    return Problem(batch.distance[index], batch.row_mask[index], batch.col_mask[index])
