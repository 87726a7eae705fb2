"""Charts: axes hold their numbers, labels keep apart, and nobody beats the points on the line."""

import random
from itertools import combinations, pairwise
from xml.etree.ElementTree import fromstring

import pytest

from hnetzoo.report.html.axes import linear_scale, log_scale
from hnetzoo.report.html.charts import Line, Point, line_chart, scatter_chart, unbeaten
from hnetzoo.report.html.labels import Box, place_labels


def clouds(count: int) -> list[list[Point]]:
    draw = random.Random(0)
    sizes = [draw.randint(1, 14) for _ in range(count)]
    return [[Point(f"m{i}", draw.uniform(0.1, 500), draw.choice([0.2, 0.9, 0.99])) for i in range(n)] for n in sizes]


@pytest.mark.parametrize("values", [[0.6251, 0.9988], [3.0], [0.0], [-2.0, 7.0], [1e-7, 3e-7], [1e9, 2e9]], ids=str)
def test_a_linear_axis_holds_its_values_between_round_ends(values: list[float]) -> None:
    scale = linear_scale(values, 10, 110)
    assert scale.low <= min(values) <= max(values) <= scale.high
    assert (scale(scale.low), scale(scale.high)) == (10, 110)
    steps = {round((after - before) / (scale.ticks[1] - scale.ticks[0]), 6) for before, after in pairwise(scale.ticks)}
    assert steps == {1.0}
    assert 2 <= len(scale.ticks) <= 8


@pytest.mark.parametrize(("values", "ticks"), [([1.0], (0, 1, 2)), ([1, 2], (1, 2)), ([1, 10], (0, 2, 4, 6, 8, 10))])
def test_an_axis_of_whole_numbers_has_no_ticks_between_them(values: list[float], ticks: tuple[float, ...]) -> None:
    assert linear_scale(values, 0, 1, whole=True).ticks == ticks


@pytest.mark.parametrize("values", [[0.3], [0.3, 40], [5.0, 6.0], [1e-3, 1e5]], ids=str)
def test_equal_ratios_are_equal_lengths_on_a_logarithmic_axis(values: list[float]) -> None:
    scale = log_scale(values, 0, 100)
    assert scale.low < min(values) <= max(values) < scale.high
    assert scale(2.0) - scale(1.0) == pytest.approx(scale(20.0) - scale(10.0))
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)


def test_no_point_is_faster_and_better_than_those_on_the_line() -> None:
    for points in clouds(200):
        on_line = unbeaten(points)
        for point in points:
            beaten = any(o != point and o.x <= point.x and o.y >= point.y and (o.x, o.y) != point[1:] for o in points)
            assert (point in on_line) == (not beaten)


def test_labels_meet_neither_each_other_nor_points() -> None:
    draw = random.Random(1)
    for _ in range(50):
        points = [(draw.uniform(50, 500), draw.uniform(20, 280)) for _ in range(8)]
        boxes = place_labels(points, ["hungarian-gated"] * 8, Box(40, 10, 560, 300))
        assert not [pair for pair in combinations(boxes, 2) if pair[0].meets(pair[1])]
        assert not [box for box in boxes for x, y in points if box.left < x < box.right and box.top < y < box.bottom]


def test_a_scatter_chart_draws_names_and_describes_every_point() -> None:
    points = [Point("<b>", 1.0, 0.5), Point("slow & good", 100.0, 0.75)]
    root = fromstring(scatter_chart(points, name="c", title="F1 against time", x_name="us", y_name="F1"))
    labels = [text.text for text in root.iter("text") if text.get("class") == "label"]
    assert labels == ["<b>", "slow & good"]
    assert root.get("aria-labelledby") == "c-title c-desc"
    assert root.findtext("title") == "F1 against time"
    assert root.findtext("desc") == "us, F1. <b>: 1, 0.5000; slow & good: 100, 0.7500."
    circles = [(float(circle.get("cx")), float(circle.get("cy"))) for circle in root.iter("circle")]
    assert circles[0][0] < circles[1][0]
    assert circles[0][1] > circles[1][1], "better is higher up"


def test_a_line_chart_marks_the_best_and_has_a_path_for_every_line() -> None:
    lines = [Line("loss", [(1, 2.0), (2, 1.0), (3, 1.5)]), Line("other", [(1, 1.0), (2, 1.0), (3, 1.0)], 1, True)]
    root = fromstring(line_chart(lines, name="l", title="Losses", x_name="epoch", y_name="loss", marked=2))
    paths = [path.get("d") for path in root.iter("path")]
    places = [[tuple(map(float, point.split())) for point in path[1:].split("L")] for path in paths]
    (marked,) = [line for line in root.iter("line") if line.get("class") == "marked"]
    assert [len(place) for place in places] == [3, 3]
    assert float(marked.get("x1")) == places[0][1][0]
    assert places[0][1][1] > places[0][2][1] > places[0][0][1], "smaller losses are lower down"
    assert [path.get("class") for path in root.iter("path")] == ["curve c0", "curve c1 dashed"]


def test_a_single_epoch_is_a_dot() -> None:
    root = fromstring(line_chart([Line("loss", [(1, 2.0)])], name="l", title="t", x_name="x", y_name="y"))
    assert [circle.get("r") for circle in root.iter("circle")] == ["3"]
