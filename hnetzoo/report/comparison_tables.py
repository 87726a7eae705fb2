"""The tables of a comparison, independent of the output format."""

from collections.abc import Sequence
from math import ceil

from hnetzoo.benchmark.significance import CONFIDENCE
from hnetzoo.report.comparison import Comparison
from hnetzoo.report.differing import origin_table, problems_table, settings_table
from hnetzoo.report.pairing import Pair
from hnetzoo.report.shared_tasks import shared_tasks
from hnetzoo.report.side_by_side import results_table
from hnetzoo.report.sources import Source
from hnetzoo.report.tables import ABSENT, Table


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Return the tables of a comparison: what differs, curves of runs, results by task, and paired differences."""
    sources = comparison.sources
    runs = [source for source in sources if source.run]
    trained = [source for source in runs if source.epochs]
    return [
        *([settings_table(runs)] if len(runs) > 1 else []),
        origin_table(sources),
        problems_table(sources),
        *([_curves(trained)] if trained else []),
        *(results_table(name, parts) for name, parts in shared_tasks(sources).items()),
        *(_differences(task, comparison.pairs) for task in dict.fromkeys(pair.task for pair in comparison.pairs)),
    ]


def _curves(runs: Sequence[Source]) -> Table:
    """Return the trainings in numbers, a column for each run."""
    columns = [_curve(source) for source in runs]
    names = dict.fromkeys(name for column in columns for name in column)
    return Table(
        title="Training",
        caption="F1 on the validation split, after shares of the epochs done; losses of the last epoch, per problem.",
        columns=("run", *(source.label for source in runs)),
        rows=tuple((name, *(column.get(name, ABSENT) for column in columns)) for name in names),
    )


def _curve(source: Source) -> dict[str, str]:
    assert source.run is not None, "only runs have epochs"
    done, planned, last = len(source.epochs), source.run.epochs, source.epochs[-1]
    kept = source.epochs[last.best_epoch - 1] if 0 < last.best_epoch <= done else last
    shares = {"a quarter": ceil(done / 4), "half": ceil(done / 2), "all": done}
    epochs = str(done) if done == planned else f"{done} of {planned}{', stopped early' if source.run.stopped else ''}"
    return {
        "model": source.run.model,
        "dataset": source.run.dataset,
        "epochs": epochs,
        "best epoch": str(last.best_epoch),
        "best F1": f"{last.best_f1:.4f}",
        **{f"F1 after {name}": f"{source.epochs[end - 1].validation['f1']:.4f}" for name, end in shares.items()},
        **{f"{name}, best epoch": f"{value:.4g}" for name, value in kept.own_metrics.items()},
        **{f"final loss, {name}": f"{value:.4g}" for name, value in last.losses.items()},
    }


def _differences(task: str, pairs: Sequence[Pair]) -> Table:
    """Return the paired differences in F1 on a task, with their intervals."""
    return Table(
        title=f"{task}, paired differences in F1",
        caption=(
            f"F1 of one minus that of the other, with its {CONFIDENCE:.0%} interval (paired bootstrap). It holds for "
            "these weights: other seeds of training vary more, and few sequences say little about others."
        ),
        columns=("model", "difference", "from", "to", "problems", "seeds"),
        rows=tuple(_difference(pair) for pair in pairs if pair.task == task),
    )


def _difference(pair: Pair) -> tuple[str, ...]:
    found = pair.difference
    numbers = (f"{number:+.4f}" for number in (found.value, found.low, found.high))
    seeds = ", ".join(map(str, pair.seeds))
    return (f"{pair.second} against {pair.first}", *numbers, f"{found.problems:,}", seeds)
