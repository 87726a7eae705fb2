"""How a model enters a task: with the weights that it has, tuned on the validation split, or trained on the task."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.contracts import Trainer
from hnetzoo.association.coverage import Coverage, coverage, outside
from hnetzoo.benchmark.guard import guarded_predict
from hnetzoo.benchmark.plan import Entrant, Job
from hnetzoo.benchmark.problems import Problems
from hnetzoo.benchmark.scoring import f1_score
from hnetzoo.config import TrainerConfig
from hnetzoo.digests import digest_document, digest_tensors
from hnetzoo.errors import ConfigError
from hnetzoo.registry.components import Component
from hnetzoo.registry.environment import environment
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.specs import ModelSpec, TrainerSpec
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.execution import FLOAT32
from hnetzoo.training.fit import check_trainable, fit
from hnetzoo.training.fitting import is_fitted
from hnetzoo.training.group import shared
from hnetzoo.training.locks import owned
from hnetzoo.training.observer import EpochRecord, Observer
from hnetzoo.training.ranks import ALONE, Ranks
from hnetzoo.training.runs import (
    BEST,
    SEED_PREFIX,
    Run,
    RunRecord,
    check_run_directory,
    last_epoch,
    open_run,
    read_run,
)
from hnetzoo.training.weights import fill, load_tensors

SHOWN_DIGITS = 8  # of the recipe's digest, in the name of a run directory


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Where and how entrants are trained.

    Fields:
        out: The run directory, where there is one training.
        by_seed: Whether there is one for each seed instead, in the folder `out`.
        runs: The folder for several, where each is named by its recipe; None, like `out`, where nothing is trained.
        resume: Resume the training of a run directory, if it is the same.
        fresh: Delete it and start over.
        resample: Redraw the training split every epoch.
        precision: What models compute with in training: "float32", "bfloat16" or "float16".
        compiled: Whether torch.compile compiles them for it.
        ranks: The place of this process among those that train together.
    """

    out: Path | None = None
    by_seed: bool = False
    runs: Path | None = None
    resume: bool = True
    fresh: bool = False
    resample: bool = False
    precision: str = FLOAT32
    compiled: bool = False
    ranks: Ranks = ALONE

    def directory(self, seed: int) -> Path | None:
        """Return the run directory of a seed; None where it is named by its recipe.

        Example:
            >>> TrainingOptions(out=Path("runs"), by_seed=True).directory(3).name
            'seed-3'
        """
        return self.out / f"{SEED_PREFIX}{seed}" if self.out and self.by_seed else self.out


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A model on its device in eval mode, what the reports call its weights, and how its training ended, if any.

    `scope` says what its weights are for; None where they were trained on the task, or do not matter. `stopped` is the
    epoch after which patience ended the training, if it did.
    """

    model: nn.Module
    weights: str
    scope: Scope | None = None
    last_epoch: EpochRecord | None = None
    run: Path | None = None
    stopped: int | None = None


def skip_reason(entrant: Entrant, shape: tuple[int, int]) -> str:
    """Return why a model cannot take problems of n x m = `shape`; "" if it can."""
    size = entrant.choices[0].size
    return "" if size in (None, tuple(shape)) else f"n/a (fixed {size[0]} x {size[1]})" if size else ""


def recipe(job: Job, problems: Problems, device: str) -> str:
    """Return the digest of all that the weights of a job's model depend on; equal recipes give equal weights."""
    entrant, task, seen = job.entrant, job.training, problems.to_train(job)
    used = ("train", "validation") if entrant.trainer else entrant.tune_on if len(entrant.choices) > 1 else ()
    return digest_document(
        {
            "model": entrant.spec.name,
            "settings": [choice.component.settings for choice in entrant.choices],
            "weights": entrant.weights,
            "features": entrant.takes_features,
            "splits": used,
            "trainer": [entrant.trainer.spec.name, entrant.trainer.settings] if entrant.trainer else [],
            "dataset": [task.dataset.spec.name, task.dataset.settings],
            "seed": job.seed,
            "data": {} if seen.synthetic else {split: seen.digest(split) for split in used},
            "device": torch.device(device).type,
            "code": job.code,
        }
    )


def enter(
    job: Job, problems: Problems, options: TrainingOptions, device: str, observer: Observer, held: ExitStack
) -> Entered:
    """Return the model of a job, ready to be evaluated.

    Args:
        job: Its entrant is tuned, trained, or taken as it is.
        problems: Of its task.
        options: Where and how it is trained.
        device: Where it runs.
        observer: Is told of a training.
        held: Given the lock of the run directory, which nobody else may use until its results are stored.

    Raises:
        HnetzooError: If the model cannot be loaded, tuned or trained.
    """
    if job.entrant.trainer is not None:
        return _trained(job, problems.to_train(job), options, device, observer, held)
    index = _best_choice(job.entrant, problems, device) if len(job.entrant.choices) > 1 else 0
    chosen, tuned = job.entrant.choices[index], job.entrant.tuned[index]
    names = [chosen.weights.name if chosen.weights else "none" if not tuned else "", f"tuned: {tuned}" if tuned else ""]
    model = chosen.load(problems.shape, watch=False).to(device)
    scope = None if getattr(model, "ignores_weights", False) or not chosen.weights else chosen.weights.scope
    if scope is not None and (told := str(getattr(model, "told_truth", ""))):
        scope = replace(scope, truth=told)
    return Entered(model=model, weights=", ".join(name for name in names if name), scope=scope)


def outside_scope(scope: Scope | None, problems: Problems) -> tuple[str, ...]:
    """Return how test problems are outside a scope, as `BenchmarkRow.outside`."""
    if scope is None:
        return ()
    seen = Coverage(scope.slots, scope.masks, scope.distances)
    found = outside(seen, *problems.split("test").problems)
    return (*found, *(() if scope.means(getattr(problems.dataset, "truth", "")) else ("truth",)))


def _best_choice(entrant: Entrant, problems: Problems, device: str) -> int:
    """Return the choice of the best F1 on the splits to tune on, the first of equals."""
    seen = AssociationBatch.concatenate([problems.split(split) for split in entrant.tune_on])
    digest = digest_tensors(seen.tensors)
    scores = []
    for choice in entrant.choices:
        model = choice.load(problems.shape, watch=False).to(device)
        features = entrant.takes_features
        logits = guarded_predict(entrant.title, model, seen, digest, device, features=features)
        scores.append(f1_score(logits, seen))
    return scores.index(max(scores))


def _trained(
    job: Job, problems: Problems, options: TrainingOptions, device: str, observer: Observer, held: ExitStack
) -> Entered:
    """Return the trained model; a training of the same recipe is resumed."""
    entrant = job.entrant
    out = options.directory(job.seed) or _run_directory(job, problems, options, device)
    seen = problems.once("train")
    resolved = entrant.choices[0].adapted(seen if entrant.takes_features else seen.without_features())
    del seen
    with preserved_state(seed=job.seed):
        model = resolved.load(problems.shape, watch=False)
    trainer, settings = _trainer(entrant, model)
    built: Trainer = trainer.build()
    record = _record(job, resolved.component, trainer, problems, options, device)
    check_trainable(model, settings, problems.once("train"), record)
    run = _opened(out, record, options, held)
    last = None
    if not run.record.weights:
        last = fit(
            model,
            built,
            settings,
            problems.copy("train"),
            problems.copy("validation"),
            run,
            redraw=problems.redraw if options.resample else None,
            features=entrant.takes_features,
            observer=observer,
            ranks=options.ranks,
        )
    if not options.ranks.first:
        return Entered(model=model, weights="", last_epoch=last)
    fill(model, load_tensors(out / BEST, run.record.weights), str(out / BEST))
    weights = f"run:{out}" if options.out else f"trained: {out.name}"
    return Entered(
        model=model.eval(), weights=weights, last_epoch=last or last_epoch(out), run=out, stopped=read_run(out).stopped
    )


def _opened(out: Path, record: RunRecord, options: TrainingOptions, held: ExitStack) -> Run:
    """Return the run directory of a training, which the first of its processes opens and owns."""
    if options.ranks.first:
        check_run_directory(out)
        held.enter_context(owned(out, wait=options.out is None))
        return shared(options.ranks, open_run(out, record, resume=options.resume, fresh=options.fresh))
    run = shared(options.ranks, Run(out, record))
    if differences := record.differences(run.record):
        raise ConfigError(
            f"process {options.ranks.rank} has another training than the first one (differs in "
            f"{', '.join(differences)}); give all of them the same command, files and versions"
        )
    return run


def _trainer(entrant: Entrant, model: nn.Module) -> tuple[Component[TrainerSpec], TrainerConfig]:
    """Return the trainer of an entrant, of a single epoch for a model that is fitted, and its settings."""
    trainer = entrant.trainer
    assert trainer is not None, "asked before"
    assert isinstance(trainer.config, TrainerConfig), "checked when it was resolved"
    if not is_fitted(model):
        return trainer, trainer.config
    settings = trainer.config.model_copy(update={"epochs": 1})
    return replace(trainer, config=settings), settings


def _run_directory(job: Job, problems: Problems, options: TrainingOptions, device: str) -> Path:
    if options.runs is None:
        raise ConfigError(f"'{job.entrant.title}' is to be trained; name the folder of the runs")
    name = f"{job.entrant.spec.name}-{job.task.dataset.spec.name}-seed{job.seed}"
    return options.runs / f"{name}-{recipe(job, problems, device)[:SHOWN_DIGITS]}"


def _record(
    job: Job,
    model: Component[ModelSpec],
    trainer: Component[TrainerSpec],
    problems: Problems,
    options: TrainingOptions,
    device: str,
) -> RunRecord:
    """Return the record of a training of a model."""
    if options.resample and not problems.synthetic:
        raise ConfigError(
            f"--resample needs a synthetic dataset; '{job.task.dataset.spec.name}' cannot be redrawn: leave it out"
        )
    dataset = job.training.dataset
    return RunRecord(
        model=model.spec.name,
        dataset=dataset.spec.name,
        trainer=trainer.spec.name,
        shape=problems.shape,
        settings={"model": model.settings, "trainer": trainer.settings, "dataset": dataset.settings},
        seed=job.seed,
        threads=torch.get_num_threads(),
        processes=options.ranks.size,
        compiled=options.compiled,
        precision=options.precision,
        device=device,
        resample=options.resample,
        data={split: problems.digest(split) for split in ("train", "validation")},
        init=_init(job.entrant),
        scope=_scope(job, problems).to_json(),
        environment=environment(),
    )


def _scope(job: Job, problems: Problems) -> Scope:
    """Return what the weights are trained for."""
    seen = coverage(*problems.once("train").problems)
    return Scope(
        **seen._asdict(),
        unit=problems.dataset.unit,
        truth=getattr(problems.dataset, "truth", ""),
        tasks=(job.task.dataset.spec.name,),
        seeds=(job.seed,),
    )


def _init(entrant: Entrant) -> dict[str, str]:
    """Return the weights that the training starts from; empty for random ones."""
    weights = entrant.choices[0].weights
    return {"weights": weights.name, "sha256": entrant.weights} if weights else {}
