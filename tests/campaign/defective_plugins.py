"""Installed plugins with every defect, in every place where their code runs: each is named, and all others work."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType

from tests.campaign.packages import install
from tests.campaign.trial import Case, Trial, evenly

PLUGIN = """
import hnetzoo
{on_import}

@hnetzoo.hookimpl
def hnetzoo_models():
    {in_hook}
    return [
        hnetzoo.ModelSpec(
            name="acme", summary="s", target="acme.model:Acme", config="hnetzoo:Config", tags={{"non-learned"}}
        )
    ]
"""
MODEL = """
import torch
from torch import nn

class Acme(nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        {on_building}

    def forward(self, distance, row_mask=None, col_mask=None):
        {in_forward}
        return 1 - distance.nan_to_num(0.0, 9.0, 0.0)
"""
EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        "raises": "raise ValueError('one\\ntwo')",
        "raises without text": "raise Exception",
        "raises a text that raises": "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})",
        "exits with 0": "raise SystemExit(0)",
        "exits with a text": "raise SystemExit('bye')",
        "interrupts": "raise KeyboardInterrupt",
        "generator exit": "raise GeneratorExit",
        "recursion": "(lambda f: f(f))(lambda f: f(f))",
        "out of memory": "raise MemoryError",
        "asserts": "assert False",
        "ends the process": "import os; os._exit(0)",
        "crashes": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "kills": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "prints": "print('[1, 2]')",
        "writes to descriptor 1": "import os; os.write(1, b'noise\\n')",
        "writes to the first stdout": "import sys; sys.__stdout__.write('noise\\n'); sys.__stdout__.flush()",
        "lets a child print": "import subprocess; subprocess.run(['echo', 'noise'])",
        "replaces stdout": "import sys, io; sys.stdout = io.StringIO()",
        "starts a thread": (
            "from threading import Thread; import time; Thread(target=time.sleep, args=(600,), daemon=DAEMON).start()"
        ),
        "changes the folder": "import os; os.chdir('/')",
        "clears the path": "import sys; sys.path.clear()",
        "seeds": "import random; random.seed(0)",
        "warns": "import warnings; warnings.warn('noise')",
        "imports what is missing": "import no_such_module_at_all",
    }
)
_SPEC = "hnetzoo.ModelSpec(name={name!r}, summary='', target='a:b', config='a:b'{more})"
OF_HOOKS: Mapping[str, str] = MappingProxyType(
    {
        "returns None": "return None",
        "returns a text": "return 'acme'",
        "returns numbers": "return [1, 2]",
        "yields for ever": f"import itertools; return itertools.repeat({_SPEC.format(name='a', more='')})",
        "a wrong name": f"return [{_SPEC.format(name='A b', more='')}]",
        "a name twice": f"return 2 * [{_SPEC.format(name='acme', more='')}]",
        "a shipped name": f"return [{_SPEC.format(name='hnetgru', more='')}]",
        "another interface": f"return [{_SPEC.format(name='acme', more=', api_version=99')}]",
        "a dataset": "return [hnetzoo.DatasetSpec(name='acme', summary='', target='a:b', config='a:b')]",
        "hangs": "import time; time.sleep(600)",
    }
)
PLACES = ("on_import", "in_hook", "on_building", "in_forward")
IN_WORKERS = frozenset({"ends the process", "crashes", "kills"})  # as a model, they take their own process down
NOT_OF_MODELS = frozenset({"starts a thread", "clears the path"})  # nothing undoes these in the process of a command
TASK = ("--dataset", "doa", "--set", "dataset.samples=100", "--json", "b.json")


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield up to `count` cases, evenly chosen; those of one place are neighbours."""
    known = [(place, name) for place in PLACES[:2] for name in EVERYWHERE]
    known += [("in_hook", name) for name in OF_HOOKS]
    known += [(place, name) for place in PLACES[2:] for name in EVERYWHERE if name not in NOT_OF_MODELS]
    for number, (place, name) in enumerate(evenly(count, known)):
        code = {**EVERYWHERE, **OF_HOOKS}[name].replace("DAEMON", str(number % 2 == 0))
        check = _declaration if place in PLACES[:2] else _model
        yield Case(f"{name} {place}", partial(check, place=place, name=name, code=code))


def _installed(trial: Trial, place: str, code: str) -> dict[str, str]:
    """Install a plugin with a defect, and return the environment that finds it."""
    codes = dict.fromkeys(PLACES, "pass") | {place: code}
    site = trial.folder / "site"
    install(site, "acme", {"__init__": PLUGIN.format(**codes), "model": MODEL.format(**codes)})
    return {"PYTHONPATH": str(site)}


def _declaration(trial: Trial, place: str, name: str, code: str) -> None:
    """Whatever a plugin does when it is read, everything shipped is listed and works."""
    environment = _installed(trial, place, code)
    outcome = trial.run_fresh("list", "models", "--json", environment=environment)
    trial.require(
        outcome.code == 0 and _holds(outcome.out, "hungarian"),
        "lost",
        f"{name} {place}: {outcome.err[-300:]} {outcome.out[:100]}",
    )
    outcome = trial.run_fresh("benchmark", "--model", "hungarian", *TASK, environment=environment)
    trial.require(outcome.code == 0 and _row(trial), "lost", f"{name} {place}: benchmark: {outcome.err[-300:]}")


def _model(trial: Trial, place: str, name: str, code: str) -> None:
    """Whatever a model does, its rival's row is there, and the report names what failed."""
    environment = _installed(trial, place, code)
    jobs = ("--jobs", "2") if name in IN_WORKERS else ()
    outcome = trial.run_fresh(
        "benchmark", "--model", "acme", "--model", "hungarian", *TASK, *jobs, environment=environment
    )
    if name == "interrupts":  # as the user would
        trial.require(outcome.code == 130, "exit code", f"{name} {place}: {outcome.code}")
    else:
        trial.require(
            outcome.code in (0, 1) and _row(trial), "lost", f"{name} {place}: {outcome.code} {outcome.err[-300:]}"
        )
    trial.require(not outcome.out or "noise" not in outcome.out, "lost", f"{name} {place}: noise on stdout")


def _holds(text: str, name: str) -> bool:
    """Return whether a text is the JSON document of `list` with an entry of a name."""
    try:
        return name in {entry["name"] for entry in json.loads(text)["entries"]}
    except (ValueError, KeyError):
        return False


def _row(trial: Trial) -> bool:
    path = trial.folder / "b.json"
    return path.is_file() and "hungarian" in {row["model"] for row in json.loads(path.read_text())["rows"]}
