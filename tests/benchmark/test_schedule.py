"""Rows that another command computes are waited for; what nobody computes any more is computed here."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hnetzoo.benchmark.jobs import Options
from hnetzoo.benchmark.plan import Job
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.benchmark.schedule import run_jobs
from hnetzoo.benchmark.suite import Entry, ModelEntry
from hnetzoo.engines.choice import Engine
from hnetzoo.engines.claims import Claims
from hnetzoo.engines.presence import Presence
from hnetzoo.errors import ConfigError

NEAR = ModelEntry(name="near")
OTHER = ModelEntry(name="near", label="other", settings={"gate": 0.6})
JobsOf = Callable[..., list[Job]]


@contextmanager
def elsewhere(cache: Path, key: str, seconds: float, last: Callable[[], object]) -> Iterator[None]:
    """Claim a row for some time as another command would, and do something before the claim ends."""
    claimed, ended = threading.Event(), threading.Event()

    def compute() -> None:
        with Claims.beside(cache).claim(key) as other:
            assert other == ""
            claimed.set()
            ended.wait(seconds)
            last()

    thread = threading.Thread(target=compute)
    thread.start()
    claimed.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def jobs(jobs_of: JobsOf) -> list[Job]:
    return jobs_of(NEAR, OTHER, dataset=Entry(name="drift"))


@pytest.fixture
def stored(jobs: list[Job], tmp_path: Path) -> tuple[str, bytes]:
    """Return the key of the first job's row, and the content of its file with another F1."""
    first, _ = run_jobs(jobs, Options(cache=tmp_path / "before" / "rows"))
    text = (tmp_path / "before" / "rows" / f"{first.key}.json").read_text()
    lines = [line for line in text.splitlines() if '"digest"' not in line]
    content = "\n".join('  "f1": 0.125,' if line.startswith('  "f1"') else line for line in lines)
    return first.key, content.replace(",\n}", "\n}").encode()


def test_a_row_that_another_command_computes_is_waited_for_last_and_read(
    jobs: list[Job], stored: tuple[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, content = stored
    cache = tmp_path / "shared" / "rows"
    cache.mkdir(parents=True)
    with elsewhere(cache, key, 0.7, lambda: (cache / f"{key}.json").write_bytes(content)):
        other, waited = run_jobs(jobs, Options(cache=cache))
    assert (other.job.index, waited.job.index) == (1, 0)
    assert (waited.cached, other.cached) == (True, False)
    assert isinstance(waited.result, BenchmarkRow)
    assert waited.result.f1 == 0.125, "it was not computed here"
    assert f"waiting for {Presence.here()}, which computes 'near on drift, seed 0'" in caplog.text


@pytest.mark.parametrize("fresh", [False, True])
def test_a_row_that_another_command_gave_up_is_computed_here(
    jobs: list[Job], stored: tuple[str, bytes], tmp_path: Path, fresh: bool
) -> None:
    key, content = stored
    cache = tmp_path / "shared" / "rows"
    cache.mkdir(parents=True)
    if fresh:  # an old row is no answer to a command that wants a new one
        (cache / f"{key}.json").write_bytes(content)
    with elsewhere(cache, key, 0.3, lambda: None):
        outcomes = list(run_jobs(jobs, Options(cache=cache, fresh=fresh)))
    assert [outcome.job.index for outcome in outcomes] == [1, 0]
    assert all(isinstance(outcome.result, BenchmarkRow) and not outcome.cached for outcome in outcomes)
    assert outcomes[1].result.f1 != 0.125  # type: ignore[union-attr]


def test_an_engine_of_other_machines_needs_a_folder(jobs: list[Job]) -> None:
    with pytest.raises(ConfigError, match="needs a folder that all of them share; give --runs"):
        list(run_jobs(jobs, replace(Options(), engine=Engine(kind="local"))))
