"""Jobs of the study: a criterion, a number of sources and a seed each; cached, or trained."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.localizer.criteria import build_criterion
from benchmarks.localizer.features import Examples, load_examples
from benchmarks.localizer.matchers import Matcher, load_matcher
from benchmarks.localizer.scoring import estimate, score
from benchmarks.localizer.settings import CriterionEntry, Study
from benchmarks.localizer.train import train
from hnetzoo.association.batch import SPLITS, Split
from hnetzoo.digests import digest_document, digest_sources, digest_tensors
from hnetzoo.environment import versions
from hnetzoo.errors import one_line
from hnetzoo.files import read_json, write_json

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
    """A job, as plain data for workers; `runs` is the folder of cached results, `fresh` computes them again."""

    study: Study
    criterion: CriterionEntry
    sources: int
    seed: int
    runs: Path
    fresh: bool = False

    @property
    def name(self) -> dict[str, Any]:
        """The first items of a row, which name its job."""
        return {"criterion": self.criterion.label, "sources": self.sources, "seed": self.seed}

    def examples(self, split: Split) -> Examples:
        """Return the scenes of a split."""
        return load_examples(self.study.scenes, self.sources, split, self.seed, self.runs / "examples")

    def matcher(self) -> Matcher | None:
        """Return the matcher; None for criteria that have none."""
        if not self.criterion.matcher:
            return None
        return load_matcher(self.criterion, self.sources, self.study.matchers, self.runs / "matchers")


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
    """Draw all splits that jobs with the same number of sources and the same seed share."""
    for split in SPLITS:
        job.examples(split)


def prepare_matcher(job: Job) -> None:
    """Train the matcher that jobs with the same criterion and number of sources share, if it needs training."""
    job.matcher()


def _find_or_train(job: Job) -> Row:
    torch.set_num_threads(1)
    matcher = job.matcher()
    path = job.runs / "rows" / f"{_key(job, matcher)}.json"
    if path.exists() and not job.fresh:
        return {**read_json(path), **job.name}  # the label is not in the key
    start = time.perf_counter()
    criterion = build_criterion(job.criterion, matcher.module if matcher else None)
    training, validation = job.examples("train"), job.examples("validation")
    localizer, curve = train(criterion, training, validation, job.study.training, job.seed)
    test = job.examples("test")
    scores = score(estimate(localizer, test.features), test, job.study.training.gate_deg)
    row = {
        **job.name,
        **_plain(scores._asdict()),
        "matcher": matcher.weights if matcher else "none",
        "parameters": sum(parameter.numel() for parameter in localizer.parameters()),
        "seconds": time.perf_counter() - start,
        "curve": [_plain(record) for record in curve],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, row)
    return row


def _key(job: Job, matcher: Matcher | None) -> str:
    """Return the digest of all that a row depends on."""
    parts = {
        "criterion": job.criterion.model_dump(exclude={"label"}),
        "matcher": [matcher.settings, digest_tensors(matcher.module.state_dict())] if matcher else [],
        "sources": job.sources,
        "seed": job.seed,
        "scenes": job.study.scenes.model_dump(),
        "training": job.study.training.model_dump(),
        "code": [digest_sources(name) for name in (*CODE, *([matcher.package] if matcher else []))],
        "versions": versions(),
    }
    return digest_document(parts)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with None for NaN, which JSON does not have."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
