"""Files under benchmarks/: suites resolve, and tables are rendered from the stored results."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import hnetzoo
from hnetzoo.benchmark.plan import plan
from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.benchmark.suite import read_suite
from hnetzoo.registry.components import configure
from tests.campaign.campaign import FAMILIES

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SCRIPTS = [
    path
    for path in sorted((ROOT / "benchmarks").glob("**/*.py"))
    if "__main__" in path.read_text() and path.name != "__main__.py"
]
TRACKING = ROOT / "benchmarks" / "suites" / "tracking.toml"
SUITES = sorted(set((ROOT / "benchmarks" / "suites").glob("*.toml")) - {TRACKING})


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


def test_tables_are_rendered_from_the_stored_results() -> None:
    render = script("render")
    assert len(render.DOCUMENTS) > 10
    for path in render.DOCUMENTS:
        text = path.read_text()
        assert render.rendered(text) == text, f"run 'make tables' and commit {path.relative_to(ROOT)}"
        assert "<!-- table " in text or path.name == "running.md"


def test_stored_results_are_of_committed_code() -> None:
    assert list(script("render").unpublishable()) == []


def test_the_stored_campaign_is_complete_and_found_nothing() -> None:
    result = json.loads((RESULTS / "campaign.json").read_text())
    assert result["share"] == 1.0
    assert set(result["broken"].values()) == {0}
    assert set(result["families"]) == set(FAMILIES)
    assert result["minutes"] < 40


def test_no_cell_of_a_shared_folder_was_lost_and_at_most_the_killed_one_computed_twice() -> None:
    ways = json.loads((RESULTS / "shared-folder.json").read_text())["ways"]
    assert len(ways) == 3
    for name, found in ways.items():
        assert (found["cells"], found["lost"], found["equal"]) == (60, 0, True), name
        assert found["twice"] <= 1, name
        assert found["most"] <= 2, name


def test_planning_of_a_hundred_thousand_cells_takes_twenty_seconds_and_500_mb_at_most() -> None:
    plans = json.loads((RESULTS / "planning.json").read_text())["plans"]
    for name, found in plans.items():
        assert found["jobs"] == 100_000, name
        assert found["seconds"] < 20, name
        assert found["peak_mib"] * 2**20 < 500e6, name


def test_pictures_are_drawn_from_the_stored_results(tmp_path: Path) -> None:
    draw = script("draw")
    drawn = {name: draw.draw(name, tmp_path).read_bytes() for name in draw.stored()}
    assert drawn == {path.stem: path.read_bytes() for path in draw.FIGURES.glob("*.svg")}, "run benchmarks/draw.py"


def ratios(name: str, way: str) -> dict[str, float]:
    """Return the ratio of a way's stored median time to that of the last way, by case."""
    found = {}
    for case, ways in json.loads((RESULTS / f"speed-{name}.json").read_text())["cases"].items():
        *_, last = ways.values()
        found[case] = ways[way]["median"] / last["median"]
    return found


ASK_ALL = """
import json, runpy, sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

paths, told = sys.argv[1:], {}
for path in paths:
    sys.path[0], sys.argv, printed = str(Path(path).parent), [path, "--help"], StringIO()
    with redirect_stdout(printed):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as ended:
            told[path] = ended.code, printed.getvalue()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[int, str]]:
    """Exit code and text of each script that is asked for help; all in one process, as importing torch takes long."""
    command = [sys.executable, "-c", ASK_ALL, *map(str, SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_asking_a_script_for_help_does_nothing_else(path: Path, told: dict[str, tuple[int, str]]) -> None:
    code, text = told[str(path)]
    assert code == 0
    assert "Usage: " in text


def test_generating_whole_arrays_is_thirty_times_faster_than_a_loop() -> None:
    assert min(ratios("generation", "plain loop over samples").values()) >= 30


def test_feeding_whole_tensors_makes_an_epoch_1_8_times_faster() -> None:
    assert min(ratios("training", "DataLoader per sample, hnetzoo's network and optimiser").values()) >= 1.8


@pytest.mark.parametrize("matcher", ["hnetgru", "exchangeable", "sinkhorn"])
def test_a_step_through_a_matcher_takes_at_most_1_3_times_that_of_permutation_invariant_training(matcher: str) -> None:
    assert max(ratios("losses", f"TrackingLoss through {matcher}").values()) <= 1.3


@pytest.mark.parametrize(
    ("loss", "times"),
    [
        ("ADPITLoss", 3),
        ("PermutationInvariantLoss, frames", 3),
        ("PermutationInvariantLoss, tracks", 3),
        ("PermutationInvariantLoss, price of switches", 2),
    ],
)
def test_a_step_of_a_loss_is_faster_than_the_loop_over_13_ways_to_give_events_to_tracks(loss: str, times: int) -> None:
    assert max(ratios("seld-losses", loss).values()) <= 1 / times


def test_exact_assignment_takes_little_more_than_a_plain_scipy_loop() -> None:
    found = ratios("assignment", "hnetzoo.assign")
    assert len(found) == 18
    for case, times in found.items():
        assert times <= (3 if "batch 16" in case.split(", ") else 1.3), case


def test_scores_of_the_truth_are_perfect_and_of_a_coin_are_its_entropy() -> None:
    scores = script("ceiling").scores
    batch = hnetzoo.load_dataset("doa-tracks", samples=1000).load("test", seed=0)
    right = scores(batch.association.double(), batch)
    assert (right["f1"], right["exact"]) == (1, 1)
    assert right["cross_entropy"] == pytest.approx(0, abs=1e-6)
    coin = scores(torch.full_like(batch.distance, 0.5, dtype=torch.float64), batch)
    assert coin["f1"] == 0
    assert coin["cross_entropy"] == pytest.approx(math.log(2) * int(batch.cells.sum()) / len(batch.distance))


def test_a_weight_of_pairs_multiplies_their_odds() -> None:
    weighted = script("ceiling").weighted
    likely = torch.tensor([0.0, 0.2, 0.5, 1.0], dtype=torch.float64)
    assert torch.equal(weighted(likely, 1.0), likely)
    torch.testing.assert_close(weighted(likely, 3.0), torch.tensor([0.0, 3 / 7, 0.75, 1.0], dtype=torch.float64))


def test_no_weights_are_ahead_of_the_exact_posterior() -> None:
    rows = json.loads((RESULTS / "ceiling.json").read_text())["rows"]
    losses = {(row["task"], row["seed"], row["model"]): row["cross_entropy"] for row in rows}
    for (task, seed, _), loss in losses.items():
        assert loss >= losses[task, seed, "exact posterior"]
