"""Tables and figures of the stored study."""

from typing import Any

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


def test_learning_curves_are_means_over_the_seeds_that_finished() -> None:
    draw = script("draw")
    figure = draw.learning_curves({"study": STUDY, "rows": ROWS})
    empty, panel = figure.axes
    assert [list(line.get_ydata()) for line in panel.lines] == [[5.0], []]
    assert [list(line.get_ydata()) for line in empty.lines] == [[], []]
    draw.pyplot.close(figure)
