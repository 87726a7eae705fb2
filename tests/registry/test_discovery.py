"""Discovery: strangers' plugins work, broken ones are kept apart, equal names are loud."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hnetzoo import ConfigError, Plugin, PluginConflictError, PluginLoadError, Registry, UnknownNameError, discover
from hnetzoo.registry.discovery import PLUGINS_VARIABLE
from hnetzoo.registry.specs import API_VERSION

Install = Callable[..., Path]
BUILT_IN = "hnetgru"


@pytest.fixture(autouse=True)
def _all_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PLUGINS_VARIABLE, raising=False)


def declares(*names: str, kind: str = "model") -> str:
    """Code of a plugin that declares names of one kind."""
    spec = f"hnetzoo.{kind.title()}Spec(name=name, summary='', target='acme:A', config='acme:B')"
    return f"import hnetzoo\n@hnetzoo.hookimpl\ndef hnetzoo_{kind}s():\n    return [{spec} for name in {names!r}]\n"


def returns(expression: str, hook: str = "hnetzoo_models") -> str:
    """Code of a plugin whose hook returns something."""
    return f"import hnetzoo\n@hnetzoo.hookimpl\ndef {hook}():\n    return {expression}\n"


BROKEN = {
    "missing-dependency": ("import absent_dependency", "ModuleNotFoundError: No module named 'absent_dependency'"),
    "syntax": ("def broken(:", "SyntaxError: "),
    "exit": ("import sys\nsys.exit(7)", "SystemExit: 7"),
    "recursion": ("def again():\n    again()\nagain()", "RecursionError: "),
    "base-exception": ("class Odd(BaseException):\n    pass\nraise Odd('two\\n  lines')", "Odd: two lines"),
    "exception-without-text": ("raise GeneratorExit", "GeneratorExit"),
    "hook-raises": (returns("1 / 0"), "ZeroDivisionError: division by zero"),
    "hook-misspelled": (returns("[]", hook="hnetzoo_model"), "PluginValidationError: unknown hook 'hnetzoo_model'"),
    "hook-with-argument": (returns("[]").replace("()", "(registry)"), "PluginValidationError: "),
    "no-spec": (returns("[object()]"), "TypeError: hnetzoo_models() returned a object instead of ModelSpec"),
    "text": (returns("'acme'"), "TypeError: hnetzoo_models() returned a str instead of ModelSpec"),
    "not-iterable": (returns("7"), "TypeError: 'int' object is not iterable"),
    "spec-of-another-kind": (
        declares("acme").replace("models", "trainers"),
        "TypeError: hnetzoo_trainers() returned a ModelSpec instead of TrainerSpec",
    ),
    "repeated-name": (declares("acme", "acme"), "ValueError: hnetzoo_models() declares model 'acme' twice"),
    "refused-name": (declares("Acme"), "ConfigError: model name 'Acme' does not match"),
}


def plugin(registry: Registry, plugin_id: str) -> Plugin:
    return {found.id: found for found in registry.plugins}[plugin_id]


@pytest.mark.parametrize("kind", ["model", "dataset", "trainer"])
def test_plugin_of_another_distribution_is_found(kind: str, fake_distribution: Install) -> None:
    fake_distribution("acme-net", declares("acme", "acme-two", kind=kind))
    registry = discover()
    found = getattr(registry, f"{kind}s")
    assert {"acme", "acme-two"} <= found.keys()
    assert getattr(registry, kind)("acme") is found["acme"]
    assert found["acme"].kind == kind
    provider = registry.provider(found["acme"])
    assert (provider.id, provider.version, provider.target) == ("acme-net:plugin", "1.0", "acme_net")
    assert [spec.name for spec in provider.specs] == ["acme", "acme-two"]
    assert provider.error == ""


def test_built_in_plugins_are_found_as_anyone_elses() -> None:
    registry = discover()
    assert registry.failures == ()
    assert registry.provider(registry.model(BUILT_IN)).id == "hnetzoo:hnetgru"
    assert {"hungarian", "hnetgru"} <= registry.models.keys()
    assert {"doa", "doa-reference", "npz"} <= registry.datasets.keys()
    assert "hnet" in registry.trainers


def test_names_are_sorted_whatever_the_order_of_installation(fake_distribution: Install) -> None:
    fake_distribution("zebra-net", declares("zebra", "ant"))
    fake_distribution("acme-net", declares("mole"))
    registry = discover()
    assert list(registry.models) == sorted(registry.models)
    assert [found.id for found in registry.plugins] == sorted(found.id for found in registry.plugins)


def test_equal_entry_point_names_of_two_distributions_coexist(fake_distribution: Install) -> None:
    fake_distribution("acme-net", declares("acme"), entry_point=BUILT_IN)
    fake_distribution("other-net", declares("other"), entry_point=BUILT_IN)
    registry = discover()
    assert {"acme", "other", BUILT_IN} <= registry.models.keys()
    assert {f"acme-net:{BUILT_IN}", f"other-net:{BUILT_IN}", f"hnetzoo:{BUILT_IN}"} <= {p.id for p in registry.plugins}


def test_a_distribution_may_hold_several_plugins(fake_distribution: Install, tmp_path: Path) -> None:
    info = fake_distribution("acme-net", declares("acme"))
    fake_distribution("spare", declares("spare"), module="acme_spare")
    (info / "entry_points.txt").write_text("[hnetzoo]\nfirst = acme_net\nsecond = acme_spare\n[other]\nx = nowhere\n")
    (info.parent / "spare-1.0.dist-info" / "entry_points.txt").unlink()
    assert {"acme-net:first", "acme-net:second"} <= {found.id for found in discover().plugins}


@pytest.mark.parametrize(("code", "error"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_kept_as_a_failure_and_leaves_the_others_working(
    code: str, error: str, fake_distribution: Install
) -> None:
    fake_distribution("broken-net", code)
    fake_distribution("acme-net", declares("fine"))
    registry = discover()
    assert {"fine", BUILT_IN} <= registry.models.keys()
    (failure,) = registry.failures
    assert (failure.id, failure.specs) == ("broken-net:plugin", ())
    assert failure.error.startswith(error)
    assert "\n" not in failure.error
    assert failure.details.startswith("Traceback") or "SyntaxError" in failure.details


@pytest.mark.parametrize("body", ["raise RuntimeError('no text')", "return 5"], ids=["raises", "no-text"])
def test_an_exception_that_cannot_be_printed_stops_no_other_plugin(body: str, fake_distribution: Install) -> None:
    fake_distribution("broken-net", f"class Odd(Exception):\n    def __str__(self):\n        {body}\nraise Odd")
    registry = discover()
    assert BUILT_IN in registry.models
    assert [failure.id for failure in registry.failures] == ["broken-net:plugin"]


def test_a_hook_that_forgets_to_return_is_a_failure(fake_distribution: Install) -> None:
    fake_distribution("broken-net", returns("None"))
    assert [failure.id for failure in discover().failures] == ["broken-net:plugin"]


def test_an_interrupt_is_not_taken_for_a_broken_plugin(fake_distribution: Install) -> None:
    fake_distribution("broken-net", "raise KeyboardInterrupt('by the user')")
    with pytest.raises(KeyboardInterrupt, match="by the user"):
        discover()


def test_a_plugin_that_prints_does_not_touch_stdout(fake_distribution: Install, capsys) -> None:
    hook = "def hnetzoo_models():\n    print('calling')\n    return []\n"
    fake_distribution("loud-net", f"import hnetzoo\nprint('importing')\n@hnetzoo.hookimpl\n{hook}")
    assert plugin(discover(), "loud-net:plugin").error == ""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "importing\ncalling\n"


def test_duplicate_model_names_list_both_plugins(fake_distribution: Install) -> None:
    fake_distribution("acme-net", declares("acme", "own"))
    fake_distribution("other-net", declares("acme"))
    registry = discover()
    message = (
        "model 'acme' is registered by acme-net:plugin and by other-net:plugin; uninstall one of them or choose with "
        "HNETZOO_PLUGINS=<distribution:entrypoint>,..."
    )
    with pytest.raises(PluginConflictError, match=f"^{re.escape(message)}$") as caught:
        registry.model("acme")
    assert caught.value.providers == ("acme-net:plugin", "other-net:plugin")
    assert caught.value.exit_code == 3
    assert [str(conflict) for conflict in registry.conflicts] == [message]
    assert "acme" not in registry.models
    assert {"own", BUILT_IN} <= registry.models.keys()
    assert registry.failures == ()


def test_a_stranger_cannot_take_the_name_of_a_built_in_model(fake_distribution: Install) -> None:
    fake_distribution("acme-net", declares(BUILT_IN))
    with pytest.raises(PluginConflictError, match=r"registered by acme-net:plugin and by hnetzoo:hnetgru;"):
        discover().model(BUILT_IN)


def test_one_name_may_stand_for_things_of_different_kinds(fake_distribution: Install) -> None:
    fake_distribution("acme-net", declares("acme"))
    fake_distribution("other-net", declares("acme", kind="trainer"))
    registry = discover()
    assert registry.conflicts == ()
    assert (registry.model("acme").kind, registry.trainer("acme").kind) == ("model", "trainer")


def test_a_file_of_entry_points_that_is_not_text_is_a_failure_of_its_distribution(fake_distribution: Install) -> None:
    info = fake_distribution("broken-net", declares("acme"))
    (info / "entry_points.txt").write_bytes(b"[hnetzoo]\nplugin = \xff\xfe\n")
    registry = discover()
    assert BUILT_IN in registry.models
    (failure,) = registry.failures
    assert failure.distribution == "broken-net"
    assert failure.error.startswith("UnicodeDecodeError")


def test_metadata_that_is_not_text_is_a_failure_under_the_name_of_its_folder(fake_distribution: Install) -> None:
    info = fake_distribution("broken-net", declares("acme"))
    (info / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: \xff\xfe\n")
    registry = discover()
    assert BUILT_IN in registry.models
    (failure,) = registry.failures
    assert failure.id == "broken_net:plugin"
    assert failure.error.startswith("unreadable metadata (UnicodeDecodeError")


def test_broken_metadata_of_a_distribution_without_plugins_concerns_nobody(fake_distribution: Install) -> None:
    info = fake_distribution("unrelated", "")
    (info / "METADATA").write_bytes(b"\xff")
    (info / "entry_points.txt").unlink()
    assert discover().failures == ()


@pytest.mark.parametrize("chosen", ["acme-net", "acme-net:plugin", "special", " acme-net , acme-net:plugin,"])
def test_the_variable_limits_discovery(chosen: str, fake_distribution: Install, monkeypatch) -> None:
    name = "special" if chosen == "special" else "plugin"
    fake_distribution("acme-net", declares("acme"), entry_point=name)
    fake_distribution("broken-net", "raise RuntimeError('must not be imported')", entry_point="other")
    monkeypatch.setenv(PLUGINS_VARIABLE, chosen)
    registry = discover()
    assert [found.id for found in registry.plugins] == [f"acme-net:{name}"]
    assert list(registry.models) == ["acme"]


def test_the_variable_takes_several_names_and_resolves_a_conflict(fake_distribution: Install, monkeypatch) -> None:
    fake_distribution("acme-net", declares(BUILT_IN))
    monkeypatch.setenv(PLUGINS_VARIABLE, "acme-net:plugin,doa")
    registry = discover()
    assert registry.provider(registry.model(BUILT_IN)).id == "acme-net:plugin"
    assert [found.id for found in registry.plugins] == ["acme-net:plugin", "hnetzoo:doa"]


@pytest.mark.parametrize("chosen", ["", ",", " , "])
def test_an_empty_variable_limits_nothing(chosen: str, monkeypatch) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, chosen)
    assert BUILT_IN in discover().models


def test_the_variable_naming_something_unknown_is_an_error_with_suggestion(monkeypatch) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, "hnetzoo:hnetgro")
    with pytest.raises(
        ConfigError, match=r"^unknown plugin 'hnetzoo:hnetgro'; did you mean 'hnetzoo:hnetgru'\?"
    ) as caught:
        discover()
    assert PLUGINS_VARIABLE in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_unknown_name_suggests_lists_and_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, "classical,hnetgru")
    registry = discover()
    available = ", ".join(registry.models)
    message = f"unknown model 'hnet-gru'; did you mean 'hnetgru'? (available: {available}; run 'hnetzoo list')"
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}$") as caught:
        registry.model("hnet-gru")
    assert (caught.value.kind, caught.value.name) == ("model", "hnet-gru")
    assert caught.value.choices == tuple(registry.models)
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize(
    ("version", "remedy"), [(2, "update hnetzoo"), (0, "update the plugin, or install an older hn")]
)
def test_a_plugin_for_another_interface_is_refused(version: int, remedy: str, fake_distribution: Install) -> None:
    fake_distribution("acme-net", declares("acme").replace("summary=''", f"summary='', api_version={version}"))
    registry = discover()
    assert "acme" not in registry.models
    (failure,) = registry.failures
    assert f"model 'acme' is written for version {version} of the plugin interface; " in failure.error
    assert f"this hnetzoo has version {API_VERSION}: {remedy}" in failure.error
    with pytest.raises(PluginLoadError, match=r"plugin acme-net:plugin did not load"):
        registry.model("acme-net")


def test_an_unknown_name_hints_at_plugins_that_did_not_load(fake_distribution: Install) -> None:
    fake_distribution("broken-net", "import absent_dependency")
    with pytest.raises(UnknownNameError, match=r"did not load: [^,]*, see 'hnetzoo doctor'\)$"):
        discover().dataset("nowhere")


@pytest.mark.parametrize("name", ["broken-net", "acme"])
def test_using_the_name_of_a_broken_plugin_says_why_it_did_not_load(name: str, fake_distribution: Install) -> None:
    fake_distribution("broken-net", "import absent_dependency", entry_point="acme")
    message = (
        f"model '{name}': plugin broken-net:acme did not load (ModuleNotFoundError: No module named "
        "'absent_dependency'); reinstall or update it (see 'hnetzoo doctor')"
    )
    with pytest.raises(PluginLoadError, match=f"^{re.escape(message)}$") as caught:
        discover().model(name)
    assert caught.value.exit_code == 3
