"""Fixtures of several plugin tests."""

from pathlib import Path

import pytest

from tests.plugins.mot import Lines, WriteSequence


@pytest.fixture
def write_sequence(tmp_path: Path) -> WriteSequence:
    """Return a function that writes a MOTChallenge sequence folder, from lines of ground truth and of predictions."""

    def write(truth: Lines, found: Lines, name: str = "street") -> Path:
        for part, lines in (("gt", truth), ("det", found)):
            text = lines if isinstance(lines, str) else "".join(f"{','.join(map(str, line))}\n" for line in lines)
            path = tmp_path / name / part / f"{part}.txt"
            path.parent.mkdir(parents=True)
            path.write_bytes(text.encode())
        return tmp_path / name

    return write
