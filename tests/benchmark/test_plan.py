"""Plans: every name resolved and checked before anything runs."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark.plan import plan
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite
from hnetzoo.training.runs import BEST, RunRecord, write_run
from hnetzoo.training.weights import save_tensors

REGISTRY = hnetzoo.discover()
DOA = Entry(name="doa")
TINY = Entry(name="doa", settings={"samples": 100})


def suite_of(*models: ModelEntry | str, datasets: tuple[Entry | str, ...] = (DOA,)) -> Suite:
    return Suite(models=models, datasets=datasets)  # type: ignore[arg-type]


def test_jobs_go_by_dataset_and_seed_with_the_baseline_first() -> None:
    suite = Suite(models=("greedy", "hungarian"), datasets=("lsap", "doa"), seeds=(1, 0))  # type: ignore[arg-type]
    jobs = plan(suite, REGISTRY).jobs
    assert [(job.task.title, job.seed, job.entrant.title) for job in jobs] == [
        (dataset, seed, model) for dataset in ("lsap", "doa") for seed in (1, 0) for model in ("hungarian", "greedy")
    ]
    assert [job.index for job in jobs] == list(range(8))


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
        (
            ModelEntry(name="exchangeable", train=True, tune={"transport_steps": (3,)}),
            "is trained and tuned; choose one",
        ),
        (ModelEntry(name="exchangeable", train_on={"samples": 9}), "is not trained and has train_on"),
        (ModelEntry(name="exchangeable", train=True, train_on={"test_share": 0}), "leave test_share out of train_on"),
        (ModelEntry(name="exchangeable", train=True, train_on={"steps": 9}), "unknown setting 'dataset.steps'"),
        (ModelEntry(name="greedy", features=False), "'greedy' takes no features that could be withheld"),
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


def test_a_model_that_cannot_be_built_is_left_to_fail_its_own_jobs(fake_distribution: Callable[..., Path]) -> None:
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
    assert len(plan(suite_of("hungarian", "bad-net"), registry).jobs) == 2
    report = run_benchmark(suite_of("hungarian", "bad-net", datasets=(TINY,)), registry)
    assert [row.model for row in report.rows] == ["hungarian"]
    assert [failed.reason for failed in report.failed] == ["RuntimeError: no luck"]


def test_weights_of_ones_own_and_tuned_models_are_not_trained_again(tmp_path: Path) -> None:
    model = hnetzoo.load_model("exchangeable", weights=None)
    write_run(tmp_path / "run", RunRecord(model="exchangeable", shape=(2, 2), settings={}))
    save_tensors(tmp_path / "run" / BEST, model.state_dict())
    tuned = ModelEntry(name="exchangeable", label="tuned", tune={"transport_steps": (5, 6)})
    names = ("hungarian", "hnetgru", "hnetgru@default", f"run:{tmp_path / 'run'}", tuned)
    jobs = plan(suite_of(*names), REGISTRY, train=True).jobs
    assert [job.entrant.title for job in jobs if job.entrant.trainer is not None] == ["hnetgru"]
    assert [job.entrant.title for job in plan(suite_of(*names), REGISTRY).jobs if job.entrant.trainer] == []


def test_a_plan_survives_pickling_and_needs_no_registry_any_more() -> None:
    tuned = ModelEntry(name="hungarian-gated", tune={"gate": (0.5, 1.0)})
    trained = ModelEntry(name="exchangeable", train=True, trainer={"epochs": 1})
    made = plan(suite_of("hungarian", "hnetgru", tuned, trained), REGISTRY)
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_plan_says_version_and_origin_of_every_plugin_involved(fake_distribution: Callable[..., Path]) -> None:
    fake_distribution(
        "acme-net",
        "import hnetzoo\n"
        "@hnetzoo.hookimpl\n"
        "def hnetzoo_models():\n"
        "    return [hnetzoo.ModelSpec(name='acme-net', summary='', target='torch.nn:Identity',\n"
        "                              config='hnetzoo:Config', tags={'non-learned'})]\n",
    )
    found = plan(suite_of("greedy", "acme-net"), hnetzoo.discover()).plugins
    assert found["acme-net:plugin"] == {"version": "1.0", "origin": "index"}
    assert {plugin.partition(":")[0] for plugin in found} == {"acme-net", "hnetzoo"}
    assert found["hnetzoo:doa"]["version"] == hnetzoo.__version__
