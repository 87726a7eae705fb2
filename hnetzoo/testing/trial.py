"""Train a small model on 32 easy problems, as the training loop does."""

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
from hnetzoo.training.extensions import ExtendedTrainer, unlike
from hnetzoo.training.optimization import unsupported

STEPS = 40


class PairwiseNet(nn.Module):
    """A linear model of a distance and of its excess over the smallest in its row and in its column.

    Trainers are tried on it. It starts at zero and its losses are convex, so any working trainer improves it.

    Example:
        >>> PairwiseNet()(torch.rand(4, 2, 3)).shape
        torch.Size([4, 2, 3])
    """

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(3, 1)
        nn.init.zeros_(self.read.weight)
        nn.init.zeros_(self.read.bias)

    def forward(
        self,
        distance: Tensor,
        row_mask: Tensor | None = None,
        col_mask: Tensor | None = None,
        row_features: Tensor | None = None,
        col_features: Tensor | None = None,
    ) -> Tensor:
        """Return the logits of distance, both float [b, n, m]; features are ignored."""
        cells = Inputs(distance, row_mask, col_mask).cells
        far = distance.masked_fill(~cells, 10.0)
        features = torch.stack((far, far - far.amin(2, keepdim=True), far - far.amin(1, keepdim=True)), -1)
        logits: Tensor = self.read(features).squeeze(-1)
        return logits


class Trial(NamedTuple):
    """A trainer with the model, batch and optimiser that it works on."""

    trainer: Trainer
    model: PairwiseNet
    batch: AssociationBatch
    optimization: Optimization

    def step(self) -> float:
        """Return the summed loss, after one optimiser step as in the training loop.

        Raises:
            Blocked: If losses, optimiser or scheduler raise an error.
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

    def averaged(self) -> nn.Module:
        """Return the module whose weights are validated and kept; raises Blocked if it is none."""
        try:
            found = self.trainer.averaged(self.model) if hasattr(self.trainer, "averaged") else self.model
        except Exception as error:
            raise Blocked("check_averaged", f"averaged raised {one_line(error)}") from error
        if problem := unlike(self.model, found):
            raise Blocked("check_averaged", f"averaged returned {problem}")
        module: nn.Module = found
        return module


def carry_over(stopped: Trial, resumed: Trial) -> None:
    """Load the state of one training into another through a checkpoint on disk."""
    optimizer, scheduler = stopped.optimization.optimizer, stopped.optimization.scheduler
    state = {
        "model": dict(stopped.model.state_dict()),
        "optimizer": optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "trainer": ExtendedTrainer(stopped.trainer, "").state(),
    }
    with TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "checkpoints", Checkpoint(1, state))
        checkpoint = load_checkpoint(Path(folder) / "checkpoints")
    assert checkpoint is not None, "it was just written"
    resumed.model.load_state_dict(checkpoint.state["model"])
    resumed.optimization.optimizer.load_state_dict(checkpoint.state["optimizer"])
    if resumed.optimization.scheduler is not None:
        resumed.optimization.scheduler.load_state_dict(checkpoint.state["scheduler"])
    ExtendedTrainer(resumed.trainer, "").restore(checkpoint.state["trainer"])


def prepare(spec: TrainerSpec, settings: Settings) -> tuple[Trainer, PairwiseNet, AssociationBatch]:
    """Return a prepared trainer, a model and the training batch."""
    trainer, batch = build_trainer(spec, settings), easy_problems()
    if hasattr(trainer, "prepare"):
        trainer.prepare(batch)
    return trainer, PairwiseNet(), batch


def sensitivity(trainer: Trainer, batch: AssociationBatch) -> Tensor:
    """Return the gradient of the summed losses in the distances, float [b, n, m], at logits of 1 - distance."""
    model = PairwiseNet()
    with torch.no_grad():
        model.read.weight.copy_(torch.tensor([[-1.0, 0.0, 0.0]]))
        model.read.bias.fill_(1.0)
    distance = batch.distance.clone().requires_grad_()
    loss = total_loss(trainer, model, batch._replace(distance=distance))
    (gradient,) = torch.autograd.grad(loss, [distance], allow_unused=True)
    return torch.zeros_like(distance) if gradient is None else gradient


def start(spec: TrainerSpec, settings: Settings) -> Trial:
    """Return a trial before its first step."""
    trainer, model, batch = prepare(spec, settings)
    return Trial(trainer, model, batch, configure(trainer, model, STEPS))


def total_loss(trainer: Trainer, model: nn.Module, batch: AssociationBatch) -> Tensor:
    """Return the sum of the losses; raises Blocked if it has no gradient."""
    total = torch.stack(list(named_losses(trainer, model, batch).values())).sum()
    if not total.requires_grad:
        raise Blocked("check_losses_differentiable", "no gradient passes through the losses")
    return total


def named_losses(trainer: Trainer, model: nn.Module, batch: AssociationBatch) -> dict[str, Tensor]:
    """Return the losses under a fixed seed; raises Blocked unless they are named scalar tensors."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the training loop seeds each epoch
            losses = dict(trainer.losses(model, batch.clone()))
    except Exception as error:
        raise Blocked("check_losses_named", f"losses raised {one_line(error)}", shown(batch)) from error
    if not losses or not all(isinstance(loss, Tensor) and not loss.ndim for loss in losses.values()):
        raise Blocked("check_losses_named", "losses are not named scalar tensors")
    return losses


def configure(trainer: Trainer, model: nn.Module, steps: int) -> Optimization:
    """Return the optimisation; raises Blocked if the trainer does not return one."""
    try:
        optimization = trainer.configure(model, steps)
    except Exception as error:
        raise Blocked("check_optimization", f"configure raised {one_line(error)}") from error
    if not isinstance(optimization, Optimization):
        raise Blocked("check_optimization", "configure did not return a hnetzoo.Optimization")
    if problem := unsupported(optimization):
        raise Blocked("check_optimization", problem)
    return optimization


def state_of(model: nn.Module) -> tuple[object, ...]:
    """Return what a trainer must not change: modes, weights with dtype and device, and what requires a gradient."""
    modes = tuple(module.training for module in model.modules())
    state = tuple((tensor.dtype, tensor.device, str(tensor.tolist())) for tensor in model.state_dict().values())
    return modes, state, tuple(parameter.requires_grad for parameter in model.parameters())


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Return whether two modules of one class have the same weights and buffers, bit for bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def shown(batch: AssociationBatch, index: int = 0) -> Problem:
    """Return one problem, to be shown in a failure."""
    return Problem(batch.distance[index], batch.row_mask[index], batch.col_mask[index])
