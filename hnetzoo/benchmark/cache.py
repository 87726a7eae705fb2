"""Finished rows on disk: one file per row, named by a digest of everything that the row depends on."""

import logging
from dataclasses import asdict
from pathlib import Path

from hnetzoo.benchmark.results import BenchmarkRow, read_row
from hnetzoo.errors import CheckpointError
from hnetzoo.files import read_record, write_record

_LOG = logging.getLogger(__name__)


class RowCache:
    """A folder of rows; files are written atomically."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> BenchmarkRow | None:
        """Return the row of a key; None if there is none, with a warning if its file is damaged."""
        path = self.path(key)
        if not path.exists():
            return None
        try:
            return read_row(read_record(path))
        except (CheckpointError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            _LOG.warning("ignoring the damaged row '%s' (%s); it is computed anew", path, reason)
            return None

    def write(self, key: str, row: BenchmarkRow) -> None:
        """Keep a row."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_record(self.path(key), asdict(row))

    def path(self, key: str) -> Path:
        """Return the file of a row."""
        return self.folder / f"{key}.json"
