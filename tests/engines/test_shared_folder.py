"""Small runs of tests/campaign/shared_folder.py: cells that are computed once, whoever is killed."""

import importlib.util
from pathlib import Path

import pytest

from tests.campaign.shared_folder import (
    Scene,
    Size,
    by_commands,
    by_engine,
    comparable,
    dask_cluster,
    verdict,
)
from tests.cli.conftest import run  # noqa: F401
from tests.cli.outcome import Run

DASK = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="dask.distributed is not installed")
SUBMITIT = pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="submitit is not installed")


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return a suite with its plugin, which this process and those that it starts can import."""
    made = Scene(tmp_path, getattr(request, "param", Size()))
    monkeypatch.syspath_prepend(str(made.site))
    monkeypatch.setenv("PYTHONPATH", made.environment["PYTHONPATH"])
    return made


def alone(scene: Scene, run: Run) -> dict[str, object]:  # noqa: F811
    """Return the document of one process."""
    outcome = run(*scene.arguments(runs=scene.folder / "alone"))
    assert outcome.code == 0, outcome.err
    scene.calls.unlink()
    return comparable(scene.folder / "b.json")


@pytest.mark.parametrize("scene", [Size(models=3, datasets=2, seeds=2, seconds=0.05)], indirect=True)
def test_commands_that_share_a_folder_compute_each_cell_once_though_one_is_killed(scene: Scene, run: Run) -> None:  # noqa: F811
    expected = alone(scene, run)
    found = verdict(scene, by_commands(scene, fresh=False), expected)
    assert (found["cells"], found["lost"], found["equal"]) == (12, 0, True)
    assert found["twice"] <= 1
    assert found["most"] <= 2


@DASK
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("scene", [Size(models=2, datasets=1, seeds=2, seconds=0.1)], indirect=True)
def test_a_dask_worker_that_is_killed_costs_no_cell(scene: Scene, run: Run) -> None:  # noqa: F811
    expected = alone(scene, run)
    with dask_cluster(scene.site) as address:
        by_engine(scene, f"dask:{address}", lambda arguments: run(*arguments))
    found = verdict(scene, [comparable(scene.folder / "b.json")], expected)
    assert (found["lost"], found["equal"]) == (0, True)
    assert found["twice"] <= 1


@SUBMITIT
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("scene", [Size(models=1, datasets=1, seeds=1, seconds=0.5)], indirect=True)
def test_a_submitted_job_that_is_killed_is_named_and_taken_over(scene: Scene, run: Run) -> None:  # noqa: F811
    expected = alone(scene, run)
    told: list[str] = []
    by_engine(scene, "slurm:local", lambda arguments: told.append(run(*arguments).err))
    assert "a worker of 'gate 1 on doa 0, seed 0' died; another one takes over" in told[0]
    found = verdict(scene, [comparable(scene.folder / "b.json")], expected)
    assert (found["lost"], found["twice"], found["most"], found["equal"]) == (0, 1, 2, True)
