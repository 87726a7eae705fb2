"""Render stored results into the tables of README.md, benchmarks/README.md, SECURITY.md and docs/.

A table is between `<!-- table RESULT [PART] -->` and `<!-- end -->`; RESULT is a file of benchmarks/results. PART is a
dataset, to show only its ranking, or `METRIC of PATTERN`: that metric of all models on the datasets whose names match,
or `METRIC of PATTERN for MODEL; ...` of some; for localizer.json it is a number of sources, for localizer-study.json
"verdict", "comparisons" or "settings". RESULT may also be
`matrix` (all models by tasks of several results), `protocol` with its name, `checks` with a kind of declaration, and
`readme` with a heading of README.md, whose table is repeated. Results of uncommitted code and submissions that break a
rule are refused.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

import typer

from benchmarks.ceiling import ceiling_table
from benchmarks.localizer.tables import sources_label, study_report
from benchmarks.matrix import SUITES, matrix
from benchmarks.scale_tables import SCALE, scale_table
from benchmarks.submissions.acceptance import refusals
from benchmarks.submissions.beside import with_submissions
from benchmarks.tracking.tables import tracking_tables
from benchmarks.video_leads import leads_table
from docs.interfaces import checks, protocol, readme
from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.report.markdown import render_markdown, render_table
from hnetzoo.report.tables import Table, overview_table, report_tables
from hnetzoo.testing import CHECKS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "benchmarks/README.md", "SECURITY.md")),
    *(ROOT / "docs" / name for name in ("leaderboard.md", "parallel.md", "scale.md", "guides/which-model.md")),
    *sorted((ROOT / "docs" / "leaderboard").glob("*.md")),
    *(ROOT / "docs" / "authors" / f"{kind}.md" for kind in CHECKS),
)
LOCALIZER = {  # key of a row and format of each column
    "LE [degrees]": ("error_deg", "{:.1f}"),
    "LR": ("recall", "{:.3f}"),
    "LP": ("precision", "{:.3f}"),
    "LF": ("f1", "{:.3f}"),
    "MOTA": ("mota", "{:.3f}"),
    "IDSW": ("switches", "{:.2f}"),
    "IDSW of matches": ("match_switches", "{:.2f}"),
    "GOSPA [degrees]": ("gospa_deg", "{:.1f}"),
    "seconds": ("seconds", "{:.0f}"),
}
INTERFACES = {"protocol": protocol, "checks": checks, "readme": readme}
_MARKED = re.compile(r"(<!-- table (\S+)(?: ([^>]+?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(text: str) -> str:
    """Return a document with every marked table rendered from its result."""
    return _MARKED.sub(lambda match: f"{match[1]}\n{_table(match[2], match[3])}\n{match[4]}", text)


def _table(name: str, part: str | None) -> str:
    path = RESULTS / name
    if name == "matrix":
        return matrix({suite: _report(f"{suite}.json") for suite in SUITES})
    if name in INTERFACES:
        return INTERFACES[name](str(part))
    if name == "speed-out-of-core.json":
        return _memory(json.loads(path.read_text()))
    if name == "speed-recipe.json":
        return _recipes(json.loads(path.read_text()))
    if name.startswith("speed-"):
        return _speed(json.loads(path.read_text()))
    if name == "ceiling.json":
        return ceiling_table(json.loads(path.read_text()))
    if name.startswith("curve-"):
        return _curve(json.loads(path.read_text()))
    if name == "localizer-study.json":
        return study_report(json.loads(path.read_text()), part)
    if name.startswith("localizer"):
        return _localizer(json.loads(path.read_text()), part)
    if name.startswith("campaign"):
        return _campaign(json.loads(path.read_text()))
    if name in SCALE:
        return scale_table(name, part or "", json.loads(path.read_text()))
    if name.startswith("box-"):
        return _statistics(json.loads(path.read_text()))
    if name == "video-leads.json":
        return leads_table(json.loads(path.read_text()))
    if name.startswith("tracking"):
        return tracking_tables(json.loads(path.read_text()))
    report = _report(name)
    if part is None:
        return render_markdown(report)
    metric, of, pattern = part.partition(" of ")
    if of:
        return render_table(_overview(report, metric, pattern), "####")
    return next(render_table(table, "####") for table in report_tables(report) if table.title == part)


@cache
def _report(name: str) -> BenchmarkReport:
    path = RESULTS / name
    return with_submissions(BenchmarkReport.read(path), path.stem, RESULTS.parent)


def _overview(report: BenchmarkReport, metric: str, pattern: str) -> Table:
    """Return one metric by task; behind " for ", the pattern of tasks names the models that are shown."""
    tasks, _, models = pattern.partition(" for ")
    table, shown = overview_table(report, metric, tasks), models.split("; ")
    return replace(table, rows=tuple(row for row in table.rows if not models or row[0] in shown))


def _speed(result: dict[str, Any]) -> str:
    """Return the table of a result of benchmarks/speed/: seconds of each way, and their ratio to the last way.

    There is a row per case or, for a single case, a row per way.
    """
    cases = result["cases"]
    if len(cases) == 1:
        (ways,) = cases.values()
        columns: tuple[str, ...] = ("way", "median seconds", "lowest", "highest", "times the last")
        rows = [
            (name, *(f"{way[key]:.2f}" for key in ("median", "lowest", "highest")), f"{_ratio(ways, name):.2f}")
            for name, way in ways.items()
        ]
    else:
        first, last = next(iter(cases.values()))
        columns = ("case", f"{first} [s]", f"{last} [s]", "ratio")
        rows = [
            (case, *(f"{ways[name]['median']:.4f}" for name in (first, last)), f"{_ratio(ways, first):.2f}")
            for case, ways in cases.items()
        ]
    return render_table(Table(title=result["title"], caption=result["what"], columns=columns, rows=tuple(rows)), "###")


def _memory(result: dict[str, Any]) -> str:
    """Return the table of out_of_core.py: peaks of memory, seconds of commands, and problems per second."""
    rows = []
    for case, ways in result["cases"].items():
        for way, found in ways.items():
            memory = (f"{found[key] / 1e9:.2f}" if key in found else "" for key in ("anonymous", "files", "resident"))
            seconds = f"{found['seconds']:.0f}" if "seconds" in found else ""
            rate = f"{found['problems_per_second']:,.0f}" if "problems_per_second" in found else ""
            rows.append((case, way, *memory, seconds, rate))
    columns = ("case", "what", "anonymous [GB]", "of files [GB]", "resident [GB]", "seconds", "problems per second")
    threads = result["environment"]["threads"]
    caption = f"{result['what']} {threads} thread{'s' * (threads > 1)}."
    return render_table(Table(title=result["title"], caption=caption, columns=columns, rows=tuple(rows)), "###")


def _recipes(result: dict[str, Any]) -> str:
    """Return the table of recipe.py: what each training took, and what it reached."""
    rows = tuple(
        (row["recipe"], str(row["seed"]), str(row["epochs"]), f"{row['seconds']:.0f}",
         *(f"{row[key]:.4f}" for key in ("validation_f1", "test_f1")))
        for row in sorted(result["rows"], key=lambda row: row["recipe"])
    )  # fmt: skip
    columns = ("recipe", "seed", "epochs", "seconds", "F1 in validation", "F1 in the test")
    caption = f"doa-reference, {result['environment']['threads']} threads."
    return render_table(Table(title="Training exchangeable", caption=caption, columns=columns, rows=rows), "###")


def _ratio(ways: dict[str, dict[str, float]], name: str) -> float:
    """Return the median time of a way over that of the last way."""
    *_, last = ways.values()
    return ways[name]["median"] / last["median"]


def _curve(result: dict[str, Any]) -> str:
    """Return the table of curve.py: share solved, cost gap and time at each size, by model and iterations."""
    sizes = list(result["problems"])
    lines: dict[tuple[str, str], list[str]] = {}
    for point in result["points"]:
        cells = lines.setdefault((point["way"], str(point["iterations"])), [])
        cells += [f"{point['solved']:.3f}", f"{point['cost_gap']:.3%}", f"{point['milliseconds']:.2f}"]
    columns = [f"{size}: {what}" for size in sizes for what in ("solved", "cost gap", "ms")]
    counts = ", ".join(f"{count:,} problems of {size} x {size}" for size, count in result["problems"].items())
    rows = tuple((*key, *cells) for key, cells in lines.items())
    return render_table(
        Table(title="By iterations", caption=f"{counts}.", columns=("model", "iterations", *columns), rows=rows), "####"
    )


def _campaign(result: dict[str, Any]) -> str:
    """Return the tables of the campaign: what was tried, and how often each rule was broken."""
    tried = tuple(
        (name, *(f"{found[key]:,}" for key in ("cases", "commands", "peak_mib")), f"{found['slowest_s']:.0f}")
        for name, found in result["families"].items()
    )
    known = result["environment"]
    part = f"{result['share']:.0%} of the cases, seed {result['seed']}"
    caption = f"{part}, {result['minutes']:.0f} minutes on {known['cores']} cores, commit {known['commit']}."
    columns = ("family", "cases", "commands", "largest [MiB]", "slowest [s]")
    broken = tuple((rule, str(count)) for rule, count in result["broken"].items())
    tables = (
        Table(title="What was tried", caption=caption, columns=columns, rows=tried),
        Table(title="What was found", caption="All families together.", columns=("rule", "times broken"), rows=broken),
    )
    return "\n".join(render_table(table) for table in tables)


def _statistics(result: dict[str, Any]) -> str:
    """Return the table of box_statistics.py: quantiles or a rate, by source."""
    sources, shares = result["rows"], " / ".join(f"{share:.0%}" for share in result["quantiles"])
    names = next(iter(sources.values()))
    rows = tuple(
        (name, *(" / ".join(f"{value:.3f}" for value in found[name]) for found in sources.values())) for name in names
    )
    caption = f"Quantiles {shares} over pairs, or one rate."
    return render_table(
        Table(title="Synthetic and real boxes", caption=caption, columns=("statistic", *sources), rows=rows), "####"
    )


def _localizer(result: dict[str, Any], part: str | None) -> str:
    """Return the tables of the localizer study: one per number of sources, with means over seeds."""
    study = result["study"]
    scenes, seeds = study["scenes"], ", ".join(map(str, study["seeds"]))
    caption = f"{scenes['test']} test scenes and {scenes['train']} training scenes for each seed ({seeds})."
    counts = study.get("sources") or [scenario["sources"] for scenario in study["scenarios"]]
    tables = []
    for sources in (int(part),) if part else counts:
        rows = [row for row in result["rows"] if row["sources"] == sources]
        lines = tuple(_criterion(entry["label"], rows) for entry in study["criteria"])
        tables.append(
            render_table(
                Table(title=sources_label(sources), caption=caption, columns=("criterion", *LOCALIZER), rows=lines),
                "####",
            )
        )
    return "\n".join(tables)


def _criterion(label: str, rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the means of a criterion, with the standard deviation if several seeds are finished."""
    mine = [row for row in rows if row["criterion"] == label]
    cells = []
    for key, form in LOCALIZER.values():
        values = [row[key] for row in mine if row.get(key) is not None]
        spread = f" ± {form.format(stdev(values))}" if len(values) > 1 and key != "seconds" else ""
        cells.append(f"{form.format(fmean(values))}{spread}" if values else "-")
    return label, *cells


def unpublishable() -> Iterator[str]:
    """Yield the stored results that cannot be reproduced, since their code was not committed."""
    for path in sorted(RESULTS.glob("*.json")):
        environment = json.loads(path.read_text())["environment"]
        origins = {name: plugin["origin"] for name, plugin in environment.get("plugins", {}).items()}
        origins |= {", ".join(entry["models"]): entry["commit"] for entry in environment.get("redone", ())}
        for name, source in {"hnetzoo": environment.get("commit"), **origins}.items():
            if source is None or source.endswith("-dirty"):
                yield f"{path.name}: {name} is of {source or 'no commit'}"


def main(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if a table is out of date.")] = False,
) -> None:
    """Rewrite the tables of all documents from the stored results."""
    refused = [f"{line}; commit first, and run it again from a clean tree" for line in unpublishable()]
    refused += refusals(RESULTS.parent)
    for line in refused:
        typer.echo(line, err=True)
    stale = [path for path in DOCUMENTS if rendered(path.read_text()) != path.read_text()]
    for path in stale if not refused else ():
        typer.echo(f"{path.relative_to(ROOT)} {'is out of date' if check else 'is rendered'}")
        if not check:
            path.write_text(rendered(path.read_text()))
    if refused or (check and stale):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
