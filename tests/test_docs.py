"""Documentation is executed, so it stays true."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.zoo import configure

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PLUGINS = (ROOT / "plugins" / "README.md").read_text()
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(text: str, language: str) -> list[tuple[str, str]]:
    """List (what stands behind the language, code) of all fenced blocks of a language."""
    return [(match[2].strip(), match[3]) for match in _BLOCK.finditer(text) if match[1] == language]


README_OUTPUTS = (r"0\.99\d of the matrices are wholly right\n", r"MOTA (0\.9\d|1\.00)\n$")


@pytest.mark.parametrize("example", range(len(README_OUTPUTS)))
def test_readme_example_runs_as_printed(example: int, tmp_path: Path) -> None:
    _, code = blocks(README, "python")[example]
    ended = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert re.match(README_OUTPUTS[example], ended.stdout)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_every_readme_example_is_run() -> None:
    assert len(blocks(README, "python")) == len(README_OUTPUTS)


@pytest.fixture
def tutorial(tmp_path: Path, fake_distribution: Callable[..., Path]) -> Path:
    """Write the tutorial's package and install it under its entry point."""
    fake_distribution("acme-net", "", entry_point="acme-net", module="acme_net.plugin")
    root = tmp_path / "site"
    (root / "acme_net.plugin.py").unlink()
    for name, code in blocks(PLUGINS, "python"):
        path = root / name.removeprefix("file=")
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    (root / "acme_net" / "__init__.py").write_text("")
    assert 'acme-net = "acme_net.plugin"' in blocks(PLUGINS, "toml")[0][1]
    return root


def test_tutorial_plugin_works_as_printed(tutorial: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(tutorial), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", "from hnetzoo.cli.app import main; main()"]
    ((_, console),) = blocks(PLUGINS, "console")
    for line in console.strip().splitlines():
        arguments = line.removeprefix("hnetzoo ").split()
        ended = subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert "acme" in ended.stdout


def test_tutorial_trainer_and_dataset_train_the_tutorial_model(tutorial: Path, tmp_path: Path) -> None:
    code = """
        import hnetzoo
        from pathlib import Path
        from hnetzoo.training import Job, train
        from hnetzoo.zoo import configure
        model = hnetzoo.discover().model("acme-net")
        dataset = hnetzoo.DatasetSpec(name="acme", summary="", target="acme_net.dataset:AcmeDataset",
                                      config="hnetzoo:Config")
        trainer = hnetzoo.TrainerSpec(name="acme", summary="", target="acme_net.trainer:AcmeTrainer",
                                      config="acme_net.trainer:AcmeTrainerConfig")
        job = Job(model=configure(model), dataset=configure(dataset), trainer=configure(trainer), out=Path("run"))
        assert train(job).test.problems == 1024
    """
    environment = {"PYTHONPATH": str(tutorial), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    script = "\n".join(line[8:] for line in code.splitlines())
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


def test_every_hook_is_documented_with_its_signature() -> None:
    from hnetzoo import hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("hnetzoo_")]
    assert hooks
    for name in hooks:
        assert f"### `{name}()`" in PLUGINS


def test_every_tag_in_use_is_documented() -> None:
    registry = hnetzoo.discover()
    specs = [*registry.models.values(), *registry.datasets.values(), *registry.trainers.values()]
    for tag in {tag for spec in specs for tag in spec.tags}:
        assert f"| `{tag}` |" in PLUGINS


def test_readme_names_every_command() -> None:
    from hnetzoo.cli.app import app

    for command in app.registered_commands:
        assert f"`hnetzoo {command.name or command.callback.__name__}" in README  # type: ignore[union-attr]


def test_every_learned_model_cites_its_source() -> None:
    for spec in hnetzoo.discover().models.values():
        assert spec.citation is not None, spec.name
        assert spec.citation.title
        assert spec.citation.year > 1900


def test_every_setting_has_a_help_text() -> None:
    registry = hnetzoo.discover()
    for spec in [*registry.models.values(), *registry.datasets.values(), *registry.trainers.values()]:
        for name, field in spec.load_config().model_fields.items():
            assert field.description, f"{spec.kind} {spec.name}: {name}"


def test_default_settings_build_every_component_that_needs_no_file() -> None:
    registry = hnetzoo.discover()
    for spec in [*registry.datasets.values(), *registry.trainers.values()]:
        if not any(field.is_required() for field in spec.load_config().model_fields.values()):
            assert configure(spec).build()


def test_docs_name_no_machine() -> None:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("benchmarks/results/*.json")]:
        assert not re.search(r"/(home|root|work|opt|tmp)/", path.read_text()), path
