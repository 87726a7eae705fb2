"""Only models tagged "features" see those of the problems."""

from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.metrics import f1_score

import hnetzoo
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.guard import guarded
from hnetzoo.benchmark.jobs import Options
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite
from hnetzoo.digests import digest_tensors
from tests.testing.models import Valid
from tests.testing.test_models import TAKES_FEATURES

BOXES = Entry(name="box-tracks", settings={"samples": 200, "max_boxes": 4})


@pytest.mark.parametrize("features", [True, False])
def test_a_guarded_model_gets_features_only_if_it_takes_them(features: bool) -> None:
    batch = hnetzoo.load_dataset(BOXES.name, **BOXES.settings).load("test", 0)
    with guarded("a model", batch, digest_tensors(batch.tensors), features=features) as given:
        assert set(given.features) == ({"row_features", "col_features"} if features else set())
    assert batch.row_features is not None


class Watched(Valid):
    """Fails if it is called with features, or without them if it should take them."""

    expected = False

    def forward(self, distance, *masks, **features):  # type: ignore[no-untyped-def]
        assert bool(features) is self.expected
        return super().forward(distance, *masks)


class WatchedTakesFeatures(Watched):
    feature_count = 9
    expected = True


@pytest.mark.parametrize("name", ["Watched", "WatchedTakesFeatures"])
def test_training_shows_features_to_models_that_take_them_alone(name: str, tmp_path: Path) -> None:
    spec = replace(
        TAKES_FEATURES,
        target=f"{__name__}:{name}",
        tags=frozenset({"features"} if name != "Watched" else ()),
        trainer="motion",
        dataset="box-tracks",
    )
    plugin = hnetzoo.Plugin(distribution="acme", version="1", entry_point="net", target="acme", specs=(spec,))
    registry = hnetzoo.Registry([*hnetzoo.discover().plugins, plugin])
    model = ModelEntry(name=spec.name, train=True, trainer={"epochs": 1, "batch_size": 50, "without_features": 0.0})
    options = Options(training=TrainingOptions(runs=tmp_path))
    report = run_benchmark(Suite(models=(model,), datasets=(BOXES,)), registry, options=options)
    assert report.failed == ()
    assert [row.model for row in report.rows] == [spec.name]


def test_features_can_be_withheld_from_a_model_that_takes_them(tmp_path: Path) -> None:
    models = (
        ModelEntry(name="motion", label="shown"),
        ModelEntry(name="motion", label="withheld", features=False),
        ModelEntry(name="motion", label="trained", features=False, train=True, trainer={"epochs": 1, "batch_size": 50}),
    )
    options = Options(training=TrainingOptions(runs=tmp_path / "runs"), cache=tmp_path / "rows")
    report = run_benchmark(Suite(models=models, datasets=(BOXES,)), hnetzoo.discover(), options=options)
    assert report.failed == ()
    shown, withheld, _ = report.rows
    batch = hnetzoo.load_dataset(BOXES.name, **BOXES.settings).load("test", 0)
    model = hnetzoo.load_model("motion")
    for row, features in ((shown, batch.features), (withheld, {})):
        pairs = (model(*batch.problems, **features) > 0) & batch.cells
        assert row.f1 == pytest.approx(f1_score(batch.association[batch.cells], pairs[batch.cells]))
    assert shown.f1 != withheld.f1
