"""No plugin breaks the core: 16 broken distributions, installed together, leave every command working."""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hnetzoo.registry.discovery import PLUGINS_VARIABLE, discover
from hnetzoo.registry.isolation import ignore_unreadable_distributions

Install = Callable[..., Path]

HOOK = "import hnetzoo\n@hnetzoo.hookimpl\ndef hnetzoo_models():\n    return "
SPEC = "hnetzoo.ModelSpec(name='{}', summary='', target='nowhere:A', config='nowhere:B')"
BROKEN = {
    "import-error": "import absent_dependency",
    "syntax-error": "def broken(:",
    "system-exit": "import sys\nsys.exit(0)",
    "recursion-error": "def again():\n    again()\nagain()",
    "base-exception": "class Odd(BaseException):\n    pass\nraise Odd('odd')",
    "unprintable": "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Odd",
    "noise": "import sys\nprint('noise' * 100)\nprint('more', file=sys.__stderr__)\n1 / 0",
    "wrong-type": HOOK + "[object()]",
    "no-iterable": HOOK + "7",
    "hook-raises": HOOK + "[][0]",
    "lacks-attribute": "",
    "repeats-name": HOOK + "[" + ", ".join([SPEC.format("twin")] * 2) + "]",
    "later-version": HOOK + "[" + SPEC.format("later")[:-1] + ", api_version=2)]",
    "odd-field": HOOK + "[" + SPEC.format("odd").replace("summary=''", "summary=None") + "]",
    "entry-points-no-text": HOOK + "[]",
    "metadata-no-text": HOOK + "[]",
}


@pytest.fixture
def broken(fake_distribution: Install) -> Path:
    """Install all of BROKEN and return where."""
    for name, code in BROKEN.items():
        info = fake_distribution(name, code)
        entry_points = info / "entry_points.txt"
        if name == "lacks-attribute":
            entry_points.write_text(entry_points.read_text().rstrip() + ":absent\n")
        elif name == "entry-points-no-text":
            entry_points.write_bytes(b"[hnetzoo]\nplugin = \xff\xfe\n")
        elif name == "metadata-no-text":
            (info / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: \xff\xfe\n")
    return info.parent


def run(*arguments: str, site: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a fresh process that finds the distributions of a folder."""
    environment = {name: value for name, value in os.environ.items() if name != PLUGINS_VARIABLE}
    path = os.pathsep.join((str(site), *filter(None, sys.path)))
    return subprocess.run(
        [sys.executable, "-c", f"{before}from hnetzoo.cli import main; main()", *arguments],
        env={**environment, "PYTHONPATH": path},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def known_as(name: str) -> str:
    """The distribution's name, or that of its folder where its metadata cannot be read."""
    return name.replace("-", "_") if name == "metadata-no-text" else name


def test_help_and_list_answer_and_name_every_broken_plugin_in_one_line(broken: Path) -> None:
    assert len(BROKEN) == 16
    assert run("--help", site=broken).returncode == 0
    listed = run("list", "--json", site=broken)
    assert listed.returncode == 0
    document = json.loads(listed.stdout)
    assert {failure["plugin"].partition(":")[0] for failure in document["failures"]} == set(map(known_as, BROKEN))
    assert {"hnetgru", "hungarian", "doa"} <= {entry["name"] for entry in document["entries"]}
    plain = run("list", site=broken)
    warnings = [line for line in plain.stderr.splitlines() if line.startswith("warning: plugin ")]
    assert (plain.returncode, len(warnings)) == (0, len(BROKEN))
    assert "noise" not in plain.stdout


DEADLY = {
    "exits": "import os\nos._exit(0)",
    "crashes": "import ctypes\nctypes.string_at(0)",
    "hangs": "import time\ntime.sleep(600)",
    "endless": HOOK.replace("return ", "import itertools\n    return ") + "itertools.cycle([])\n",
    "endless-import": "while True:\n    pass",
    "waits": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n" + HOOK + "[]",
    "spawns": "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)'])\n"
    + HOOK + "[]",
}  # fmt: skip
REASONS = {
    "exits": "it ended the process with code 0",
    "crashes": "it crashed (SIGSEGV)",
    "hangs": "it took longer than 2 s",
    "endless-import": "it took longer than 2 s",
}


def test_plugins_that_exit_crash_or_hang_are_named_and_the_rest_works(fake_distribution: Install) -> None:
    sites = [fake_distribution(name, code).parent for name, code in DEADLY.items()]
    limited = "import hnetzoo.registry.discovery as discovery; discovery.LIMIT_S = 2\n"
    listed = run("list", "--json", site=sites[0], before=limited)
    assert listed.returncode == 0, listed.stderr
    document = json.loads(listed.stdout)
    failures = {failure["plugin"].partition(":")[0]: failure["error"] for failure in document["failures"]}
    assert failures == {
        name: f"{reason}; leave it out with {PLUGINS_VARIABLE}=NAME,..." for name, reason in REASONS.items()
    }
    assert {"hnetgru", "hungarian", "doa"} <= {entry["name"] for entry in document["entries"]}


@pytest.mark.parametrize(
    "command",
    [
        ["benchmark", "--model", "hungarian", "--dataset", "doa", "--set", "dataset.samples=100"],
        ["train", "hnetgru", "--dry-run"],
        ["associate", "hungarian", "d.csv"],
        ["track", "d.txt", "--model", "hungarian", "--out", "t.txt"],
        ["generate", "doa", "--set", "dataset.samples=20", "--out", "p.npz"],
        ["show", "hungarian"],
        ["check", "hungarian", "--only", "summary"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_survives_a_plugin_that_crashes(fake_distribution: Install, command: list[str]) -> None:
    site = fake_distribution("crashes", DEADLY["crashes"]).parent
    (site / "d.csv").write_text("0.1,0.2\n0.3,0.4\n")
    (site / "d.txt").write_text("1,-1,10,10,20,40,1,-1,-1,-1\n")
    done = run(*command, site=site)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "noise",
    [
        "print('noise')",
        "import sys; print('noise', file=sys.__stdout__)",
        "import os; os.write(1, b'noise')",
        "import subprocess; subprocess.run(['echo', 'noise'])",
    ],
)
@pytest.mark.parametrize("command", ["train", "list"])
def test_what_a_plugin_writes_to_stdout_is_not_in_the_document(
    fake_distribution: Install, noise: str, command: str
) -> None:
    spec = "hnetzoo.ModelSpec(name='loud', summary='', target='loud_net:Loud', config='hnetzoo:Config')"
    site = fake_distribution("loud", f"import hnetzoo\n{noise}\n@hnetzoo.hookimpl\ndef hnetzoo_models():\n"
                                     f"    {noise}\n    return [{spec}]\n").parent  # fmt: skip
    (site / "loud_net.py").write_text(
        f"import torch\n{noise}\nclass Loud(torch.nn.Module):\n"
        f"    def __init__(self, config, shape):\n        super().__init__()\n        {noise}\n"
        "        self.scale = torch.nn.Parameter(torch.ones(()))\n"
        f"    def forward(self, distance, row_mask=None, col_mask=None):\n        {noise}\n"
        "        return self.scale - distance\n"
    )
    tiny = ["loud", "--dataset", "doa-reference", "--set", "dataset.samples=[100,100,100]", "--epochs", "1",
            "--batch-size", "50", "--out", "r"]  # fmt: skip
    done = run(command, *(tiny if command == "train" else []), "--json", site=site)
    assert done.returncode == 0, done.stderr
    assert "noise" in done.stderr
    assert "noise" not in done.stdout
    json.loads(done.stdout)


def test_training_and_benchmark_work_beside_broken_plugins(broken: Path) -> None:
    # Enough problems for the weighted F1, which scikit-learn computes.
    tiny = ("--set", "dataset.samples=[100,200,300]", "--epochs", "1", "--batch-size", "32", "--out", "r", "--json")
    trained = run("train", "hnetgru", *tiny, site=broken)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["test"]["weighted_f1"] is not None
    benchmark = (
        "benchmark",
        "--model",
        "hungarian",
        "--dataset",
        "doa",
        "--set",
        "dataset.samples=3000",
        "--json",
        "-",
    )
    ranked = run(*benchmark, site=broken)
    assert ranked.returncode == 0, ranked.stderr
    assert json.loads(ranked.stdout)["rows"][0]["model"] == "hungarian"


def test_doctor_names_every_broken_plugin_in_full(broken: Path) -> None:
    done = run("doctor", site=broken)
    assert done.returncode == 0, done.stderr
    for name in BROKEN:
        assert f"\n{known_as(name)}:" in done.stdout
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert "written for version 2 of the plugin interface; this hnetzoo has version 1: update hnetzoo" in done.stdout


@pytest.mark.parametrize("name", ["system-exit", "metadata-no-text", "entry-points-no-text", "later-version"])
def test_using_a_broken_plugin_exits_3_with_distribution_entry_point_and_remedy(name: str, broken: Path) -> None:
    done = run("show", known_as(name), site=broken)
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("hnetzoo: error: ")]
    entry_point = "?" if name == "entry-points-no-text" else "plugin"
    assert f"plugin {known_as(name)}:{entry_point} did not load (" in line
    assert "reinstall or update it (see 'hnetzoo doctor')" in line


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Return what importlib.metadata has, and put it back afterwards."""
    monkeypatch.setattr(importlib.metadata, "distributions", importlib.metadata.distributions)
    return importlib.metadata.distributions


def test_nothing_is_changed_where_all_is_readable(stock: Callable[..., object]) -> None:
    ignore_unreadable_distributions()
    assert importlib.metadata.distributions is stock


@pytest.mark.parametrize("content", [b"[hnetzoo]\nplugin = \xff\n", b"[hnetzoo]\nneither name nor value\n"])
def test_the_search_for_entry_points_passes_over_an_unreadable_distribution(
    content: bytes, stock: Callable[..., object], fake_distribution: Install
) -> None:
    fake_distribution("acme-net", "", entry_point="acme")
    (fake_distribution("broken-net", "") / "entry_points.txt").write_bytes(content)
    with pytest.raises((UnicodeDecodeError, TypeError), match=r"can't decode|missing 1 required"):
        importlib.metadata.entry_points(group="hnetzoo")
    ignore_unreadable_distributions()
    found = {entry_point.name for entry_point in importlib.metadata.entry_points(group="hnetzoo")}
    assert {"acme", "hnetgru"} <= found
    assert importlib.metadata.version("broken-net") == "1.0"
    assert "broken-net" in {failure.distribution for failure in discover().failures}
