"""Tables and figures of the stored study."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.localizer.analysis import holm
from benchmarks.localizer.tables import chosen_tracking, compared, study_report
from tests.test_benchmarks import script

STUDY: dict[str, Any] = {
    "scenes": {"train": 8, "test": 4},
    "seeds": [0, 1],
    "sources": [1, 2],
    "criteria": [{"label": "PIT"}, {"label": "broken"}],
}
SCORES = {"recall": 1.0, "precision": 0.5, "f1": 0.667, "mota": -0.5, "switches": 1.0, "match_switches": 2.0}
COSTS = {"gospa_deg": 3.0, "seconds": 9.0}
ROWS = [
    {"criterion": "PIT", "sources": 2, "seed": 0, "error_deg": 4.0, "curve": [{"gospa_deg": 8.0}], **SCORES, **COSTS},
    {"criterion": "PIT", "sources": 2, "seed": 1, "error_deg": 6.0, "curve": [{"gospa_deg": 2.0}], **SCORES, **COSTS},
    {"criterion": "broken", "sources": 2, "seed": 0, "failed": "ValueError: no"},
]


def test_rows_are_means_over_seeds_without_failed_jobs() -> None:
    text = script("render")._localizer({"study": STUDY, "rows": ROWS}, "2")
    assert "#### 2 sources" in text
    assert "| PIT | 5.0 ± 1.4 | 1.000 ± 0.000 |" in text
    assert "| broken | - | - |" in text
    assert "1 source\n" not in text


def test_without_a_part_there_is_a_table_per_number_of_sources() -> None:
    text = script("render")._localizer({"study": STUDY, "rows": ROWS}, None)
    assert text.index("#### 1 source\n") < text.index("#### 2 sources\n")


def test_a_rerun_of_the_first_edition_names_scenarios_and_gives_the_same_tables() -> None:
    scenarios = [{"label": f"{sources} sources", "sources": sources} for sources in (1, 2)]
    rerun = {**{name: value for name, value in STUDY.items() if name != "sources"}, "scenarios": scenarios}
    tables = [script("render")._localizer({"study": study, "rows": ROWS}, None) for study in (STUDY, rerun)]
    assert tables[0] == tables[1]


def test_learning_curves_are_means_over_the_seeds_that_finished() -> None:
    assert curves(ROWS) == [[[], []], [[5.0], []]]


def test_a_learning_curve_is_the_lowest_so_far_which_a_training_that_has_ended_keeps() -> None:
    short, long = [[{"gospa_deg": value} for value in values] for values in ((8.0, 4.0), (6.0, 2.0, 5.0, 0.0))]
    rows = [{**row, "curve": curve} for row, curve in zip(ROWS[:2], (short, long), strict=True)]
    assert curves(rows)[1][0] == [7.0, 3.0, 3.0, 2.0]


def curves(rows: list[dict[str, Any]]) -> list[list[list[float]]]:
    """Return the values of each line of each panel of the figure."""
    draw = script("draw")
    figure = draw.learning_curves({"study": STUDY, "rows": rows})
    found = [[list(line.get_ydata()) for line in panel.lines] for panel in figure.axes]
    draw.pyplot.close(figure)
    return found


LABELS = {
    "PIT": "permutation-invariant",
    "ADPIT": "adpit",
    "MSE": "fixed-order",
    "soft": "tracking",
    "hard": "tracking",
}
MOTA = {"PIT": 0.5, "ADPIT": 0.62, "MSE": 0.0, "soft": 0.6, "hard": 0.55}
SECOND: dict[str, Any] = {
    "study": {
        "scenes": {"train": 8, "test": 4},
        "seeds": [0, 1, 2],
        "scenarios": [
            {"label": "1 source", "sources": 1, "tuned_on": "2"},
            {"label": "2", "sources": 2, "tuned_on": ""},
        ],
        "criteria": [{"label": label, "kind": kind, "search": {"distance": []}} for label, kind in LABELS.items()],
        "opponents": ["PIT", "ADPIT", "hard"],
    },
    "rows": [
        {
            "criterion": label,
            "scenario": scenario,
            "seed": seed,
            "mota": MOTA[label] + 0.1 * seed + 0.002 * (-1) ** (seed + place),
            "match_switches": 2.0 + 0.3 * (-1) ** (seed * place),
            "validation_gospa_deg": 10.0 - MOTA[label] * (label != "ADPIT"),
            "settings": {"learning_rate": 0.003, "switch_cost": 0.0, "weights": {"distance": 2.5}},
            **dict.fromkeys(("gospa_deg", "f20", "class_error_deg", "class_recall", "seld", "epochs", "seconds"), 1.0),
        }
        for place, label in enumerate(LABELS)
        for scenario in ("1 source", "2")
        for seed in (0, 1, 2)
    ],
    "matcher_seconds": {"soft": 600.0},
}


def test_the_verdict_says_what_is_better_worse_and_not_shown_to_differ() -> None:
    text = study_report(SECOND, "verdict")
    (mota, switches) = [line for line in text.splitlines() if line.startswith("- ")]
    assert mota.startswith("- **2, MOTA**: soft is better than PIT (+0.099 [")
    assert "and hard (+0.049" in mota
    assert "is worse than ADPIT (-0.02" in mota
    assert "is not shown to differ from PIT" in switches
    assert "better" not in switches
    assert text.startswith("6 comparisons, corrected together after Holm")
    assert "1 source" not in text


def test_a_verdict_follows_the_numbers_and_not_the_order_of_criteria() -> None:
    best = [{**row, "mota": row["mota"] + 0.3} if row["criterion"] == "hard" else row for row in SECOND["rows"]]
    text = study_report({**SECOND, "rows": best}, "verdict")
    assert "soft is better than PIT" in text
    assert "is worse than ADPIT" in text
    assert "hard (-0.25" in text


def test_the_tracking_loss_is_chosen_by_validation_alone() -> None:
    worse = [{**row, "mota": -9.0} if row["criterion"] == "soft" else row for row in SECOND["rows"]]
    assert chosen_tracking({**SECOND, "rows": worse}, "2") == "soft"
    swapped = [{**row, "validation_gospa_deg": 0.0} if row["criterion"] == "hard" else row for row in SECOND["rows"]]
    assert chosen_tracking({**SECOND, "rows": swapped}, "2") == "hard"


def test_corrected_values_are_those_of_all_comparisons_together() -> None:
    found = compared(SECOND)
    assert [one.p for one in found] == holm([one.difference.p for one in found])
    assert len(found) == 6


def test_the_figure_of_comparisons_fills_the_points_whose_difference_is_shown() -> None:
    draw = script("draw")
    figure = draw.comparisons(SECOND)
    for panel, outcome in zip(figure.axes, ("mota", "match_switches"), strict=True):
        mine = [one for one in compared(SECOND) if one.outcome.key == outcome]
        points = [line for line in panel.lines if line.get_marker() == "o"]
        assert [point.get_xdata()[0] for point in points] == [one.difference.value for one in mine]
        assert [point.get_markerfacecolor() != "white" for point in points] == [one.shown for one in mine]
    draw.pyplot.close(figure)


def test_a_criterion_that_lacks_a_seed_is_in_the_table_and_not_compared() -> None:
    lost = {"criterion": "PIT", "scenario": "2", "seed": 1, "failed": "ValueError: no"}
    rows = [
        lost if (row["criterion"], row["scenario"], row["seed"]) == ("PIT", "2", 1) else row for row in SECOND["rows"]
    ]
    result = {**SECOND, "rows": rows}
    assert {one.second for one in compared(result)} == {"ADPIT", "hard"}
    assert "| PIT | 0.60" in study_report(result, None)


def test_without_finished_rows_the_report_says_nothing_of_differences() -> None:
    empty = {**SECOND, "rows": []}
    assert compared(empty) == []
    assert study_report(empty, "verdict").startswith("0 comparisons")
    assert "| soft | - |" in study_report(empty, None)


def test_tables_have_scores_costs_and_chosen_settings() -> None:
    text = study_report(SECOND, None)
    assert text.index("#### 1 source") < text.index("#### 2\n")
    assert "Chosen on validation scenes among the tracking losses: soft." in text
    (soft, *_) = [line for line in text.splitlines() if line.startswith("| soft |")]
    assert soft.endswith("| 1 | 1 | 600 |")
    assert study_report(SECOND, "settings").count("| distance 2.5 |") == len(LABELS)


def test_the_table_of_comparisons_has_both_outcomes_of_every_opponent() -> None:
    lines = [line for line in study_report(SECOND, "comparisons").splitlines() if "| soft |" in line]
    assert [line.split(" | ")[2] for line in lines] == ["PIT", "ADPIT", "hard"]
    for line, one in zip(2 * lines, compared(SECOND), strict=True):
        assert one.outcome.form.replace("{:", "{:+").format(one.difference.value) in line


def test_the_report_has_every_part_of_the_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    render = script("render")
    monkeypatch.setattr(render, "RESULTS", tmp_path)
    (tmp_path / "localizer-study.json").write_text(json.dumps(SECOND))
    text = render.rendered((render.ROOT / "docs" / "leaderboard" / "localizer.md").read_text())
    for part in (None, "verdict", "comparisons", "settings"):
        assert study_report(SECOND, part) in text
