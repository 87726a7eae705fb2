"""By default, what cannot be used is skipped with a reason; what was named is an error."""

from collections.abc import Callable
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import default_suite
from hnetzoo.report.markdown import render_markdown

BROKEN = """
import hnetzoo
@hnetzoo.hookimpl
def hnetzoo_models():
    common = {"summary": "", "target": "broken_net:Absent", "tags": {"non-learned"}}
    card = hnetzoo.Pretrained(weights="broken_net:w.safetensors", card="broken_net:w.json")
    return [
        hnetzoo.ModelSpec(name="no-config", config="broken_net:Absent", **common),
        hnetzoo.ModelSpec(name="no-module", config="absent_module:Config", **common),
        hnetzoo.ModelSpec(name="no-card", config="hnetzoo:Config", summary="", target="torch.nn:Identity",
                          pretrained=(card,)),
        hnetzoo.ModelSpec(name="greedy", config="hnetzoo:Config", **common),
    ]
@hnetzoo.hookimpl
def hnetzoo_datasets():
    return [hnetzoo.DatasetSpec(name="no-data", summary="", target="broken_net:Absent", config="absent_module:Config",
                                tags={"benchmark"})]
"""


@pytest.fixture
def registry(fake_distribution: Callable[..., Path]) -> hnetzoo.Registry:
    fake_distribution("broken-net", BROKEN)
    return hnetzoo.discover()


def test_a_default_benchmark_skips_what_is_broken_and_says_why(registry: hnetzoo.Registry) -> None:
    suite = default_suite(registry, datasets=["doa"], settings={"samples": 300})
    report = run_benchmark(suite, registry)
    reasons = {entry.model: entry.reason for entry in report.skipped if entry.model not in ("dhn", "motion")}
    assert reasons.keys() >= {"no-config", "no-module", "no-card", "greedy"}
    assert "is registered by broken-net:plugin and by hnetzoo:classical" in reasons["greedy"]
    assert {"hungarian", "hnetgru", "exchangeable"} <= {row.model for row in report.rows}
    assert report.failed == ()


def test_a_broken_default_dataset_is_skipped(registry: hnetzoo.Registry) -> None:
    suite = default_suite(registry, models=["hungarian"])
    small = [
        entry.model_copy(update={"settings": {"samples": 300}}) for entry in suite.datasets if "no" not in entry.name
    ]
    broken = [entry for entry in suite.datasets if entry.name == "no-data"]
    report = run_benchmark(suite.model_copy(update={"datasets": (*broken, small[0])}), registry)
    (skipped,) = report.skipped
    assert (skipped.model, skipped.dataset) == ("*", "no-data")
    assert len(report.rows) == 1
    assert "every model" in render_markdown(report)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("no-config", hnetzoo.PluginLoadError),
        ("no-card", hnetzoo.CheckpointError),
        ("greedy", hnetzoo.PluginConflictError),
    ],
)
def test_a_broken_model_that_was_named_is_an_error(
    registry: hnetzoo.Registry, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=name.replace("no-card", "w.json")):
        run_benchmark(default_suite(registry, [name], ["doa"]), registry)
