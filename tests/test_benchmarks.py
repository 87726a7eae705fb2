"""What lies under benchmarks/: suites resolve, tables are those of the stored results."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

import hnetzoo
from hnetzoo.benchmark.plan import plan
from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.benchmark.suite import read_suite
from hnetzoo.registry.components import configure

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SUITES = sorted((ROOT / "benchmarks" / "suites").glob("*.toml"))


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_suite_names_only_what_is_registered(path: Path) -> None:
    suite, registry = read_suite(path), hnetzoo.discover()
    for entry in suite.datasets:
        configure(registry.dataset(entry.name), entry.settings)
    assert plan(suite.model_copy(update={"datasets": ()}), registry).jobs == ()


@pytest.mark.parametrize(
    "path", [path for path in SUITES if (RESULTS / f"{path.stem}.json").is_file()], ids=lambda path: path.stem
)
def test_stored_result_is_that_of_its_suite(path: Path) -> None:
    suite, report = read_suite(path), BenchmarkReport.read(RESULTS / f"{path.stem}.json")
    assert {result.model for result in (*report.rows, *report.skipped)} == {entry.title for entry in suite.models}
    assert report.failed == ()
    assert {row.seed for row in report.rows} == set(suite.seeds)


@pytest.mark.parametrize("name", ["README.md", "benchmarks/README.md"])
def test_tables_are_rendered_from_the_stored_results(name: str) -> None:
    text = (ROOT / name).read_text()
    assert script("render").rendered(text) == text, f"run 'make tables' and commit {name}"
    assert "<!-- table " in text


def test_pictures_are_drawn_from_the_stored_results(tmp_path: Path) -> None:
    draw = script("draw")
    drawn = {name: draw.draw(name, tmp_path).read_bytes() for name in draw.stored()}
    assert drawn == {path.stem: path.read_bytes() for path in draw.FIGURES.glob("*.svg")}, "run benchmarks/draw.py"


def ratio(name: str, way: str) -> float:
    """How many times as long as the last way a way takes, by the stored medians."""
    ways = json.loads((ROOT / "benchmarks" / "results" / f"speed-{name}.json").read_text())["ways"]
    *_, last = ways.values()
    return float(ways[way]["median"] / last["median"])


def test_generating_whole_arrays_is_thirty_times_faster_than_a_loop() -> None:
    assert ratio("generation", "plain loop over samples") >= 30


def test_feeding_whole_tensors_makes_an_epoch_1_8_times_faster() -> None:
    assert ratio("training", "DataLoader per sample, hnetzoo's network and optimiser") >= 1.8


@pytest.mark.parametrize("matcher", ["hnetgru", "exchangeable"])
def test_a_step_through_a_matcher_takes_at_most_1_3_times_that_of_permutation_invariant_training(matcher: str) -> None:
    assert ratio("losses", f"TrackingLoss through {matcher}") <= 1.3
