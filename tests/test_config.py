"""Settings from TOML files and --set, and the errors of wrong ones."""

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import PositiveInt, ValidationError, model_validator

from hnetzoo import Config, ConfigError, TrainerConfig, UnknownNameError
from hnetzoo.config import build_config, read_toml, read_values, validate


class Settings(Config):
    """One field of each kind."""

    size: PositiveInt = 4
    rate: float = 0.5
    counts: Literal["hidden", "known"] = "hidden"
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    path: Path | None = None

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if self.size > 100:
            raise ValueError("size is limited to 100")
        return self


class Required(Config):
    """A field without a default."""

    path: Path


@pytest.fixture
def toml(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return path

    return write


def test_nothing_given_is_three_empty_tables() -> None:
    assert read_values() == {"model": {}, "trainer": {}, "dataset": {}}


def test_a_file_fills_the_tables_that_it_has(toml) -> None:
    path = toml('[model]\nhidden_size = 64\n[trainer]\nlearning_rate = 1e-3\nschedule = "constant"\n')
    assert read_values(path) == {
        "model": {"hidden_size": 64},
        "trainer": {"learning_rate": 1e-3, "schedule": "constant"},
        "dataset": {},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("[3000, 5000, 15000]", [3000, 5000, 15000]),
        ('"4"', "4"),
        ("known", "known"),
        ("one-to-one", "one-to-one"),
        ("runs/my data.npz", "runs/my data.npz"),
        ("a=b", "a=b"),
        ("", ""),
        (" 4 ", 4),
    ],
)
def test_an_override_is_read_as_toml_and_otherwise_as_text(text: str, value: Any) -> None:
    assert read_values(overrides=[f"dataset.key={text}"])["dataset"] == {"key": value}
    assert type(read_values(overrides=[f"dataset.key={text}"])["dataset"]["key"]) is type(value)


def test_overrides_beat_the_file_and_the_last_one_wins(toml) -> None:
    path = toml("[trainer]\nepochs = 1\nbatch_size = 8\n")
    values = read_values(path, ["trainer.epochs=2", "model.size=3", "trainer.epochs=4"])
    assert values == {"model": {"size": 3}, "trainer": {"epochs": 4, "batch_size": 8}, "dataset": {}}


@pytest.mark.parametrize("override", ["epochs=3", "trainer.epochs", "trainer.=3", "=3", "", "loop.epochs=3", ".x=1"])
def test_a_malformed_override_is_quoted_with_the_accepted_form(override: str) -> None:
    message = (
        f"--set '{override}' is not of the form section.key=value with section one of model, trainer, dataset"
    )  # fmt: skip
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$") as caught:
        read_values(overrides=[override])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["[modle]\nsize = 3\n", "model = 3\n"])
def test_an_unknown_table_names_file_and_accepted_tables(text: str, toml) -> None:
    path = toml(text)
    name = re.match(r"\[?(\w+)", text)[1]
    message = f"{path}: '{name}' is not one of the tables [model], [trainer], [dataset]"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read_values(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    message = f"cannot read settings file '{path}' (No such file or directory); give the path of a TOML file"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read_values(path)
    with pytest.raises(ConfigError, match="it is not a regular file"):
        read_toml(tmp_path)


@pytest.mark.parametrize("content", [b"[model\n", b"size = \n", b"[model]\nname = '\xff'\n", b"a = 1\na = 2\n"])
def test_a_malformed_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(
        ConfigError, match=rf"^settings file '{re.escape(str(path))}' is not valid TOML \(.+\); correct"
    ):
        read_values(path)


def test_values_take_the_types_of_the_fields() -> None:
    settings = build_config(Settings, {"size": "7", "weights": [1, 2, 3], "path": "a/b.npz"}, "model", "acme")
    assert settings == Settings(size=7, weights=(1.0, 2.0, 3.0), path=Path("a/b.npz"))
    assert type(settings.weights) is tuple


def test_nothing_given_builds_the_defaults() -> None:
    assert build_config(TrainerConfig, {}, "trainer", "hnet") == TrainerConfig(epochs=10, batch_size=256)


def test_an_unknown_setting_suggests_the_nearest_and_lists_all() -> None:
    message = (
        "unknown setting 'trainer.epoch'; did you mean 'trainer.epochs'? "
        "(available: trainer.accumulate, trainer.batch_size, trainer.epochs, trainer.pairs_per_batch, "
        "trainer.patience; run 'hnetzoo show hnet')"
    )
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}$") as caught:
        build_config(TrainerConfig, {"epoch": 3}, "trainer", "hnet")
    assert (caught.value.kind, caught.value.name) == ("setting", "trainer.epoch")
    assert caught.value.choices == tuple(
        f"trainer.{name}" for name in ("accumulate", "batch_size", "epochs", "pairs_per_batch", "patience")
    )
    assert caught.value.exit_code == 2


def test_settings_of_a_class_without_any_say_so() -> None:
    class Empty(Config):
        pass

    with pytest.raises(UnknownNameError, match=r"unknown setting 'model\.gate'.*\(available: none; run"):
        build_config(Empty, {"gate": 3}, "model", "hungarian")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("size", "three", "model.size = 'three': Input should be a valid integer"),
        ("size", 0, "model.size = 0: Input should be greater than 0"),
        ("size", 2.5, "model.size = 2.5: Input should be a valid integer"),
        ("rate", [1], "model.rate = [1]: Input should be a valid number"),
        ("counts", "shown", "model.counts = 'shown': Input should be 'hidden' or 'known'"),
        ("weights", [1, 2, "x"], "model.weights.2 = 'x': Input should be a valid number"),
        ("size", 101, "size is limited to 100"),
    ],
)
def test_a_wrong_value_is_one_line_with_key_value_and_remedy(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        build_config(Settings, {key: value}, "model", "acme")
    assert "\n" not in str(caught.value)
    assert "Value error" not in str(caught.value)
    assert str(caught.value).endswith("(run 'hnetzoo show acme' for what is accepted)")


def test_a_missing_required_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^dataset\.path is required \(run 'hnetzoo show npz'"):
        build_config(Required, {}, "dataset", "npz")


def test_validate_names_the_source_of_the_values() -> None:
    with pytest.raises(ConfigError, match=r"^suite 'a\.toml'\.size = 'x': Input should be a valid integer"):
        validate(Settings, {"size": "x"}, "suite 'a.toml'")


def test_settings_are_frozen_and_refuse_unknown_names() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().size = 5
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings(sise=5)


def test_the_docstring_under_a_field_is_its_help() -> None:
    assert TrainerConfig.model_fields["epochs"].description == "Passes over the training split."


def test_a_setting_of_several_types_says_what_all_of_them_accept() -> None:
    class Either(Config):
        cost: float | Literal["never"] = "never"
        pair: tuple[float | Literal["off"], int] = ("off", 1)

    with pytest.raises(ConfigError, match=r"^model.cost = 'maybe': .*valid number.*, or input should be 'never' \(run"):
        build_config(Either, {"cost": "maybe"}, "model", "acme")
    with pytest.raises(ConfigError, match=r"^model.pair.0 = 'on': .*valid number.*, or input should be 'off' \(run"):
        build_config(Either, {"pair": ["on", 1]}, "model", "acme")
    with pytest.raises(ConfigError, match=r"^model.pair.1 = 'on': Input should be a valid integer, [^,]* \(run"):
        build_config(Either, {"pair": [1.0, "on"]}, "model", "acme")
