"""A valid trainer, and variants of it with one defect each."""

import random

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo


class Valid:
    def __init__(self, config):
        self.config = config

    def losses(self, model, batch):
        return {"cell": self.cross_entropy(model(batch.distance, batch.row_mask, batch.col_mask), batch)}

    def cross_entropy(self, logits, batch):
        return binary_cross_entropy_with_logits(logits, batch.association.float(), batch.cells.float())

    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.Adam(model.parameters(), self.config.learning_rate))


class Unnamed(Valid):
    def losses(self, model, batch):
        return super().losses(model, batch)["cell"]


class PerProblem(Valid):
    def losses(self, model, batch):
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        truth = batch.association.float()
        return {"cell": binary_cross_entropy_with_logits(logits, truth, reduction="none").sum((1, 2))}


class MeanOverNothing(Valid):
    def cross_entropy(self, logits, batch):
        return super().cross_entropy(logits, batch) / batch.cells.float().mean()


class CutsGradient(Valid):
    def losses(self, model, batch):
        return {name: loss.detach() for name, loss in super().losses(model, batch).items()}


class Constant(Valid):
    def cross_entropy(self, logits, batch):
        return 0.0 * super().cross_entropy(logits, batch)


class ForgetsMasks(Valid):
    def losses(self, model, batch):
        return {"cell": self.cross_entropy(model(batch.distance), batch)}


class UndeclaredSum(Valid):
    def cross_entropy(self, logits, batch):
        return super().cross_entropy(logits, batch) * len(logits)


class Sums(UndeclaredSum):
    reduction = "sum"


class WrongReduction(Valid):
    reduction = "sum"


class PythonRandomness(Valid):
    def cross_entropy(self, logits, batch):
        return super().cross_entropy(logits, batch) * (1.0 + 0.1 * random.random())


class WritesIntoBatch(Valid):
    def losses(self, model, batch):
        batch.distance.mul_(0.5)
        return super().losses(model, batch)


class TurnsToEval(Valid):
    def losses(self, model, batch):
        return super().losses(model.eval(), batch)


class Reinitialises(Valid):
    def configure(self, model, total_steps):
        with torch.no_grad():
            model.read.bias.add_(1.0)
        return super().configure(model, total_steps)


class ForgetsBias(Valid):
    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.Adam([model.read.weight], self.config.learning_rate))


class BareOptimizer(Valid):
    def configure(self, model, total_steps):
        return super().configure(model, total_steps).optimizer


class ShortSchedule(Valid):
    def configure(self, model, total_steps):
        optimizer = super().configure(model, total_steps).optimizer
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=max(1, total_steps - 1))
        return hnetzoo.Optimization(optimizer, schedule)


class Maximises(Valid):
    def cross_entropy(self, logits, batch):
        return -super().cross_entropy(logits, batch).clamp(max=30.0)


class GradientAscent(Valid):
    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), 0.01, maximize=True))


class ZeroRate(Valid):
    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), 0.0))


class ForgetsRate(Valid):
    """Lowers the learning rate by a counter that is not in the optimiser's state."""

    def configure(self, model, total_steps):
        optimization = super().configure(model, total_steps)
        steps = iter(range(1, 1000))
        optimization.optimizer.register_step_pre_hook(lambda optimizer, *_: self.lower(optimizer, next(steps)))
        return optimization

    def lower(self, optimizer, step):
        for group in optimizer.param_groups:
            group["lr"] = self.config.learning_rate / step


class Augments(Valid):
    """No defect: noise from torch's generator, which the core seeds."""

    def losses(self, model, batch):
        return super().losses(model, batch._replace(distance=batch.distance + 0.01 * torch.rand_like(batch.distance)))


class NoTrainer:
    def __init__(self, config):
        self.config = config
