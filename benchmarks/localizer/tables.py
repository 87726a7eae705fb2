"""Tables of the study, and sentences on what is better than what, both derived from its stored rows."""

from collections.abc import Iterator
from itertools import product
from statistics import fmean, stdev
from typing import Any, NamedTuple

from benchmarks.localizer.analysis import CONFIDENCE, Difference, differences, holm
from hnetzoo.report.markdown import render_table
from hnetzoo.report.tables import Table

LEVEL = 0.05  # of corrected p-values
Row = dict[str, Any]


class Outcome(NamedTuple):
    """A primary outcome: key of a row, name, format, and 1 if larger is better, -1 if smaller is."""

    key: str
    name: str
    form: str
    sign: int


PRIMARY = (
    Outcome("mota", "MOTA", "{:.3f}", 1),
    Outcome("match_switches", "identity switches per hundred matches", "{:.2f}", -1),
)
COLUMNS = {  # name, key of a row and format
    "MOTA": ("mota", "{:.3f}"),
    "IDSW of matches": ("match_switches", "{:.2f}"),
    "GOSPA [degrees]": ("gospa_deg", "{:.1f}"),
    "F20": ("f20", "{:.3f}"),
    "LE_CD [degrees]": ("class_error_deg", "{:.1f}"),
    "LR_CD": ("class_recall", "{:.3f}"),
    "SELD score": ("seld", "{:.3f}"),
}


class Comparison(NamedTuple):
    """A tested comparison of the chosen tracking loss with an opponent."""

    scenario: str
    outcome: Outcome
    first: str
    second: str
    difference: Difference
    p: float
    """Corrected for the number of comparisons."""

    @property
    def shown(self) -> bool:
        """Whether a difference is shown."""
        return self.p < LEVEL


def study_report(result: dict[str, Any], part: str | None) -> str:
    """Return a part of the report: "verdict", "comparisons", "settings", or by default a table per scenario."""
    if part == "verdict":
        return verdict(result)
    if part == "comparisons":
        return _comparison_table(result)
    if part == "settings":
        return _settings_table(result)
    return "\n".join(_scenario_table(result, scenario["label"]) for scenario in result["study"]["scenarios"])


def sources_label(count: int) -> str:
    """Return a number of sources in words."""
    return f"{count} source{'s' * (count > 1)}"


def compared(result: dict[str, Any]) -> list[Comparison]:
    """Return all comparisons of the study: of each scenario with several sources, outcome and opponent.

    The tracking loss is the one whose validation GOSPA is lowest in the mean over seeds; test scenes have no part in
    the choice. Criteria that lack a seed are left out, and so is a fixed order in the estimate of chance, since its
    trainings differ more than all others.
    """
    found: list[Comparison] = []
    for scenario in result["study"]["scenarios"]:
        if scenario["sources"] == 1:
            continue
        rows = _complete(result, scenario["label"])
        chosen = chosen_tracking(result, scenario["label"])
        opponents = [name for name in result["study"]["opponents"] if name in rows and name != chosen]
        if chosen is None or not opponents:
            continue
        for outcome in PRIMARY:
            scores = {name: [row[outcome.key] for row in mine] for name, mine in rows.items()}
            scores = {name: values for name, values in scores.items() if None not in values}
            pairs = [(chosen, name) for name in opponents if name in scores and chosen in scores]
            found += (
                Comparison(scenario["label"], outcome, *pair, difference, 0.0)
                for pair, difference in zip(pairs, differences(scores, pairs) if pairs else (), strict=True)
            )
    corrected = holm([comparison.difference.p for comparison in found])
    return [comparison._replace(p=p) for comparison, p in zip(found, corrected, strict=True)]


def chosen_tracking(result: dict[str, Any], scenario: str) -> str | None:
    """Return the label of the tracking loss of the lowest validation GOSPA; None if none is complete."""
    rows = _complete(result, scenario)
    kinds = {entry["label"]: entry["kind"] for entry in result["study"]["criteria"]}
    means = {
        label: fmean(row["validation_gospa_deg"] for row in mine)
        for label, mine in rows.items()
        if kinds[label] == "tracking"
    }
    return min(means, key=lambda label: means[label]) if means else None


def verdict(result: dict[str, Any]) -> str:
    """Return sentences on what is better than what, by how much and how sure, and on what is not shown."""
    comparisons = compared(result)
    lines = [
        f"{len(comparisons)} comparisons, corrected together after Holm; a difference is shown if its corrected p is "
        f"below {LEVEL:g}. Intervals are those of a comparison alone ({CONFIDENCE:.0%}).\n"
    ]
    for scenario, outcome in product((entry["label"] for entry in result["study"]["scenarios"]), PRIMARY):
        mine = [found for found in comparisons if (found.scenario, found.outcome) == (scenario, outcome)]
        if mine:
            lines.append(f"- **{scenario}, {outcome.name}**: {mine[0].first} {'; '.join(_sentences(mine))}.")
    return "\n".join(lines) + "\n"


def _sentences(comparisons: list[Comparison]) -> Iterator[str]:
    """Yield what is shown to be better, to be worse, and not to differ."""
    for wanted, verb in ((1, "is better than"), (-1, "is worse than")):
        shown = [found for found in comparisons if found.shown and _sign(found) == wanted]
        if shown:
            yield f"{verb} {_listed(shown)}"
    if unclear := [found for found in comparisons if not found.shown]:
        yield f"is not shown to differ from {_listed(unclear)}"


def _sign(found: Comparison) -> int:
    return found.outcome.sign * (1 if found.difference.value > 0 else -1)


def _listed(comparisons: list[Comparison]) -> str:
    texts = [f"{found.second} ({_interval(found.difference, found.outcome)}, p {_p(found.p)})" for found in comparisons]
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]


def _interval(difference: Difference, outcome: Outcome) -> str:
    signed = outcome.form.replace("{:", "{:+")
    value, low, high = (signed.format(number) for number in difference[:3])
    return f"{value} [{low}, {high}]"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _comparison_table(result: dict[str, Any]) -> str:
    """Return a row per scenario and opponent, with the difference in each outcome and its corrected p."""
    rows: dict[tuple[str, str, str], dict[Outcome, str]] = {}
    for found in compared(result):
        cells = rows.setdefault((found.scenario, found.first, found.second), {})
        cells[found.outcome] = f"{_interval(found.difference, found.outcome)}, p {_p(found.p)}"
    lines = tuple((*names, *(cells.get(outcome, "-") for outcome in PRIMARY)) for names, cells in rows.items())
    columns = ("scenario", "tracking loss", "opponent", *(outcome.name for outcome in PRIMARY))
    return render_table(Table(title="Comparisons", caption="", columns=columns, rows=lines), "####")


def _scenario_table(result: dict[str, Any], scenario: str) -> str:
    """Return the means of all criteria, with the standard deviation over seeds, and what they cost."""
    study, costs = result["study"], result["matcher_seconds"]
    scenes, seeds = study["scenes"], ", ".join(map(str, study["seeds"]))
    caption = (
        f"{scenes['test']} test scenes and {scenes['train']} training scenes for each seed ({seeds}); ± is the "
        "standard deviation over seeds. Chosen on validation scenes among the tracking losses: "
        f"{chosen_tracking(result, scenario) or 'none'}."
    )
    lines = []
    for entry in study["criteria"]:
        mine = [row for row in _rows(result, scenario) if row["criterion"] == entry["label"]]
        cells = [_mean([row[key] for row in mine if row[key] is not None], form) for key, form in COLUMNS.values()]
        spent = [_mean([row[key] for row in mine], "{:.0f}", spread=False) for key in ("epochs", "seconds")]
        lines.append((entry["label"], *cells, *spent, f"{costs.get(entry['label'], 0.0):.0f}"))
    columns = ("criterion", *COLUMNS, "epochs", "seconds", "seconds of the matcher")
    return render_table(Table(title=scenario, caption=caption, columns=columns, rows=tuple(lines)), "####")


def _settings_table(result: dict[str, Any]) -> str:
    """Return the settings that the tuning chose."""
    lines = []
    for scenario, entry in product(result["study"]["scenarios"], result["study"]["criteria"]):
        mine = [row for row in _rows(result, scenario["label"]) if row["criterion"] == entry["label"]]
        if mine and not scenario["tuned_on"]:
            settings = mine[0]["settings"]
            values = {name: value for name, value in settings.items() if name != "weights"} | settings["weights"]
            shown = (f"{values[name]:g}" if name in values else "1" for name in entry["search"])
            named = ", ".join(f"{name} {value}" for name, value in zip(entry["search"], shown, strict=True))
            lines.append((scenario["label"], entry["label"], named))
    columns = ("scenario", "criterion", "chosen settings")
    return render_table(Table(title="Settings", caption="", columns=columns, rows=tuple(lines)), "####")


def _mean(values: list[float], form: str, *, spread: bool = True) -> str:
    if not values:
        return "-"
    deviation = f" ± {form.format(stdev(values))}" if spread and len(values) > 1 else ""
    return form.format(fmean(values)) + deviation


def _rows(result: dict[str, Any], scenario: str) -> list[Row]:
    """Return the finished rows of a scenario."""
    return [row for row in result["rows"] if row["scenario"] == scenario and "failed" not in row]


def _complete(result: dict[str, Any], scenario: str) -> dict[str, list[Row]]:
    """Return the rows, in the order of seeds, of each criterion that pairs and has all seeds."""
    kinds = {entry["label"]: entry["kind"] for entry in result["study"]["criteria"]}
    seeds = result["study"]["seeds"]
    found = {}
    for label in (label for label, kind in kinds.items() if kind != "fixed-order"):
        by_seed = {row["seed"]: row for row in _rows(result, scenario) if row["criterion"] == label}
        if all(seed in by_seed for seed in seeds):
            found[label] = [by_seed[seed] for seed in seeds]
    return found
