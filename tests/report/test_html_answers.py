"""Pages of comparisons and of advice say what was found, and draw the differences to scale."""

import re

import pytest

from hnetzoo.report.html.answer import differences, render_answer
from hnetzoo.report.html.intervals import Interval
from hnetzoo.report.tables import Table

TABLE = Table(title="Facts", caption="Two.", columns=("what", "value"), rows=(("<b>", "1"),))


def test_what_is_written_by_others_is_escaped() -> None:
    page = render_answer("<script>", ["a < b"], [TABLE], [differences([Interval("<i>", 0.1, 0.0, 0.2)])], {}, "x > y")
    assert "<b>" not in page
    assert "<i>" not in page
    assert page.count("<script>") == 1
    for text in ("&lt;script&gt;", "a &lt; b", "x &gt; y", "&lt;b&gt;"):
        assert text in page


def test_intervals_are_drawn_to_scale_with_a_line_at_0() -> None:
    chart = differences([Interval("a", 0.1, 0.0, 0.2), Interval("b", -0.1, -0.2, 0.0)]).chart
    lines = [tuple(map(float, found)) for found in re.findall(r'class="curve c0" x1="([\d.]+)" x2="([\d.]+)"', chart)]
    (first, *_), (second, *_) = lines[::3], lines[3::3]
    zero = {float(found) for found in re.findall(r'class="marked" x1="([\d.]+)"', chart)}
    assert zero == {first[0]} == {second[1]}
    assert first[1] - first[0] == pytest.approx(second[1] - second[0], abs=0.2)
    assert "a: +0.1000, +0.0000 to +0.2000" in chart


def test_a_page_without_conclusions_says_so() -> None:
    assert "Nothing can be concluded." in render_answer("t", [], [], [], {})
