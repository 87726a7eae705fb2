"""All families of cases, run over several processes, and the counts of what was found."""

import multiprocessing
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

import hnetzoo.cli.app
from hnetzoo.registry.environment import environment
from tests.campaign import (
    command_lines,
    concurrent_runs,
    corruptions,
    defective_plugins,
    extreme_numbers,
    full_disk,
    hostile_files,
    kills,
)
from tests.campaign.trial import KINDS, Case, Finding, Trial

Cases = Callable[[int, int], Iterator[Case]]
FAMILIES: Mapping[str, tuple[Cases, int]] = MappingProxyType(  # and how many cases the whole campaign has
    {
        "kills": (kills.cases, 200),
        "corruptions": (corruptions.cases, 2000),
        "full disks": (full_disk.cases, 30),
        "hostile files": (hostile_files.cases, 80),
        "command lines": (command_lines.cases, 500),
        "defective plugins": (defective_plugins.cases, 104),
        "concurrent runs": (concurrent_runs.cases, 15),
        "extreme numbers": (extreme_numbers.cases, 1200),
    }
)


@dataclass(frozen=True)
class Result:
    """What one case found; plain data."""

    family: str
    case: str
    commands: int
    peak_mib: int
    slowest_s: float
    findings: Sequence[Finding]


def run_campaign(
    families: Sequence[str], share: float, seed: int, jobs: int, say: Callable[[str], object]
) -> dict[str, Any]:
    """Return the counts of a campaign, and its findings.

    Args:
        families: Names of FAMILIES.
        share: How many of their cases to run, in 0..1; at least one of each.
        seed: Of what is drawn.
        jobs: How many processes run cases at once.
        say: Called with lines of text meanwhile.
    """
    torch.set_num_threads(1)
    hnetzoo.discover()  # so that forks need not
    began, results = time.monotonic(), []
    for family in families:
        results += _run_family(family, share, seed, jobs, say)
    return {
        "environment": environment(),
        "seed": seed,
        "share": share,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "families": {family: _counts([one for one in results if one.family == family]) for family in families},
        "broken": _broken(results),
        "findings": [{"case": one.case, **finding._asdict()} for one in results for finding in one.findings],
    }


def _run_family(family: str, share: float, seed: int, jobs: int, say: Callable[[str], object]) -> list[Result]:
    make, count = FAMILIES[family]
    cases = list(make(max(1, round(share * count)), seed))
    context = multiprocessing.get_context("fork")
    global _cases
    _cases = [(family, case) for case in cases]  # forks see them; what they call cannot be pickled
    results = []
    with context.Pool(jobs) as pool:
        for number, result in enumerate(pool.imap_unordered(_run, range(len(cases))), start=1):
            results.append(result)
            if number % 100 == 0:
                say(f"{family}: {number} of {len(cases)}")
    say(f"{family}: {len(cases)} cases, {sum(len(one.findings) for one in results)} findings")
    return results


_cases: list[tuple[str, Case]] = []


def _run(index: int) -> Result:
    """Run a case in a folder of its own, which is deleted if nothing was found."""
    family, case = _cases[index]
    trial = Trial(Path(tempfile.mkdtemp(prefix="campaign-")))
    try:
        case.check(trial)
    except Exception:
        trial.findings.append(Finding("lost", f"the case itself failed: {traceback.format_exc()}"))
    shutil.rmtree(trial.folder, ignore_errors=True)
    return Result(family, case.name, trial.commands, trial.peak_mib, round(trial.slowest_s, 1), trial.findings)


def _counts(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "cases": len(results),
        "commands": sum(one.commands for one in results),
        "peak_mib": max((one.peak_mib for one in results), default=0),
        "slowest_s": max((one.slowest_s for one in results), default=0.0),
    }


def _broken(results: Sequence[Result]) -> dict[str, int]:
    """Return how often each rule was broken, under the name that reports give it."""
    found = Counter(finding.kind for one in results for finding in one.findings)
    return {text: found[kind] for kind, text in KINDS.items()}
