"""Time training steps and inference on a device, a CUDA GPU where there is one.

    python benchmarks/speed/device.py --precision bfloat16

A training step is one of the training loop, with its batches, and is compared with inference alone on the same batch.
Times end when the device has finished.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
import typer
from measure import Repeats, compare, store

import hnetzoo
from hnetzoo.association.masking import skip_value_checks
from hnetzoo.association.prediction import evaluating
from hnetzoo.registry.components import configure
from hnetzoo.training.descent import Descent
from hnetzoo.training.execution import Computation
from hnetzoo.training.extensions import ExtendedTrainer
from hnetzoo.training.observer import NullObserver

MODELS = ("hnetgru", "dhn", "dual-softmax", "exchangeable", "transformer")
BATCHES = (64, 1024, 16384)
STEPS = 20


def finish(device: str) -> None:
    """Wait until a device has done all that was asked of it."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


class Bench:
    """A model on a device, with batches to learn from.

    Args:
        name: The model.
        batch_size: Problems of a batch.
        device: Where it runs.
        computation: In which precision, compiled or not.
    """

    def __init__(self, name: str, batch_size: int, device: str, computation: Computation) -> None:
        registry = hnetzoo.discover()
        drawn = hnetzoo.load_dataset("doa", registry=registry).load("train", seed=0).without_features()
        self.problems = drawn.select(torch.arange(STEPS * batch_size) % len(drawn.distance))
        self.batch, self.device = self.problems.select(slice(0, batch_size)).to(device), device
        trainer = configure(registry.trainer(registry.model(name).trainer), {"batch_size": batch_size})
        config = trainer.config
        assert isinstance(config, hnetzoo.TrainerConfig), "so are all of the zoo"
        extended = ExtendedTrainer(trainer.build(), trainer.spec.name, device)
        self.model = hnetzoo.load_model(name, weights=None, registry=registry).to(device)
        self.learner = Descent(self.model, extended, config, 0, device, self.problems, computation)
        for way in (self.train, self.infer):  # compiles, and allocates
            list(way())

    def train(self) -> Iterator[None]:
        """Take all steps of an epoch."""
        self.learner.learn(1, NullObserver())
        finish(self.device)
        yield

    def infer(self) -> Iterator[None]:
        """Ask as many batches."""
        with evaluating(self.model), skip_value_checks():
            for _ in range(STEPS):
                self.learner.execution.model(*self.batch.problems)
        finish(self.device)
        yield


def main(
    repeats: Repeats = 3,
    device: Annotated[str, typer.Option(help="Where; auto is cuda if there is one.")] = "auto",
    precision: Annotated[Literal["float32", "bfloat16", "float16"], typer.Option(help="Of both.")] = "float32",
    compiled: Annotated[bool, typer.Option("--compile", help="Through torch.compile.")] = False,
    model: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    batch_size: Annotated[list[int] | None, typer.Option(help="Only this one; may be repeated.")] = None,
) -> None:
    """Time every model at every batch size, and store the result by device."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    place = torch.cuda.get_device_name(device) if device.startswith("cuda") else "no GPU, but the CPU"
    print(f"measuring on {place}")
    cases = {}
    for name in model or MODELS:
        for size in batch_size or BATCHES:
            bench = Bench(name, size, device, Computation(precision, compiled))
            print(f"{name}, batch {size}")
            cases[f"{name}, batch {size}"] = compare({"training": bench.train, "inference": bench.infer}, repeats)
    how = f"{precision}, compiled" if compiled else precision
    kind = torch.device(device).type
    store(f"device-{kind}", f"{STEPS} batches", f"On {place}, in {how}, problems of doa;", cases)


if __name__ == "__main__":
    typer.run(main)
