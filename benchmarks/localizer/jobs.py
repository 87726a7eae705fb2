"""Jobs of a study, its cells: a criterion, a scenario and a seed each; cached as one file, or trained."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.localizer.criteria import build_criterion
from benchmarks.localizer.features import Examples, load_examples
from benchmarks.localizer.matchers import Matcher, load_matcher
from benchmarks.localizer.network import ClassWiseLocalizer, Localizer
from benchmarks.localizer.scoring import estimate, score
from benchmarks.localizer.settings import CriterionEntry, ScenarioEntry, SceneSettings, Study, TrainingSettings
from benchmarks.localizer.signals import CLASSES
from benchmarks.localizer.train import train
from hnetzoo.association.batch import SPLITS, Split
from hnetzoo.digests import digest_document, digest_sources, digest_tensors
from hnetzoo.errors import one_line
from hnetzoo.files import read_json, write_json
from hnetzoo.registry.environment import versions

CODE = (
    "benchmarks.localizer",
    "hnetzoo.association",
    "hnetzoo.losses",
    "hnetzoo.tracking",
    "hnetzoo.training",
)
"""Packages whose code a row depends on, besides that of the matcher."""
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job, as plain data for workers; `runs` is the folder of cached results, `fresh` computes them again.

    A job of tuning has the number of its trial, and is scored on validation scenes alone.
    """

    study: Study
    criterion: CriterionEntry
    scenario: ScenarioEntry
    seed: int
    runs: Path
    trial: int | None = None
    fresh: bool = False

    @property
    def name(self) -> dict[str, Any]:
        """The first items of a row, which name its job."""
        scenario = {"scenario": self.scenario.label, "sources": self.scenario.sources}
        trial = {} if self.trial is None else {"trial": self.trial}
        return {"criterion": self.criterion.label, **scenario, "seed": self.seed, **trial}

    @property
    def scenes(self) -> SceneSettings:
        """Settings of its scenes."""
        return self.study.scenes.model_copy(update={"same_class": self.scenario.same_class})

    @property
    def training(self) -> TrainingSettings:
        """Settings of its training."""
        rate = self.criterion.learning_rate
        return self.study.training.model_copy(update={"learning_rate": rate} if rate else {})

    def examples(self, split: Split) -> Examples:
        """Return the scenes of a split."""
        return load_examples(self.scenes, self.scenario.sources, split, self.seed, self.runs / "examples")

    def matcher(self) -> Matcher | None:
        """Return the matcher; None for criteria that have none."""
        if not self.criterion.matcher:
            return None
        return load_matcher(self.criterion, self.scenario.sources, self.study.matchers, self.runs / "matchers")

    def localizer(self) -> Localizer:
        """Return a new localizer."""
        network = ClassWiseLocalizer if self.criterion.kind == "adpit" else Localizer
        classes = len(CLASSES) if self.scenes.classes else 0
        return network(self.scenario.sources, classes, self.training.channels)


def run_job(job: Job) -> Row:
    """Return the row of a job; if it raises, a row with the reason under "failed"."""
    try:
        return _find_or_train(job)
    except Exception as error:
        logging.getLogger("hnetzoo").info("%s", job.name, exc_info=True)
        return failed(job, error)


def failed(job: Job, error: BaseException) -> Row:
    """Return a row with the error of a job."""
    return {**job.name, "failed": one_line(error)}


def prepare(step: Callable[[], None]) -> None:
    """Take a step that jobs share; errors are ignored, since they are raised and reported again by the jobs."""
    with suppress(Exception):
        step()


def prepare_scenes(job: Job) -> None:
    """Draw all splits that jobs with the same scenario and seed share."""
    for split in SPLITS if job.trial is None else SPLITS[:-1]:
        job.examples(split)


def prepare_matcher(job: Job) -> None:
    """Train the matcher that jobs with the same criterion and number of sources share, if it needs training."""
    job.matcher()


def same_bits(job: Job) -> bool:
    """Return whether a finished job, trained again, gives the same bits in all but its seconds."""
    before, after = _find_or_train(job), _find_or_train(replace(job, fresh=True), keep=False)
    return _timeless(before) == _timeless(after)


def _find_or_train(job: Job, *, keep: bool = True) -> Row:
    torch.set_num_threads(1)
    matcher = job.matcher()
    path = job.runs / "rows" / f"{_key(job, matcher)}.json"
    if path.exists() and not job.fresh:
        return {**read_json(path), **job.name}  # the label is not in the key
    row = _train(job, matcher)
    if keep:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, row)
    return row


def _train(job: Job, matcher: Matcher | None) -> Row:
    start = time.perf_counter()
    criterion = build_criterion(job.criterion, matcher.module if matcher else None)
    training, validation = job.examples("train"), job.examples("validation")
    localizer, curve = train(criterion, training, validation, job.training, job.seed, job.localizer)
    seconds = time.perf_counter() - start
    return {
        **job.name,
        **(_test(job, localizer) if job.trial is None else {}),
        "settings": _settings(job),
        "validation_gospa_deg": min(record["gospa_deg"] for record in curve[job.training.warmup :]),
        "matcher": matcher.weights if matcher else "none",
        "parameters": sum(parameter.numel() for parameter in localizer.parameters()),
        "localizer": digest_tensors(localizer.state_dict()),
        "epochs": len(curve),
        "seconds": seconds,
        "curve": [_plain(record) for record in curve],
    }


def _test(job: Job, localizer: Localizer) -> Row:
    """Return the scores on the test scenes."""
    test = job.examples("test")
    return _plain(score(estimate(localizer, test.features), test, job.training.gate_deg)._asdict())


def _settings(job: Job) -> dict[str, Any]:
    """Return what tuning may have changed."""
    chosen = {"learning_rate": job.training.learning_rate, "switch_cost": job.criterion.switch_cost}
    return {**chosen, "weights": dict(job.criterion.weights)}


def _key(job: Job, matcher: Matcher | None) -> str:
    """Return the digest of all that a row depends on."""
    parts = {
        "criterion": job.criterion.model_dump(exclude={"label", "search"}),
        "matcher": [matcher.settings, digest_tensors(matcher.module.state_dict())] if matcher else [],
        "sources": job.scenario.sources,
        "seed": job.seed,
        "tuning": job.trial is not None,
        "scenes": job.scenes.model_dump(),
        "training": job.training.model_dump(),
        "code": [digest_sources(name) for name in (*CODE, *([matcher.package] if matcher else []))],
        "versions": versions(),
    }
    return digest_document(parts)


def _timeless(row: Row) -> Row:
    """Return a row without the seconds that it took."""
    curve = [{name: value for name, value in record.items() if name != "seconds"} for record in row["curve"]]
    return {**row, "seconds": 0, "curve": curve}


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with None for NaN, which JSON does not have."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
