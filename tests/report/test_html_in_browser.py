"""Pages in a browser: sorted, filtered, turned over with the keyboard, at every width, without a word on the console.

Skipped where selenium or Chromium is missing.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hnetzoo.benchmark.results import BenchmarkReport, Skipped
from hnetzoo.report.html.answer import differences, render_answer
from hnetzoo.report.html.benchmark import render_benchmark
from hnetzoo.report.html.intervals import Interval
from hnetzoo.report.tables import Table
from tests.report.pages import boxes, disagreement
from tests.report.rows import report, row
from tests.report.test_html import training
from tests.source import ROOT

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed")

SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
WIDTHS = (360, 800, 1600)
SHOWN_MODELS = "return [...document.querySelectorAll('.board:not([hidden]) tbody tr:not([hidden])')]"


def small() -> str:
    rows = [
        row("hungarian", 0.5, microseconds_per_problem=9.0),
        row("zeta", 0.75, microseconds_per_problem=100.0),
        row("acme", 0.25, microseconds_per_problem=20.0),
    ]
    skipped = (Skipped(model="hnetgru", dataset="doa", reason="n/a (fixed 2 x 2)"),)
    problems = [disagreement(), boxes(index=18), disagreement(task="tracks", index=3)]
    return render_benchmark(report(*rows, skipped=skipped), problems, ["A note."])


def stored(name: str) -> str:
    return render_benchmark(BenchmarkReport.read(ROOT / "benchmarks" / "results" / f"{name}.json"))


def long_names() -> str:
    names = ["a" * 200, "b" * 200]
    rows = [row("hungarian"), row(names[0], dataset=names[1]), row("acme", weights=f"tuned: {names[1]}")]
    return render_benchmark(replace(report(*rows, versions={"x": names[0]})), [disagreement(task=names[1])], names)


def answer() -> str:
    figure = differences([Interval("a long name " * 8, 0.1, -0.05, 0.25), Interval("b", -0.001, -0.002, -0.0005)])
    table = Table(title="Facts", caption="Two.", columns=("what", "value"), rows=(("x" * 80, "y" * 200),))
    return render_answer("Does it pay?", ["No. " * 60], [table, table], [figure], {}, "hnetzoo " + "x" * 300)


PAGES = {
    "answer": answer,
    "small": small,
    "training": training,
    "sizes": lambda: stored("sizes"),
    "long names": long_names,
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Open the small page, and check afterwards that it wrote nothing on the console."""
    open_page(browser, small(), tmp_path)
    yield browser
    assert browser.get_log("browser") == []


def open_page(browser: Any, text: str, folder: Path, width: int = 1200, scheme: str = "light") -> None:
    (folder / "page.html").write_text(text)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((folder / "page.html").as_uri())


def models(browser: Any) -> list[str]:
    return browser.execute_script(f"{SHOWN_MODELS}.map((row) => row.dataset.model)")


def head(browser: Any, column: str) -> Any:
    return browser.find_element(By.XPATH, f"//div[@class='board' and not(@hidden)]//th[.='{column}']")


def choose(browser: Any, metric: str) -> None:
    browser.find_element(By.ID, "metric").send_keys(metric)


def shown_problem(browser: Any) -> str:
    (heading,) = [found.text for found in browser.find_elements(By.CSS_SELECTOR, ".problem h3") if found.is_displayed()]
    return heading


def test_a_click_on_a_head_sorts_and_another_turns_the_order(page: Any) -> None:
    assert models(page) == ["hungarian", "hnetgru", "zeta", "acme"]
    head(page, "doa").find_element(By.TAG_NAME, "button").click()
    assert models(page) == ["zeta", "hungarian", "acme", "hnetgru"], "what has no number is last"
    assert head(page, "doa").get_attribute("aria-sort") == "descending"
    head(page, "doa").find_element(By.TAG_NAME, "button").click()
    assert models(page) == ["acme", "hungarian", "zeta", "hnetgru"]
    assert head(page, "doa").get_attribute("aria-sort") == "ascending"
    assert head(page, "model").get_attribute("aria-sort") == "none"


def test_enter_on_a_head_sorts_by_name(page: Any) -> None:
    head(page, "model").find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert models(page) == ["acme", "hnetgru", "hungarian", "zeta"]


def test_times_are_first_sorted_from_short_to_long_as_numbers(page: Any) -> None:
    choose(page, "us/problem")
    head(page, "doa").find_element(By.TAG_NAME, "button").click()
    assert models(page) == ["hungarian", "acme", "zeta", "hnetgru"]


def test_a_text_hides_the_other_models_and_a_metric_shows_its_numbers(page: Any) -> None:
    field = page.find_element(By.ID, "filter")
    field.send_keys("H")
    assert models(page) == ["hungarian", "hnetgru"]
    assert page.find_element(By.ID, "count").text == "2 of 4 models"
    choose(page, "cost gap")
    assert models(page) == ["hungarian", "hnetgru"]
    assert "1.23%" in page.find_element(By.CSS_SELECTOR, ".board:not([hidden])").text
    field.clear()
    field.send_keys(" ")
    assert len(models(page)) == 4


def test_buttons_arrow_keys_and_the_task_turn_the_problems(page: Any) -> None:
    page.execute_script("document.getElementById('problems').scrollIntoView({behavior: 'instant'})")
    assert shown_problem(page) == "doa, seed 0, test problem 17"
    assert not page.find_element(By.ID, "previous").is_enabled()
    page.find_element(By.ID, "next").click()
    assert shown_problem(page) == "doa, seed 0, test problem 18"
    assert page.find_element(By.CSS_SELECTOR, ".problem:not([hidden]) figure svg").is_displayed()
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_RIGHT)
    assert shown_problem(page) == "tracks, seed 0, test problem 3"
    assert page.find_element(By.ID, "place").text == "Problem 3 of 3"
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_LEFT)
    assert shown_problem(page) == "doa, seed 0, test problem 18"
    page.find_element(By.ID, "problem-task").send_keys("tracks")
    assert shown_problem(page) == "tracks, seed 0, test problem 3"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(name: str, browser: Any, tmp_path: Path) -> None:
    text = PAGES[name]()
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            open_page(browser, text, tmp_path, width, scheme)
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, (width, scheme)
    assert browser.get_log("browser") == []


def test_light_and_dark_differ(browser: Any, tmp_path: Path) -> None:
    colours = []
    for scheme in ("light", "dark"):
        open_page(browser, small(), tmp_path, scheme=scheme)
        colours.append(browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert colours[0] != colours[1]


def test_without_scripts_everything_is_shown(browser: Any, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, small(), tmp_path)
        assert len([found for found in browser.find_elements(By.CSS_SELECTOR, ".board") if found.is_displayed()]) == 4
        assert len([found for found in browser.find_elements(By.CSS_SELECTOR, "article") if found.is_displayed()]) == 3
        assert not browser.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
