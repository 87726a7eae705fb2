"""The comparison of matchers in one tracker: rows, choices and the oracle, on small sequences."""

from itertools import pairwise
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

import hnetzoo
from benchmarks.tracking.settings import TrackingSuite, read_suite
from benchmarks.tracking.study import ORACLE, Row, Study
from benchmarks.tracking.tables import interval, tracking_tables
from hnetzoo.registry.resolution import resolve_model

SUITE = Path(__file__).parents[2] / "benchmarks" / "suites" / "tracking.toml"


def write(folder: Path, speed: float, frames: int = 24) -> None:
    """Write two people who walk in one direction, one behind the other, and a false alarm in every frame."""
    folder.mkdir()
    truth, found = [], []
    for frame in range(1, frames + 1):
        for identity in (1, 2):
            left = speed * frame + 30 * identity
            truth.append(f"{frame},{identity},{left},0,20,40,1\n")
            found.append(f"{frame},-1,{left + 1},0,20,40,0.9\n")
        found.append(f"{frame},-1,{600 + 50 * (frame % 3)},300,20,40,0.2\n")
    (folder / "gt.txt").write_text("".join(truth))
    (folder / "det.txt").write_text("".join(found))


def study(folder: Path, **settings: object) -> list[Row]:
    for name, speed in (("slow", 1.0), ("fast", 9.0), ("faster", 10.0)):
        write(folder / name, speed)
    suite = TrackingSuite.model_validate(
        {
            "sequences": [{"folder": name, "detections": "det.txt"} for name in ("slow", "fast", "faster")],
            "every": (1, 4),
            "reference": "gate",
            "models": [{"name": "hungarian-gated", "label": "gate", "tune": {"gate": [3.0, 0.2, 0.001]}}],
            **settings,
        }
    )
    return list(Study(suite, hnetzoo.discover(), folder).rows())


def test_the_suite_names_only_what_is_registered() -> None:
    suite, registry = read_suite(SUITE), hnetzoo.discover()
    assert suite.reference in {entry.title for entry in suite.models}
    for entry in suite.models:
        resolve_model(entry.name, registry, entry.settings)
        for values in entry.tune.values():
            assert all(first >= second for first, second in pairwise(values)), "of equals the larger is taken"


def test_every_sequence_rate_and_matcher_has_a_row_and_the_oracle_makes_no_error_of_identity(tmp_path: Path) -> None:
    rows = study(tmp_path)
    assert len(rows) == 3 * 2 * 2
    oracle = [row for row in rows if row["model"] == ORACLE]
    assert all(row["switches"] == 0 and row["assa"] == pytest.approx(oracle[0]["assa"]) for row in oracle)
    assert all(row["hota"] <= best["hota"] + 1e-9 for row, best in zip(rows[3:6], rows[:3], strict=True))


def test_settings_are_chosen_on_the_other_sequences(tmp_path: Path) -> None:
    rows = study(tmp_path, tracker={"distance": "centre"}, every=(4,))
    chosen = {row["sequence"]: row["chosen"] for row in rows if row["model"] == "gate"}
    assert chosen["slow"] == {"gate": 3.0}, "both others walk further than their distance in four frames"
    assert set(chosen) == {"slow", "fast", "faster"}


def test_features_are_withheld_where_a_suite_says_so(tmp_path: Path) -> None:
    models = [
        {"name": "motion", "label": "shown"},
        {"name": "motion", "label": "withheld", "features": False},
    ]
    tracked = study(tmp_path, models=models, reference="shown", every=(4,))
    shown, withheld = ([row["hota"] for row in tracked if row["model"] == label] for label in ("shown", "withheld"))
    assert shown != withheld


def test_tables_show_the_paired_interval_of_each_lead(tmp_path: Path) -> None:
    near = {"name": "hungarian-gated", "label": "near", "settings": {"gate": 0.001}}
    gate = {"name": "hungarian-gated", "label": "gate", "settings": {"gate": 3.0}}
    rows = study(tmp_path, models=[gate, near], tracker={"distance": "centre"})
    first, second = ([row["assa"] for row in rows if (row["model"], row["every"]) == (m, 1)] for m in ("gate", "near"))
    low, high = interval([a - b for a, b in zip(first, second, strict=True)])
    expected = ttest_rel(first, second).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    text = tracking_tables({"suite": {"reference": "gate", "every": [1, 4]}, "rows": rows})
    assert f"[{low:+.3f}, {high:+.3f}]" in text
    assert "#### Every 4th frame" in text
