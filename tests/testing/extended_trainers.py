"""Trainers with optional methods: sound ones, some of unusual make, and variants with one defect each."""

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tests.testing.trainers import Valid


class Averages(Valid):
    """An exponential moving average, updated after every step."""

    def configure(self, model, total_steps):
        optimization = super().configure(model, total_steps)
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        optimization.optimizer.register_step_post_hook(lambda *_: self.average.update_parameters(model))
        return optimization

    def averaged(self, model):
        return self.average.module

    def state_dict(self):
        return {"average": self.average.state_dict()}

    def load_state_dict(self, state):
        self.average.load_state_dict(state["average"])


class AveragesByEpoch(Averages):
    """No defect: the mean of the weights after each epoch."""

    def configure(self, model, total_steps):
        self.average = AveragedModel(model)
        return super(Averages, self).configure(model, total_steps)

    def averaged(self, model):
        self.average.update_parameters(model)
        return self.average.module


class AveragesNothing(Valid):
    """No defect: by its settings, the model itself."""

    def averaged(self, model):
        return model

    def metrics(self, model, validation):
        return {}

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Decays(Valid):
    """No defect: a loss that changes by a counter, which is stored."""

    calls = 0

    def losses(self, model, batch):
        self.calls += model.training
        return {name: loss * 0.99**self.calls for name, loss in super().losses(model, batch).items()}

    def state_dict(self):
        return {"calls": self.calls}

    def load_state_dict(self, state):
        self.calls = state["calls"]


class Measures(Valid):
    def metrics(self, model, validation):
        logits = model(validation.distance, validation.row_mask, validation.col_mask)
        return {"share_of_pairs": self.share(logits, validation)}

    def share(self, logits, validation):
        return np.float32((logits > 0)[validation.cells].float().mean())


class ReturnsTheState(Averages):
    def averaged(self, model):
        return self.average.module.state_dict()


class ReturnsTheWrapper(Averages):
    def averaged(self, model):
        return self.average


class NeverUpdates(Averages):
    def configure(self, model, total_steps):
        self.average = AveragedModel(model)
        return super(Averages, self).configure(model, total_steps)


class WritesIntoModel(Averages):
    def averaged(self, model):
        model.load_state_dict(self.average.module.state_dict())
        return self.average.module


class ForgetsAverage(Averages):
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class LoadsNothing(Averages):
    def load_state_dict(self, state):
        pass


class StoresObjects(Averages):
    def state_dict(self):
        return {"average": self.average}


class CannotLoad(Valid):
    def state_dict(self):
        return {}


class NamedLikeOurs(Measures):
    def metrics(self, model, validation):
        return {"f1": 0.5}


class ReturnsTensors(Measures):
    def share(self, logits, validation):
        return logits.mean()


class NotFinite(Measures):
    def share(self, logits, validation):
        return (logits > 0)[validation.association].float().mean().item()  # nan without true pairs


class ReturnsANumber(Measures):
    def metrics(self, model, validation):
        return 0.5


class TurnsToTrain(Measures):
    def share(self, logits, validation):
        self.model.train()
        return 0.5

    def metrics(self, model, validation):
        self.model = model
        return super().metrics(model, validation)


class MovesWeights(Measures):
    def metrics(self, model, validation):
        model.read.bias.add_(0.1)
        return super().metrics(model, validation)


class WritesIntoSplit(Measures):
    def share(self, logits, validation):
        validation.distance.mul_(0.5)
        return 0.5


class DrawsFromGlobal(Measures):
    def share(self, logits, validation):
        return torch.rand(()).item()


class CountsPadding(Measures):
    def share(self, logits, validation):
        return validation.distance.nan_to_num(5.0).mean().item()
