"""Expected failures of all commands are one line that says what to do, with the exit code of their kind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hnetzoo.cli import app as app_module
from tests.cli.outcome import Run, fails


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["train", "hnet-gru"], 2, ["unknown model 'hnet-gru'; did you mean 'hnetgru'?", "run 'hnetzoo list'"]),
        (["show", "hungaran"], 2, ["unknown name 'hungaran'; did you mean 'hungarian'?"]),
        (["train", "hnetgru", "--dataset", "dao"], 2, ["unknown dataset 'dao'; did you mean 'doa'?"]),
        (
            ["train", "hnetgru", "--set", "trainer.learningrate=1"],
            2,
            ["unknown setting 'trainer.learningrate'; did you mean 'trainer.learning_rate'?", "show hnet"],
        ),
        (["train", "hnetgru", "--set", "trainer.epochs=many"], 2, ["trainer.epochs = 'many'", "valid integer"]),
        (["train", "hnetgru", "--epochs", "0"], 2, ["trainer.epochs = 0", "greater than 0"]),
        (["train", "hnetgru", "--set", "epochs=3"], 2, ["'epochs=3' is not of the form section.key=value"]),
        (["train", "hnetgru", "--config", "none.toml"], 2, ["'none.toml' (No such file or directory)"]),
        (["train", "hnetgru", "--device", "abacus"], 2, ["device 'abacus' cannot be used", "choose cpu, or auto"]),
        (["benchmark", "--model", "run:nowhere"], 4, ["'nowhere' is not a run directory"]),
        (["benchmark", "--model", "hnetgru@big"], 2, ["unknown variant of hnetgru 'big'"]),
        (["benchmark", "--suite", "s.toml", "--seed", "1"], 2, ["--suite names datasets and seeds; leave out"]),
        (["benchmark", "--set", "model.gate=1"], 2, ["takes settings of datasets, dataset.*"]),
        (["benchmark", "--model", "gredy"], 2, ["unknown model 'gredy'; did you mean 'greedy'?"]),
        (["benchmark", "--dataset", "npz", "--set", "dataset.path=no.npz"], 2, ["'no.npz' does not exist"]),
        (["benchmark", "--json", "no/where.json"], 2, ["folder 'no' does not exist"]),
        (["generate", "dao", "--out", "p.npz"], 2, ["unknown dataset 'dao'; did you mean 'doa'?"]),
        (["generate", "doa", "--out", "no/p.npz"], 2, ["cannot write 'no/p.npz': folder 'no' does not exist"]),
        (["generate", "doa", "--out", "p.npz", "--set", "dataset.samples=-1"], 2, ["dataset.samples = -1"]),
        (["generate", "doa", "--out", "p.npz", "--config", "no.toml"], 2, ["cannot read settings file 'no.toml'"]),
        (["generate", "npz", "--out", "p.npz", "--set", "dataset.path=no.npz"], 4, ["cannot read 'no.npz' as .npz"]),
        (["generate", "mot", "--out", "p.npz"], 2, ["dataset.sequences is required"]),
        (["generate", "doa", "--out", "p.csv"], 2, ["'p.csv' does not end in .npz"]),
        (["associate", "hnetgru", "none.npy"], 4, ["cannot read 'none.npy'", "No such file"]),
        (["associate", "hnetgru", "d.txt"], 2, ["'d.txt' is of no known kind"]),
    ],
)
def test_expected_failures_are_one_line_with_their_exit_code(
    run: Run, arguments: list[str], code: int, parts: list[str]
) -> None:
    fails(run(*arguments), code, *parts)


def test_a_path_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    command = ["generate", "doa", "--set", "dataset.samples=20", "--out", "folder.npz"]
    fails(run(*command), 2, "cannot use 'folder.npz' (Is a directory); correct the path")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.npz"]


def test_unknown_option_is_a_usage_error(run: Run) -> None:
    outcome = run("train", "hnetgru", "--epoch", "3")
    assert outcome.code == 2
    assert "--epoch" in outcome.err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(28, "No space left on device"),
        RuntimeError("DefaultCPUAllocator: not enough memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("unable to mmap 4096 bytes: Cannot allocate memory (12)"),
    ],
)
def test_running_out_of_memory_or_disk_exits_5(error: Exception) -> None:
    assert app_module._exhausted(error)
    assert not app_module._exhausted(RuntimeError("a bug"))


def test_an_error_of_the_system_without_a_path_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("hnetzoo.cli.generate.discover", refuse)
    fails(run("generate", "doa", "--out", "p.npz"), 2, "the system refused (No usable temporary directory")


def test_a_newline_in_a_name_does_not_break_the_line(run: Run) -> None:
    fails(run("train", "hnetgru\nrm -rf"), 2, "unknown model 'hnetgru rm -rf'")
    fails(run("benchmark", "--model", "run:no\nwhere"), 4, "'no where' is not a run directory")


def test_a_seed_that_torch_cannot_take_is_a_usage_error(run: Run) -> None:
    outcome = run("train", "hnetgru", "--seed", str(2**64))
    assert outcome.code == 2
    assert "--seed" in outcome.err


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
@pytest.mark.parametrize("name", ["best.safetensors", "run.json"])
def test_a_run_of_what_is_no_file_is_refused_and_not_read(
    run: Run, tmp_path: Path, make: Callable[[Path], None], name: str
) -> None:
    tiny = ["--set", "dataset.samples=[20,40,60]", "--epochs", "1", "--batch-size", "32"]
    assert run("train", "hnetgru", *tiny, "--out", "r").code == 0
    (tmp_path / "r" / name).unlink()
    make(tmp_path / "r" / name)
    fails(run("show", "run:r") if name == "run.json" else run("benchmark", "--model", "run:r"), 4, "r")


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("dataset.samples=" + "[" * 3000, "dataset.samples = '[["),
        ("dataset.samples=" + "9" * 5000, "dataset.samples = '999"),
        ("dataset.max_doas=1000000000", "400,000 problems of 1,000,000,000 x 1,000,000,000 are more than"),
    ],
)
def test_settings_beyond_all_measure_are_refused_in_a_short_line(run: Run, setting: str, part: str) -> None:
    outcome = run("benchmark", "--model", "hungarian", "--dataset", "doa", "--set", setting)
    fails(outcome, 2, part)
    assert len(outcome.err) < 400


@pytest.mark.parametrize("text", ["a = " + "[" * 3000, "seeds = [" + "9" * 5000 + "]"])
def test_a_suite_beyond_all_measure_is_no_valid_toml(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    fails(run("benchmark", "--suite", "s.toml"), 2, "'s.toml' is not valid TOML")


def test_more_combinations_than_can_be_tried_are_refused(run: Run, tmp_path: Path) -> None:
    values = list(range(1, 101))
    tune = f"{{ iterations = {values}, relaxation = {values}, unmatched = {values} }}"
    (tmp_path / "s.toml").write_text(f'models = [{{ name = "sinkhorn", tune = {tune} }}]\ndatasets = ["doa"]\n')
    fails(run("benchmark", "--suite", "s.toml"), 2, "tune has 1,000,000 combinations; at most 10,000 are tried")


def test_a_device_that_cannot_compute_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("1,2\n")
    fails(run("associate", "hungarian", "d.csv", "--device", "meta"), 2, "device 'meta' cannot be used")
