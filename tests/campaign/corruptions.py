"""Damaged files of every kind, and the commands that read them.

Weights, run records and cards are refused; a damaged checkpoint or kept row is done without, and the results are those
of whole files; problems, settings and other people's files may become other valid ones, and must not break the command.
"""

import json
import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.campaign.command import Outcome
from tests.campaign.damage import BYTES, damaged
from tests.campaign.file_kinds import FILES, made
from tests.campaign.kills import rows_of, undisturbed_rows, undisturbed_training
from tests.campaign.packages import on_path
from tests.campaign.trial import Case, Trial

REFUSED = 4
TEXT_SHARE = 0.3  # of the damages of a text


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield about `count` cases, over all kinds of files and ways to damage them."""
    undisturbed_training(0), undisturbed_rows()
    for name, kind in FILES.items():
        made(name)  # before the processes fork
        inside = {"bytes": 0, "json": len(BYTES), "text": round(TEXT_SHARE * len(BYTES))}[kind.form]
        ways = [*BYTES, *[kind.form] * inside]
        for number in range(max(1, round(kind.share * count))):
            how = ways[number % len(ways)]
            yield Case(f"{name} {number}: {how}", partial(_check, name=name, how=how, seed=f"{seed} {name} {number}"))


def _check(trial: Trial, name: str, how: str, seed: str) -> None:
    kind, rng = FILES[name], random.Random(seed)
    shutil.copytree(made(name), trial.folder, dirs_exist_ok=True)
    path = rng.choice(sorted(path for pattern in kind.files for path in trial.folder.glob(pattern)))
    whole = path.read_bytes()
    path.write_bytes(damaged(whole, how, rng))
    outcome = trial.run(*kind.command, before=lambda: on_path(trial.folder / "site"))
    if kind.damaged == "refused":
        refused = outcome.code == REFUSED or _says_the_same(path, whole)
        trial.require(refused, "accepted", f"a damaged {name} was used: code {outcome.code}")
    if kind.damaged == "resumed":
        trial.require(
            _resumed(trial, outcome), "accepted", f"a training went on from a damaged {name} to other weights"
        )
    if kind.damaged == "recomputed":
        same = outcome.code == 0 and rows_of(trial.folder / "b.json") == undisturbed_rows()
        trial.require(same, "accepted", f"a damaged {name} is part of a report")


def _says_the_same(path: Path, whole: bytes) -> bool:
    """Return whether a file is JSON that says what another one says, up to the digest, which may be missing."""
    try:
        documents = [json.loads(content) for content in (path.read_bytes(), whole)]
        now, before = ({key: value for key, value in one.items() if key != "digest"} for one in documents)
    except (ValueError, AttributeError, RecursionError):
        return False
    return path.suffix == ".json" and now == before


def _resumed(trial: Trial, outcome: Outcome) -> bool:
    """Return whether a training ended with the weights of an undisturbed one, or said that it could not go on."""
    weights = trial.folder / "r" / "best.safetensors"
    return outcome.code == REFUSED or (outcome.code == 0 and weights.read_bytes() == undisturbed_training(0))
