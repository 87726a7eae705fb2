"""The tables of advice, independent of how they are shown."""

from typing import TYPE_CHECKING

from hnetzoo.report.tables import Table

if TYPE_CHECKING:
    from hnetzoo.benchmark.advice import Advice


def advice_tables(advice: "Advice") -> list[Table]:
    """Return what the problems look like, and how every candidate did."""
    candidates = tuple(
        (line.label, line.settings, f"{line.validation_f1:.4f}", f"{line.scores.f1:.4f}", f"{line.scores.exact:.4f}")
        for line in advice.lines
    )
    skipped = " ".join(f"Skipped {label}: {reason}." for label, reason in advice.skipped)
    chosen = "Settings and epochs are chosen on training and validation problems, and test problems decide."
    return [
        Table(title="Your problems", caption="", columns=("what", "value"), rows=tuple(_facts(advice))),
        Table(
            title="On your problems",
            caption=" ".join(filter(None, (chosen, skipped))),
            columns=("model", "chosen", "validation F1", "test F1", "exact"),
            rows=candidates,
        ),
    ]


def _facts(advice: "Advice") -> list[tuple[str, str]]:
    seen = advice.facts
    greedy = next((line.scores.exact for line in advice.lines if line.name == "greedy"), None)
    least, median, largest = seen.distances
    return [
        ("test problems", f"{seen.problems:,}"),
        ("size", f"{seen.slots[0]} x {seen.slots[1]}, {seen.masked:.1%} of the slots masked"),
        (
            "distances",
            f"{least:.3g} to {largest:.3g}, median {median:.3g}, {seen.forbidden:.1%} of the pairs forbidden",
        ),
        ("ties for the nearest", f"in {seen.ties:.1%} of the problems"),
        ("true pairs", f"{seen.pairs:.2f} per problem; {seen.unmatched:.1%} of the slots stay unmatched"),
        ("the exact assignment is the truth", f"in {seen.optimal:.1%} of the problems"),
        *([("greedy is right", f"in {greedy:.1%} of the problems")] if greedy is not None else []),
    ]
