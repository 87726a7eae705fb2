"""Everything shipped passes the conformance kit."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo import testing
from hnetzoo.registry.specs import Spec
from hnetzoo.testing import (
    answers,
    cards,
    datasets,
    declarations,
    deployment,
    extensions,
    fitting,
    gradients,
    learning,
    masks,
    repetition,
    side_effects,
    sizes,
    trainers,
)
from hnetzoo.testing.outcome import Check

MODULES = (
    answers,
    cards,
    datasets,
    declarations,
    deployment,
    extensions,
    fitting,
    gradients,
    learning,
    masks,
    repetition,
    side_effects,
    sizes,
    trainers,
)
REGISTRY = hnetzoo.discover()
SMALL = {"doa-reference": {"samples": (20, 40, 60)}} | {
    name: {"samples": 1000} for name in ("doa", "doa-tracks", "lsap")
}
VARIED = [
    ("doa", {"samples": 1000, "counts": "known", "max_doas": 3}),
    ("doa-tracks", {"samples": 1000, "counts": "hidden"}),
    ("lsap", {"samples": 500, "form": "rectangular", "min_size": 0, "costs": "clustered"}),
]


@testing.parametrize_with_checks([*REGISTRY.models.values(), *REGISTRY.trainers.values()])
def test_shipped(spec: Spec, check: Callable[[Spec], None]) -> None:
    check(spec)


@pytest.mark.parametrize(
    ("name", "settings"), [*((name, SMALL.get(name)) for name in REGISTRY.datasets), *VARIED], ids=str
)
def test_shipped_datasets(name: str, settings: dict[str, object] | None) -> None:
    report = testing.check(REGISTRY.dataset(name), settings)
    assert report.failures == ()
    assert report.count("passed") >= 4


def test_a_dataset_of_files_is_skipped_without_them_and_passes_with_them(tmp_path: Path) -> None:
    spec = REGISTRY.dataset("npz")
    reasons = {result.check: result.reason for result in testing.check(spec).results if result.outcome == "skipped"}
    assert reasons["check_shapes"] == "needs settings: dataset.path"
    distance = torch.rand(60, 2, 3)
    batch = hnetzoo.AssociationBatch.with_full_masks(distance, hnetzoo.assign(distance))
    hnetzoo.write_problems(tmp_path / "mine.npz", batch)
    hnetzoo.write_problem_folder(tmp_path / "mine", {"train": batch.pieces()})
    for path in (tmp_path / "mine.npz", tmp_path / "mine"):
        report = testing.check(spec, {"path": path})
        assert report.failures == ()
        assert report.count("passed") > 14


def test_every_check_is_run_documented_and_public() -> None:
    run = {check.function for checks in testing.CHECKS.values() for check in checks}
    for module in (
        answers,
        datasets,
        declarations,
        deployment,
        extensions,
        fitting,
        gradients,
        learning,
        masks,
        side_effects,
        sizes,
        trainers,
    ):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("check_"):
                assert function in run, name
                assert function.__doc__, name
                assert getattr(testing, name) is function
                assert name in testing.__all__


def test_check_names_are_unique_within_a_kind() -> None:
    for checks in testing.CHECKS.values():
        assert len({check.name for check in checks}) == len(checks)


def test_tags_that_excuse_are_documented() -> None:
    authors = Path(__file__).parents[1] / "docs" / "authors"
    documented = "".join(page.read_text() for page in authors.glob("*.md"))
    for checks in testing.CHECKS.values():
        for check in checks:
            assert isinstance(check, Check)
            for tag in (*check.unless, *check.only):
                assert f"| `{tag}` |" in documented
