"""Suites: read from TOML, filled in, checked before anything runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite, default_suite, plan, read_suite, train_all
from hnetzoo.training.runs import BEST, RunRecord, write_run
from hnetzoo.training.weights import save_tensors

REGISTRY = hnetzoo.discover()
DOA = Entry(name="doa")
TINY = Entry(name="doa", settings={"samples": 100})


def suite_of(*models: ModelEntry | str, datasets: tuple[Entry | str, ...] = (DOA,)) -> Suite:
    return Suite(models=models, datasets=datasets)  # type: ignore[arg-type]


def test_default_suite_is_every_solver_and_pretrained_model_on_the_doa_datasets() -> None:
    suite = default_suite(REGISTRY)
    names = {entry.name for entry in suite.models}
    assert names >= {"hungarian", "hungarian-gated", "greedy", "mutual-nearest", "hnetgru"}
    assert {entry.name for entry in suite.datasets} == {"doa", "doa-reference"}
    assert suite.seeds == (0,)


def test_suite_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(
        'models = ["greedy", {name = "exchangeable", label = "ours", train = true, trainer = {epochs = 2}},\n'
        '          {name = "hungarian-gated", tune = {gate = [0.5, 1]}}]\n'
        'datasets = [{name = "doa", settings = {samples = 100}}, "lsap"]\nseeds = [3]\n'
    )
    suite = read_suite(path)
    assert suite.seeds == (3,)
    assert suite.datasets == (Entry(name="doa", settings={"samples": 100}), Entry(name="lsap"))
    assert [entry.title for entry in suite.models] == ["greedy", "ours", "hungarian-gated"]
    assert (suite.models[1].train, suite.models[1].trainer) == (True, {"epochs": 2})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = 3\ndatasets = []\n", r"suite '.*suite.toml'.models = 3: .*tuple"),
        ("datasets = []\n", r"suite '.*suite.toml'.models is required"),
        ("models = []\ndatasets = []\nseed = [0]\n", r"suite '.*suite.toml'.seed = \[0\]: Extra inputs"),
        ('models = [{name = "a", tuned = {}}]\ndatasets = []\n', r"suite '.*'.models.0.tuned = .*: Extra inputs"),
        ('models = [{name = "a", tune = {gate = []}}]\ndatasets = []\n', r"models.0.tune.gate = \[\]: .*at least 1"),
        ('models = []\ndatasets = [{name = "a", train = true}]\n', r"datasets.0.train = True: Extra inputs"),
    ],
)
def test_wrong_suite_file_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(hnetzoo.ConfigError, match=message):
        read_suite(path)


def test_tuned_settings_are_tried_in_all_combinations_in_the_order_given() -> None:
    entry = ModelEntry(name="a", tune={"gate": (1, 2), "gating": ("before", "after")})
    assert [tuple(choice.values()) for choice in entry.choices] == [
        (1, "before"),
        (1, "after"),
        (2, "before"),
        (2, "after"),
    ]
    assert ModelEntry(name="a").choices == [{}]


def test_cells_go_by_dataset_and_seed_with_the_baseline_first() -> None:
    suite = Suite(models=("greedy", "hungarian"), datasets=("lsap", "doa"), seeds=(1, 0))  # type: ignore[arg-type]
    cells = plan(suite, REGISTRY)
    assert [(cell.dataset.name, cell.seed, cell.model.name) for cell in cells] == [
        (dataset, seed, model) for dataset in ("lsap", "doa") for seed in (1, 0) for model in ("hungarian", "greedy")
    ]
    assert [cell.index for cell in cells] == list(range(8))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ModelEntry(name="gredy"), "unknown model 'gredy'; did you mean 'greedy'"),
        (ModelEntry(name="greedy", settings={"gat": 1}), "unknown setting 'model.gat'"),
        (ModelEntry(name="greedy", tune={"gat": (1,)}), "unknown setting 'model.gat'"),
        (ModelEntry(name="greedy", tune={"gate": (1, -1)}), r"model.gate = -1"),
        (ModelEntry(name="exchangeable", trainer={"epoch": 1}), "unknown setting 'trainer.epoch'"),
        (ModelEntry(name="exchangeable", settings={"channels": 8}), r"do not fit Exchangeable \(of another shape"),
        (ModelEntry(name="hnetgru@large"), "unknown variant of hnetgru 'large'"),
        (ModelEntry(name="greedy", train=True), "'greedy' cannot be trained"),
        (ModelEntry(name="hnetgru@default", train=True), "'hnetgru@default' cannot be trained: it names weights"),
        (ModelEntry(name="exchangeable", train=True, tune={"iterations": (3,)}), "is trained and tuned; choose one"),
        (ModelEntry(name="run:nowhere"), "'nowhere' is not a run directory"),
    ],
)
def test_a_wrong_model_is_refused_before_anything_runs(model: ModelEntry, message: str) -> None:
    with pytest.raises(hnetzoo.HnetzooError, match=message):
        plan(suite_of("hungarian", model), REGISTRY)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Entry(name="dao"), "unknown dataset 'dao'; did you mean 'doa'"),
        (Entry(name="doa", settings={"max_doa": 3}), "unknown setting 'dataset.max_doa'"),
        (Entry(name="npz"), "dataset.path is required"),
        (Entry(name="npz", settings={"path": "none.npz"}), "'none.npz' does not exist; correct the path"),
        (Entry(name="mot", settings={"sequences": ["none"]}), "'none' does not exist"),
    ],
)
def test_a_wrong_dataset_is_refused_before_anything_runs(dataset: Entry, message: str) -> None:
    with pytest.raises(hnetzoo.HnetzooError, match=message):
        plan(suite_of("hungarian", datasets=(dataset,)), REGISTRY)


@pytest.mark.parametrize("suite", [suite_of("greedy", "greedy"), suite_of("greedy", datasets=("doa", DOA))])
def test_two_entries_of_one_label_are_refused(suite: Suite) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=r"2 entries of the suite are called '\w+'; give each its label"):
        plan(suite, REGISTRY)


def test_a_model_that_cannot_be_built_is_left_to_fail_its_own_cells(fake_distribution: Callable[..., Path]) -> None:
    fake_distribution(
        "bad-net",
        "import hnetzoo\n"
        "class Bad:\n"
        "    def __init__(self, config, shape):\n"
        "        raise RuntimeError('no luck')\n"
        "@hnetzoo.hookimpl\n"
        "def hnetzoo_models():\n"
        "    return [hnetzoo.ModelSpec(name='bad-net', summary='', target='bad_net:Bad', config='hnetzoo:Config',\n"
        "                              tags=frozenset({'non-learned'}))]\n",
    )
    registry = hnetzoo.discover()
    assert len(plan(suite_of("hungarian", "bad-net"), registry)) == 2
    report = run_benchmark(suite_of("hungarian", "bad-net", datasets=(TINY,)), registry)
    assert [row.model for row in report.rows] == ["hungarian"]
    assert [failed.reason for failed in report.failed] == ["RuntimeError: no luck"]


def test_weights_of_ones_own_and_tuned_models_are_not_trained_again(tmp_path: Path) -> None:
    model = hnetzoo.load_model("exchangeable", weights=None)
    write_run(tmp_path / "run", RunRecord(model="exchangeable", shape=(2, 2), settings={}))
    save_tensors(tmp_path / "run" / BEST, model.state_dict())
    tuned = ModelEntry(name="exchangeable", label="tuned", tune={"iterations": (5, 6)})
    names = ("hungarian", "hnetgru", "hnetgru@default", f"run:{tmp_path / 'run'}", tuned)
    suite = train_all(suite_of(*names), REGISTRY)
    assert [entry.name for entry in suite.models if entry.train] == ["hnetgru"]
    assert plan(suite, REGISTRY)
