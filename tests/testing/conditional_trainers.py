"""Trainers with one defect each that a single look at the loss does not show."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

import hnetzoo
from tests.testing.trainers import Valid


class WritesInEval(Valid):
    def losses(self, model, batch):
        if not model.training:
            batch.distance.mul_(0.5)
        return super().losses(model, batch)


class WritesWhenPreparing(Valid):
    def prepare(self, training):
        training.distance.div_(training.distance.max())


class WritesIntoFeatures(Valid):
    def losses(self, model, batch):
        for field in batch.features.values():
            field.mul_(0.5)
        return super().losses(model, batch)


class ForgetsOtherPairs(Valid):
    def cross_entropy(self, logits, batch):
        return softplus(-logits)[batch.association].sum() / batch.cells.sum().clamp(min=1)


class DetachesTerm(Valid):
    def losses(self, model, batch):
        terms = super().losses(model, batch)
        return terms | {"size": terms["cell"].detach() * 0.1}


class TermInTrainingOnly(Valid):
    def losses(self, model, batch):
        terms = super().losses(model, batch)
        return terms | {"size": terms["cell"] * 0.1} if model.training else terms


class FreezesByHook(Valid):
    def configure(self, model, total_steps):
        model.read.bias.register_hook(torch.zeros_like)
        return super().configure(model, total_steps)


class FreezesLater(Valid):
    """Freezes after the first steps, when no other check looks."""

    def __init__(self, config):
        super().__init__(config)
        self.calls = 0

    def losses(self, model, batch):
        self.calls += 1
        if self.calls == 10:
            model.read.bias.requires_grad_(False)
        return super().losses(model, batch)


class CountsSteps(Valid):
    """Changes the loss after 20 steps by a counter that no checkpoint holds."""

    def __init__(self, config):
        super().__init__(config)
        self.calls = 0

    def losses(self, model, batch):
        self.calls += 1
        scale = 1.0 if self.calls <= 20 else 0.1
        return {name: scale * loss for name, loss in super().losses(model, batch).items()}


class HalfTheProblems(Valid):
    def losses(self, model, batch):
        return super().losses(model, batch.select(slice(0, len(batch.distance) // 2)))


class LearnsFromValidation(Valid):
    """Keeps what it is shown in eval mode, and adds it to the next batch."""

    def __init__(self, config):
        super().__init__(config)
        self.kept = None

    def losses(self, model, batch):
        if not model.training:
            self.kept = batch
        elif self.kept is not None:
            batch = hnetzoo.AssociationBatch.concatenate((batch, self.kept))
        return super().losses(model, batch)


class LoadsTest(Valid):
    def prepare(self, training):
        self.extra = hnetzoo.load_dataset("doa", samples=80).load("test", seed=0)


class SecondScheduler(Valid):
    def configure(self, model, total_steps):
        optimization = super().configure(model, total_steps)
        second = torch.optim.lr_scheduler.ExponentialLR(optimization.optimizer, 0.9)
        optimization.optimizer.register_step_post_hook(lambda *_: second.step())
        return optimization


class DividesByWeight(Valid):
    def cross_entropy(self, logits, batch):
        weight = torch.tensor(self.config.cell_weight)
        weighted = binary_cross_entropy_with_logits(logits, batch.association.float(), weight * batch.cells.float())
        return weighted / weight


class ByLBFGS(Valid):
    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.LBFGS(model.parameters()))


class ByPlateau(Valid):
    def configure(self, model, total_steps):
        optimizer = super().configure(model, total_steps).optimizer
        return hnetzoo.Optimization(optimizer, torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer))
