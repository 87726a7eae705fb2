"""Command `publish` puts weights and a complete card into a plugin package, or nothing."""

import importlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hatchling.builders.wheel import WheelBuilder

import hnetzoo
from hnetzoo import testing
from hnetzoo.cli.app import app
from hnetzoo.registry.discovery import forget
from hnetzoo.registry.scaffold import render_package, write_package
from hnetzoo.training.runs import read_run, write_run
from tests.cli.outcome import Run, fails

NAME, PACKAGE = "acme-published", "acme_published"
TWIN = """

_of_template = hnetzoo_models


@hnetzoo.hookimpl
def hnetzoo_models():
    import dataclasses

    (spec,) = _of_template()
    twin = dataclasses.replace(spec, name="acme-twin", pretrained=())
    old = hnetzoo.Pretrained(variant="bad", weights="acme:w", card="acme:w", retired="use acme-twin")
    return [spec, twin, dataclasses.replace(spec, name="acme-moved", pretrained=(old,))]
"""
DISTANCE = torch.rand(5, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package as `hnetzoo new` writes it, with one more model, installed as by an editable installation."""
    folder = tmp_path_factory.mktemp("projects") / NAME
    write_package(folder, render_package(NAME, "model", "dataset", "trainer"))
    with (folder / PACKAGE / "plugin.py").open("a") as plugin:
        plugin.write(TWIN)
    info = folder / f"{PACKAGE}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[hnetzoo]\n{NAME} = {PACKAGE}.plugin\n")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    yield folder
    sys.path.remove(str(folder))
    for module in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[module]
    forget()


@pytest.fixture(scope="module")
def trained(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of its model."""
    path = tmp_path_factory.mktemp("runs") / "r"
    settings = ("dataset.samples=300", "trainer.batch_size=50", "trainer.learning_rate=0.1")
    options = [word for setting in settings for word in ("--set", setting)]
    app(["train", NAME, *options, "--epochs", "5", "--seed", "3", "--out", str(path), "--json"], standalone_mode=False)
    return path


def weights(project: Path) -> list[str]:
    """Return the files of weights and cards in a project."""
    return sorted(path.name for path in (project / PACKAGE / "weights").rglob("*") if path.suffix != ".md")


def test_a_published_model_has_a_complete_card_is_declared_and_loads(run: Run, project: Path, trained: Path) -> None:
    told = ("--note", "Of tiny data.", "--licence", "MIT")
    outcome = run("publish", trained, "--package", project, *told, "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert (document["model"], document["variant"], document["installed"], document["declared"]) == (
        NAME, "default", True, True,
    )  # fmt: skip
    card = hnetzoo.Card.model_validate_json(Path(document["card"]).read_text())
    assert card.missing == ()
    assert (card.licence, card.notes, card.seed, card.limits) == ("MIT", ("Of tiny data.",), 3, ())
    assert {row["dataset"] for row in card.test} == {NAME, f"{NAME}, as trained"}
    assert {row["seed"] for row in card.test} == {0, 1, 2}
    for row in card.test:
        low, high = row["f1_interval"]
        assert 0 <= low <= row["f1"] <= high <= 1
        assert low < high
        assert len(card.tasks[row["dataset"]]["sha256"][str(row["seed"])]) == 64
    assert torch.equal(hnetzoo.load_model(NAME)(DISTANCE), hnetzoo.load_model(f"run:{trained}")(DISTANCE))
    spec = hnetzoo.discover().model(NAME)
    testing.check_pretrained(spec)
    testing.check_card(spec)
    shown = run("show", f"{NAME}@default").out
    for part in ("licence   MIT", "note      Of tiny data.", f"trained   hnetzoo train {NAME} ", "seed 0: F1 "):
        assert part in shown


def test_the_command_of_a_card_makes_the_same_weights(run: Run, project: Path, trained: Path) -> None:
    assert run("publish", trained, "--package", project, "--variant", "again", "--json").code == 0
    card = json.loads((project / PACKAGE / "weights" / NAME / "again.json").read_text())
    assert "--set dataset.samples=300" in card["command"]
    program, *command = shlex.split(card["command"])
    assert program == "hnetzoo"
    assert run(*command, "--out", "r", "--json").code == 0
    assert read_run(Path("r")).weights == card["sha256"]


def test_an_existing_variant_is_replaced_by_force_alone(run: Run, project: Path, trained: Path) -> None:
    command = ("publish", trained, "--package", project / PACKAGE, "--variant", "2")
    said = run(*command, "--note", "First.")
    assert said.code == 0, said.err
    assert f"hnetzoo.load_model('{NAME}@2')" in said.out
    assert said.err.count("tested on ") == 6
    card = project / PACKAGE / "weights" / NAME / "2.json"
    assert json.loads(card.read_text())["notes"] == ["First."]
    before = card.read_bytes()
    fails(run(*command), 2, f"variant '2' of '{NAME}' exists in ", "or replace it with --force")
    assert card.read_bytes() == before
    assert run(*command, "--force", "--quiet").err == ""
    assert json.loads(card.read_text())["notes"] == []
    assert not [name for name in weights(project) if name.startswith(".")]


def test_a_model_that_declares_no_folder_is_told_the_line_to_add(run: Run, project: Path, trained: Path) -> None:
    (settings := Path("c.toml")).write_text("[dataset]\nsamples = 300\n")
    told = ("--name", "acme-twin", "--dataset", NAME, "--config", settings)
    outcome = run("publish", trained, "--package", project, *told)
    assert outcome.code == 0, outcome.err
    assert f'add pretrained=hnetzoo.pretrained_in("{PACKAGE}", "acme-twin") to its ModelSpec' in outcome.err
    card = json.loads((project / PACKAGE / "weights" / "acme-twin" / "default.json").read_text())
    assert card["command"].startswith(f"hnetzoo train {NAME} --dataset {NAME} --config c.toml --set trainer.")
    assert "dataset.samples" not in card["command"], "the file has it"


def test_another_copy_of_an_installed_package_is_named(run: Run, project: Path, trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    outcome = run("publish", trained, "--package", copy, "--variant", "copied")
    assert outcome.code == 0, outcome.err
    assert f"install this one: pip install --editable '{copy}'" in outcome.err
    assert "copied.json" not in weights(project)


def test_what_is_no_finished_run_is_refused(run: Run, project: Path, trained: Path, tmp_path: Path) -> None:
    before = weights(project)

    def copy(name: str, **changes: object) -> Path:
        path = shutil.copytree(trained, tmp_path / name)
        write_run(path, replace(read_run(path), **changes))  # type: ignore[arg-type]
        return path

    def refused(path: Path, code: int, *parts: str) -> None:
        fails(run("publish", path, "--package", project, "--variant", "bad"), code, *parts)

    refused(tmp_path / "none", 4, "is not a run directory (no run.json in it)")
    refused(copy("unfinished", weights=""), 4, "has not ended; give its command again with --resume")
    refused(copy("imported", trainer=""), 4, "was imported and not trained here")
    refused(copy("old", scope={}), 4, "is of an earlier version and has no scope")
    refused(copy("foreign", model="acme-gone"), 2, "unknown model 'acme-gone'")
    damaged = copy("damaged") / "best.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x7f")
    refused(damaged.parent, 4, "they are damaged: restore or train them")
    (edited := copy("edited") / "run.json").write_text(edited.read_text().replace('"seed": 3', '"seed": 4'))
    refused(edited.parent, 4, "does not match its digest")
    (lost := copy("lost") / "metrics.jsonl").unlink()
    refused(lost.parent, 4, "cannot read", "metrics.jsonl")
    assert weights(project) == before


def test_a_folder_that_is_no_package_of_the_model_is_refused(
    run: Run, project: Path, trained: Path, tmp_path: Path
) -> None:
    def refused(folder: Path, *parts: str) -> None:
        fails(run("publish", trained, "--package", folder, "--variant", "new"), 2, *parts)

    refused(tmp_path / "none", "is not a folder; give the folder of a plugin package")
    refused(tmp_path, "is not a plugin package (no pyproject.toml in it)")
    project_file = tmp_path / "pyproject.toml"
    project_file.write_text('[project]\nname = "acme"\n')
    refused(tmp_path, "declares no plugin; add [project.entry-points.hnetzoo]")
    project_file.write_text('[project.entry-points.hnetzoo]\nacme = "acme_other.plugin"\n')
    refused(tmp_path, f"model '{NAME}' belongs to package {PACKAGE} (of {NAME})", "holds acme_other", "with --name")
    project_file.write_text(f'[project.entry-points.hnetzoo]\nacme = "{PACKAGE}.plugin"\n')
    refused(tmp_path, f"has no folder {PACKAGE} with an __init__.py in it")
    (package := tmp_path / "src" / PACKAGE).mkdir(parents=True)
    (package / "__init__.py").write_text("")
    refused(tmp_path, "the project states no licence; state that of the weights, as in --licence Apache-2.0")
    project_file.write_text(project_file.read_text() + '[project]\nlicense = "MIT"\n')
    (package / "weights").write_text("a file, and no folder")
    refused(tmp_path, "cannot write into", "is read-only or a file")
    assert sorted(path.name for path in package.iterdir()) == ["__init__.py", "weights"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--name", "acme-moved"), "variant 'bad' of 'acme-moved' is retired; choose another --variant"),
        (("--variant", "a/b"), "variant 'a/b' is not accepted"),
        (("--variant", "a@b"), "variant 'a@b' is not accepted"),
        (("--name", "hnetgru"), "and model 'hnetgru' is hnetzoo_hnetgru.model:HNetGRU; publish them under a model of"),
        (("--name", "acme-nett"), "unknown model 'acme-nett'"),
        (("--most-slots", "2"), "--most-slots 2 leaves no scope: the problems of the training have 3 and more"),
        (("--config", "none.toml"), "cannot read settings file 'none.toml'"),
        (("--dataset", "dao"), "unknown dataset 'dao'; did you mean 'doa'?"),
    ],
)
def test_wrong_options_are_refused(
    run: Run, project: Path, trained: Path, options: tuple[str, str], message: str
) -> None:
    before = weights(project)
    fails(run("publish", trained, "--package", project, "--variant", "bad", *options), 2, message)
    assert weights(project) == before


def test_a_wheel_holds_the_weights_and_loads_in_another_process(
    run: Run, project: Path, trained: Path, tmp_path: Path
) -> None:
    assert run("publish", trained, "--package", project, "--variant", "w", "--json").code == 0
    (wheel,) = WheelBuilder(str(project)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        inside = f"{PACKAGE}/weights/{NAME}/w"
        assert {f"{inside}.json", f"{inside}.safetensors", f"{PACKAGE}-0.1.0.dist-info/licenses/LICENSE"} <= set(
            archive.namelist()
        )
        archive.extractall(tmp_path / "site")
    code = f"import hnetzoo, torch; print(hnetzoo.load_model('{NAME}@w')(torch.ones(1, 3, 3)).tolist())"
    path = os.pathsep.join([str(tmp_path / "site"), *(entry for entry in sys.path if entry != str(project))])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "HNETZOO_PLUGINS": NAME},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == hnetzoo.load_model(f"run:{trained}")(torch.ones(1, 3, 3)).tolist()


def test_given_data_is_tested_on_the_split_of_the_run_alone_and_no_folder_is_named(
    run: Run, project: Path, tmp_path: Path
) -> None:
    data = tmp_path / "p.npz"
    assert run("generate", NAME, "--out", data, "--split", "all", "--set", "dataset.samples=100").code == 0
    command = ("train", NAME, "--dataset", "npz", "--set", f"dataset.path={data}", "--epochs", 1, "--seed", 4)
    assert run(*command, "--batch-size", 50, "--out", "r", "--json").code == 0
    assert run("publish", "r", "--package", project, "--variant", "given", "--json").code == 0
    text = (project / PACKAGE / "weights" / NAME / "given.json").read_text()
    assert str(tmp_path) not in text
    card = json.loads(text)
    assert [(row["dataset"], row["seed"]) for row in card["test"]] == [("npz, as trained", 4), (NAME, 4)]
    assert card["settings"]["dataset"]["path"] == "p.npz"
    assert "--set dataset.path=p.npz --seed 4" in card["command"]
