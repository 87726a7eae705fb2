"""Command `check` lists every check of a component, and shows why one failed."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.outcome import Run, fails


def test_check_lists_every_check_and_exits_0_if_none_failed(run: Run) -> None:
    outcome = run("check", "hungarian")
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1].startswith("model hungarian: ")
    assert ", 0 failed, " in outcome.out
    assert "tagged 'non-learned'" in outcome.out
    document = json.loads(run("check", "exchangeable", "--json").out)
    assert {check["kind"] for check in document["checks"]} == {"model", "trainer"}
    assert document["failed"] == 0
    assert document["passed"] + document["skipped"] == len(document["checks"])


def test_check_exits_1_and_shows_why_with_the_smallest_input(run: Run, fake_distribution: Callable[..., Path]) -> None:
    spec = (
        "hnetzoo.ModelSpec(name='ordered-rows', summary='Ordered.', target='tests.testing.models:OrderedRows',"
        " config='tests.testing.settings:Valid', citation=hnetzoo.Citation(authors='A', title='T', year=2000))"
    )
    hook = f"@hnetzoo.hookimpl\ndef hnetzoo_models():\n    return [{spec}]\n"
    fake_distribution("acme-net", f"import hnetzoo\n{hook}")
    outcome = run("check", "ordered-rows")
    assert outcome.code == 1
    assert "failed check_row_equivariance: rows in the order [1, 0] give other logits" in outcome.out
    assert "  smallest input tried: distance [[" in outcome.out
    assert outcome.out.startswith("failed check_row_equivariance")
    assert outcome.out.count("check_row_equivariance") == 1
    assert ", 1 failed, " in outcome.out
    outcome = run("check", "ordered-rows", "--json")
    assert outcome.code == 1
    (failed,) = [check for check in json.loads(outcome.out)["checks"] if check["outcome"] == "failed"]
    assert failed["check"] == "check_row_equivariance"
    assert len(failed["input"]["distance"]) == 2


def test_check_takes_settings(run: Run, tmp_path: Path) -> None:
    run("generate", "doa", "--out", "p.npz", "--split", "all", "--set", "dataset.samples=100")
    document = json.loads(run("check", "npz", "--set", "dataset.path=p.npz", "--json").out)
    assert document["failed"] == 0
    assert document["passed"] > 14
    fails(run("check", "nothing-of-that-name"), 2, "unknown name 'nothing-of-that-name'")
    fails(run("check", "doa", "--set", "dataset.sample=3"), 2, "did you mean 'dataset.samples'?")
    fails(run("check", "doa", "--set", "model.hidden_size=3"), 2, "'doa' is not a model; leave out --set model.*")


def test_only_runs_one_check_of_the_kinds_that_have_it(run: Run) -> None:
    document = json.loads(run("check", "exchangeable", "--only", "output-shape", "--json").out)
    assert [(check["kind"], check["check"]) for check in document["checks"]] == [("model", "check_output_shape")]
    document = json.loads(run("check", "exchangeable", "--only", "check_summary", "--json").out)
    assert {check["kind"] for check in document["checks"]} == {"model", "trainer"}
    fails(run("check", "hungarian", "--only", "output_shap"), 2, "did you mean 'check_output_shape'?")
