"""One cell of the study: a criterion, a number of sources and a seed; found among the finished ones, or trained."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from criteria import build_criterion
from features import Examples, load_examples
from matchers import load_matcher
from scoring import estimate, score
from settings import CriterionEntry, Study
from train import train

from hnetzoo.association.batch import SPLITS, Split
from hnetzoo.digests import digest_document, digest_sources, digest_tensors
from hnetzoo.environment import versions
from hnetzoo.errors import one_line
from hnetzoo.files import read_json, write_json
from hnetzoo.registry.loading import LoadedModel

OWN = (
    "settings", "signals", "scenes", "features", "augmentation", "network", "criteria", "matchers", "scoring", "train",
)  # fmt: skip
CORE = ("hnetzoo.losses", "hnetzoo.tracking", "hnetzoo.association", "hnetzoo.training.optimization")
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Plain data that travels to workers; `runs` keeps what is finished, `fresh` computes it anew."""

    study: Study
    criterion: CriterionEntry
    sources: int
    seed: int
    runs: Path
    fresh: bool = False

    @property
    def name(self) -> dict[str, Any]:
        """What a row begins with."""
        return {"criterion": self.criterion.label, "sources": self.sources, "seed": self.seed}

    def examples(self, split: Split) -> Examples:
        """Return the scenes of a split."""
        return load_examples(self.study.scenes, self.sources, split, self.seed, self.runs / "examples")

    def matcher(self) -> LoadedModel | None:
        """Return the matcher; None for criteria that have none."""
        if not self.criterion.matcher:
            return None
        return load_matcher(self.criterion, self.sources, self.study.matchers, self.runs / "matchers")


def run_cell(cell: Cell) -> Row:
    """Return the row of a cell; one that raises is a row with the reason under "failed"."""
    try:
        return _find_or_train(cell)
    except Exception as error:
        logging.getLogger("hnetzoo").info("%s", cell.name, exc_info=True)
        return failed(cell, error)


def failed(cell: Cell, error: BaseException) -> Row:
    """Say in a row what ended a cell."""
    return {**cell.name, "failed": one_line(error)}


def prepare(step: Callable[[], None]) -> None:
    """Take a step that cells share; where it raises, so do they, and say it in their rows."""
    with suppress(Exception):
        step()


def prepare_scenes(cell: Cell) -> None:
    """Draw all splits that cells of the same number of sources and seed share."""
    for split in SPLITS:
        cell.examples(split)


def prepare_matcher(cell: Cell) -> None:
    """Train the matcher that cells of the same criterion and number of sources share, where it needs it."""
    cell.matcher()


def _find_or_train(cell: Cell) -> Row:
    torch.set_num_threads(1)
    matcher = cell.matcher()
    path = cell.runs / "cells" / f"{_key(cell, matcher)}.json"
    if path.exists() and not cell.fresh:
        return {**read_json(path), **cell.name}  # labels are no part of the key
    start = time.perf_counter()
    criterion = build_criterion(cell.criterion, matcher.module if matcher else None)
    training, validation = cell.examples("train"), cell.examples("validation")
    localizer, curve = train(criterion, training, validation, cell.study.training, cell.seed)
    test = cell.examples("test")
    scores = score(estimate(localizer, test.features), test, cell.study.training.gate_deg)
    row = {
        **cell.name,
        **_plain(scores._asdict()),
        "matcher": matcher.weights if matcher else "none",
        "parameters": sum(parameter.numel() for parameter in localizer.parameters()),
        "seconds": time.perf_counter() - start,
        "curve": [_plain(record) for record in curve],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, row)
    return row


def _key(cell: Cell, matcher: LoadedModel | None) -> str:
    """Digest all that a row depends on."""
    parts = {
        "criterion": cell.criterion.model_dump(exclude={"label"}),
        "matcher": [matcher.component.config.model_dump(mode="json"), digest_tensors(matcher.module.state_dict())]
        if matcher
        else [],
        "sources": cell.sources,
        "seed": cell.seed,
        "scenes": cell.study.scenes.model_dump(),
        "training": cell.study.training.model_dump(),
        "code": [digest_sources(name) for name in (*OWN, *CORE, *_packages(matcher))],
        "versions": versions(),
    }
    return digest_document(parts)


def _packages(matcher: LoadedModel | None) -> tuple[str, ...]:
    return (type(matcher.component.config).__module__.partition(".")[0],) if matcher else ()


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN, which JSON does not know."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in record.items()}
