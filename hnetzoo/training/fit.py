"""The only training loop: seeds, device, epochs, validation, best weights, resume.

Data order is a function of (seed, epoch), never of hidden generator state, and every epoch ends in a whole
checkpoint, so a training that was killed and resumed ends with the same bits as one that was not.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.contracts import Dataset, Optimization, Trainer
from hnetzoo.association.counts import compare
from hnetzoo.association.decoding import decode
from hnetzoo.association.prediction import cut, predict
from hnetzoo.association.splits import load_split
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.benchmark.scoring import ORIGIN_METRIC, load_problems, score
from hnetzoo.config import TrainerConfig
from hnetzoo.digests import digest_tensors
from hnetzoo.environment import environment
from hnetzoo.errors import ConfigError, DivergenceError, PluginLoadError
from hnetzoo.files import write_json
from hnetzoo.registry.components import Component
from hnetzoo.registry.loading import RUN_PREFIX
from hnetzoo.registry.specs import DatasetSpec, ModelSpec, TrainerSpec
from hnetzoo.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from hnetzoo.training.observer import EpochRecord, Observer, Silence
from hnetzoo.training.runs import BEST, CHECKPOINTS, RESULT, RUN, RunRecord, open_run, read_run, write_metrics
from hnetzoo.training.weights import fill, load_tensors, save_tensors

SYNTHETIC = "synthetic"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train, on what, how and where.

    `resample` redraws the training split every epoch, for datasets tagged "synthetic"; `plugin` labels the result.
    """

    model: Component[ModelSpec]
    dataset: Component[DatasetSpec]
    trainer: Component[TrainerSpec]
    out: Path
    seed: int = 0
    device: str = "cpu"
    resample: bool = False
    resume: bool = False
    fresh: bool = False
    plugin: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a training ended."""

    best_epoch: int
    best_f1: float
    test: BenchmarkRow


def train(job: Job, observer: Observer | None = None) -> TrainingResult:
    """Train a model, keep the weights of the epoch with the best validation F1, and report them on the test split.

    Args:
        job: What to train; its trainer's settings give epochs and batch size.
        observer: Is told of every step and epoch.

    Returns:
        The best epoch, its validation F1 and the test row, which is also written to result.json.

    Raises:
        ConfigError: If the job cannot be done as asked, or `out` holds another training.
        DivergenceError: If a loss is not finite.
    """
    observer = observer or Silence()
    if job.resume and (job.out / RUN).is_file():  # sums depend on the number of threads
        torch.set_num_threads(read_run(job.out).threads)
    dataset = job.dataset.build()
    training, validation = (load_split(dataset, split, job.seed) for split in ("train", "validation"))
    settings = _loop_settings(job, len(training.distance))
    model = _trainable_model(job, dataset.shape)
    open_run(job.out, _record(job, dataset.shape, training, validation), resume=job.resume, fresh=job.fresh)
    trainer: Trainer = job.trainer.build()
    if hasattr(trainer, "prepare"):
        trainer.prepare(training)
    steps = len(training.distance) // settings.batch_size
    loop = _Loop(model, trainer, trainer.configure(model, settings.epochs * steps), settings, job)
    loop.restore()
    observer.started(settings.epochs, steps, len(loop.history))
    validation = validation.to(job.device)
    for epoch in range(len(loop.history) + 1, settings.epochs + 1):
        if job.resample and epoch > 1:
            training = load_split(dataset, "train", _derived_seed(job.seed, epoch))
        loop.run_epoch(epoch, training.to(job.device), validation, observer)
        observer.finished_epoch(loop.history[-1])
    return _finish(job, model, loop.history[-1], dataset)


def shuffled_batches(training: AssociationBatch, batch_size: int, seed: int, epoch: int) -> Iterator[AssociationBatch]:
    """Cut a split into whole batches, in an order that is a function of (seed, epoch); an incomplete one is dropped."""
    generator = torch.Generator().manual_seed(_derived_seed(seed, epoch))
    order = torch.randperm(len(training.distance), generator=generator)
    whole = order[: len(order) // batch_size * batch_size]
    yield from cut(training.select(whole.to(training.distance.device)), batch_size)


class _Loop:
    """The state that a checkpoint holds, and the epochs that change it."""

    def __init__(
        self, model: nn.Module, trainer: Trainer, optimization: Optimization, settings: TrainerConfig, job: Job
    ) -> None:
        self.model, self.trainer, self.settings, self.job = model, trainer, settings, job
        self.optimizer, self.scheduler = optimization
        self.history: list[EpochRecord] = []

    def restore(self) -> None:
        """Continue from the newest whole checkpoint, if there is one."""
        checkpoint = load_checkpoint(self.job.out / CHECKPOINTS)
        if checkpoint is None:
            return
        fill(self.model, checkpoint.state["model"], str(self.job.out / CHECKPOINTS))
        self.optimizer.load_state_dict(checkpoint.state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(checkpoint.state["scheduler"])
        self.history = [EpochRecord(**line) for line in checkpoint.state["history"]]

    def run_epoch(
        self, epoch: int, training: AssociationBatch, validation: AssociationBatch, observer: Observer
    ) -> None:
        """Train, validate, keep the best weights, and write everything down."""
        start = time.perf_counter()
        losses = self._optimise(epoch, training, observer)
        middle = time.perf_counter()
        measured = self._validate(validation)
        seconds = {"train": middle - start, "evaluation": time.perf_counter() - middle}
        best = self.history[-1] if self.history else None
        improved = best is None or measured["f1"] > best.best_f1
        self.history.append(
            EpochRecord(
                epoch=epoch,
                losses=losses,
                validation=measured,
                seconds=seconds,
                learning_rate=self.optimizer.param_groups[0]["lr"],
                best_epoch=epoch if best is None or improved else best.best_epoch,
                best_f1=measured["f1"] if best is None or improved else best.best_f1,
            )
        )
        self._save(improved)

    def _optimise(self, epoch: int, training: AssociationBatch, observer: Observer) -> dict[str, float]:
        """Take one optimiser step per whole batch of the shuffled split; return the mean losses."""
        torch.manual_seed(_derived_seed(self.job.seed, epoch))  # of dropout and the like
        sums: dict[str, Tensor] = {}
        self.model.train()
        steps = 0
        batches = shuffled_batches(training, self.settings.batch_size, self.job.seed, epoch)
        for steps, batch in enumerate(batches, start=1):
            losses = self.trainer.losses(self.model, batch)
            self.optimizer.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            if self.scheduler is not None:
                self.scheduler.step()
            sums = {name: sums.get(name, 0.0) + loss.detach() for name, loss in losses.items()}
            observer.stepped(epoch, steps, losses)
        means = {name: float(total) / steps for name, total in sums.items()}
        _check_finite(means, epoch)
        return means

    def _validate(self, validation: AssociationBatch) -> dict[str, Any]:
        """Measure F1 and the mean losses on the validation split."""
        logits = predict(self.model, validation, self.job.device).logits.to(validation.distance.device)
        counts = compare(decode(logits, validation.row_mask, validation.col_mask), validation).total()
        sums: dict[str, float] = {}
        batches = list(cut(validation, self.settings.batch_size))
        self.model.eval()
        with torch.no_grad():
            for batch in batches:
                for name, loss in self.trainer.losses(self.model, batch).items():
                    sums[name] = sums.get(name, 0.0) + float(loss)
        losses = {name: total / len(batches) for name, total in sums.items()}
        return {
            "f1": counts.f1,
            "precision": counts.precision,
            "recall": counts.recall,
            "exact": counts.exact_share,
            "losses": losses,
        }

    def _save(self, improved: bool) -> None:
        """Write weights, metrics and, last, the checkpoint that makes the epoch count."""
        if improved:
            save_tensors(self.job.out / BEST, self.model.state_dict())
        lines = [asdict(record) for record in self.history]
        write_metrics(self.job.out, lines)
        state = {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "history": lines,
        }
        save_checkpoint(self.job.out / CHECKPOINTS, Checkpoint(len(self.history), state))


def _loop_settings(job: Job, problems: int) -> TrainerConfig:
    """Check that the job can be run by this loop, and return the settings that the loop reads."""
    settings = job.trainer.config
    if not isinstance(settings, TrainerConfig):
        raise PluginLoadError(
            f"trainer '{job.trainer.spec.name}': its settings are not a subclass of hnetzoo.TrainerConfig"
        )
    if problems < settings.batch_size:
        raise ConfigError(
            f"batch size {settings.batch_size} exceeds the {problems} problems of the training split of "
            f"'{job.dataset.spec.name}'; use a smaller --batch-size"
        )
    if job.resample and SYNTHETIC not in job.dataset.spec.tags:
        raise ConfigError(f"--resample needs a synthetic dataset; '{job.dataset.spec.name}' cannot be redrawn")
    return settings


def _trainable_model(job: Job, shape: tuple[int, int]) -> nn.Module:
    """Build the model with the weights of the job's seed; raises ConfigError if there is nothing to train."""
    torch.manual_seed(job.seed)
    model: nn.Module = job.model.build(shape).to(job.device)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(
            f"model '{job.model.spec.name}' has nothing to train with these settings; evaluate it as it is, or change "
            f"the setting that fixes its weights (see 'hnetzoo show {job.model.spec.name}')"
        )
    return model


def _record(job: Job, shape: tuple[int, int], training: AssociationBatch, validation: AssociationBatch) -> RunRecord:
    parts = (job.model, job.trainer, job.dataset)
    return RunRecord(
        model=job.model.spec.name,
        dataset=job.dataset.spec.name,
        trainer=job.trainer.spec.name,
        shape=shape,
        settings={part.spec.kind: part.config.model_dump(mode="json") for part in parts},
        seed=job.seed,
        threads=torch.get_num_threads(),
        device=job.device,
        resample=job.resample,
        data={"train": digest_tensors(training.tensors), "validation": digest_tensors(validation.tensors)},
        environment=environment(),
    )


def _finish(job: Job, model: nn.Module, last: EpochRecord, dataset: Dataset) -> TrainingResult:
    """Put the best weights to the test and write the result."""
    fill(model, load_tensors(job.out / BEST), str(job.out / BEST))
    spec = job.dataset.spec
    problems = load_problems(spec.name, dataset, "test", job.seed, origin_metric=ORIGIN_METRIC in spec.tags)
    labels = {"model": job.model.spec.name, "weights": f"{RUN_PREFIX}{job.out}", "plugin": job.plugin}
    row = score(model.eval(), problems, job.device, **labels)
    write_json(job.out / RESULT, {"best_epoch": last.best_epoch, "best_f1": last.best_f1, "test": asdict(row)})
    return TrainingResult(best_epoch=last.best_epoch, best_f1=last.best_f1, test=row)


def _derived_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint32)[0])


def _check_finite(losses: Mapping[str, float], epoch: int) -> None:
    for name, value in losses.items():
        if not np.isfinite(value):
            raise DivergenceError(
                f"loss '{name}' is {value} in epoch {epoch}; lower the learning rate (--set trainer.learning_rate=...)"
            )
