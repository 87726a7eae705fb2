"""The comparison of runs and benchmark documents, independent of how it is shown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hnetzoo.benchmark.significance import CONFIDENCE
from hnetzoo.report.pairing import Pair, paired_sources
from hnetzoo.report.sources import Source
from hnetzoo.report.unpaired import Unpaired

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Sources side by side, and what is known of the differences between the first and each other one."""

    sources: tuple[Source, ...]
    pairs: tuple[Pair, ...] = ()
    unpaired: tuple[Unpaired, ...] = ()

    @property
    def conclusions(self) -> tuple[str, ...]:
        """A sentence about each pair, and about each two sources of which not all is paired."""
        return (*map(str, self.pairs), *map(str, self.unpaired))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document, without what became of each problem."""
        return {
            "schema": SCHEMA,
            "sources": [_source(source) for source in self.sources],
            "confidence": CONFIDENCE,
            "pairs": [{**asdict(pair), "clear": pair.difference.clear, "sentence": str(pair)} for pair in self.pairs],
            "unpaired": [{**asdict(entry), "sentence": str(entry)} for entry in self.unpaired],
        }


def compare(sources: Sequence[Source]) -> Comparison:
    """Return the comparison of the first of several sources with each other one.

    Raises:
        DataError: If what became of the problems of a source cannot be read.
    """
    first, *others = sources
    found = [entry for other in others for entry in dict.fromkeys(paired_sources(first, other))]
    return Comparison(
        sources=tuple(sources),
        pairs=tuple(entry for entry in found if isinstance(entry, Pair)),
        unpaired=tuple(entry for entry in found if isinstance(entry, Unpaired)),
    )


def _source(source: Source) -> dict[str, Any]:
    """Return a source as a document: a run's record and epochs, and the report of either kind."""
    return {
        "label": source.label,
        "path": str(source.path),
        "kind": "run" if source.run else "benchmark",
        "run": asdict(source.run) if source.run else None,
        "epochs": [asdict(epoch) for epoch in source.epochs],
        "report": source.report.to_json(),
    }
