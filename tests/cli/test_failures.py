"""Expected failures of all commands are one line that says what to do, with the exit code of their kind."""

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
        (["benchmark", "--suite", "s.toml", "--seed", "1"], 2, ["--suite names models, datasets and seeds"]),
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
    [MemoryError(), OSError(28, "No space left on device"), RuntimeError("DefaultCPUAllocator: not enough memory")],
)
def test_running_out_of_memory_or_disk_exits_5(error: Exception) -> None:
    assert app_module._exhausted(error)
    assert not app_module._exhausted(RuntimeError("a bug"))
