"""From names to live objects."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo.files import write_record
from hnetzoo.registry.cards import read_card
from hnetzoo.registry.components import configure
from hnetzoo.registry.environment import environment
from hnetzoo.registry.resolution import resolve_model
from hnetzoo.training.runs import BEST, RunRecord, write_run
from hnetzoo.training.weights import save_tensors

REGISTRY = hnetzoo.discover()
DISTANCE = torch.rand(4, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory of an untrained model."""
    torch.manual_seed(5)
    model = hnetzoo.load_model("hnetgru", weights=None, hidden_size=8)
    path = tmp_path / "run"
    record = RunRecord(model="hnetgru", shape=(2, 2), settings={"model": {"hidden_size": 8}}, environment=environment())
    write_run(path, record)
    save_tensors(path / BEST, model.state_dict())
    return path


def test_pretrained_model_is_in_eval_mode_and_gives_logits() -> None:
    model = hnetzoo.load_model("hnetgru")
    assert not model.training
    assert model(DISTANCE).shape == (4, 2, 2)
    assert hnetzoo.decode(model(DISTANCE)).dtype == torch.bool


def test_variant_and_weights_argument_name_the_same_weights() -> None:
    expected = hnetzoo.load_model("hnetgru")(DISTANCE)
    for model in (hnetzoo.load_model("hnetgru@default"), hnetzoo.load_model("hnetgru", weights="default")):
        assert torch.equal(model(DISTANCE), expected)


def test_weights_none_gives_untrained_weights_of_any_shape() -> None:
    model = hnetzoo.load_model("hnetgru", weights=None, shape=(3, 4), hidden_size=8)
    assert model(torch.rand(2, 3, 4)).shape == (2, 3, 4)


def test_run_directory_is_loaded_by_reference_path_or_text(run: Path) -> None:
    expected = hnetzoo.load_model(f"run:{run}")(DISTANCE)
    for weights in (run, str(run)):
        assert torch.equal(hnetzoo.load_model("hnetgru", weights=weights)(DISTANCE), expected)
    resolved = resolve_model(f"run:{run}", REGISTRY)
    assert resolved.weights is not None
    assert resolved.weights.name == f"run:{run}"


def test_settings_that_do_not_shape_weights_change_shipped_and_own_ones(tmp_path: Path) -> None:
    shipped, longer = hnetzoo.load_model("exchangeable"), hnetzoo.load_model("exchangeable", transport_steps=9)
    assert (shipped.config.transport_steps, longer.config.transport_steps) == (60, 9)
    assert all(torch.equal(longer.state_dict()[name], value) for name, value in shipped.state_dict().items())
    settings = {"model": {**shipped.config.model_dump(), "transport_steps": 5}}
    write_run(tmp_path / "run", RunRecord(model="exchangeable", shape=(2, 2), settings=settings))
    save_tensors(tmp_path / "run" / BEST, shipped.state_dict())
    assert hnetzoo.load_model(f"run:{tmp_path / 'run'}").config.transport_steps == 5
    assert torch.equal(hnetzoo.load_model(f"run:{tmp_path / 'run'}", transport_steps=9)(DISTANCE), longer(DISTANCE))


@pytest.mark.parametrize("reference", ["hnetgru", "run"])
def test_settings_that_shape_weights_are_refused_with_what_does_not_fit(reference: str, run: Path) -> None:
    name = f"run:{run}" if reference == "run" else reference
    with pytest.raises(hnetzoo.CheckpointError, match=r"do not fit HNetGRU \(of another shape: .* instead of \[.*9"):
        hnetzoo.load_model(name, hidden_size=9)


def test_weights_of_another_model_are_refused_naming_both(run: Path) -> None:
    for weights in (run, str(run), f"run:{run}"):
        with pytest.raises(hnetzoo.ConfigError, match=r"holds weights of hnetgru and not of dhn$"):
            hnetzoo.load_model("dhn", weights=weights)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3), (1, 1)])
def test_a_shape_that_the_weights_are_not_for_is_refused(shape: tuple[int, int], run: Path) -> None:
    for name in ("hnetgru", f"run:{run}"):
        message = rf"are for problems of 2 x 2, and these are {shape[0]} x {shape[1]}; pad smaller problems"
        with pytest.raises(hnetzoo.ShapeError, match=message):
            hnetzoo.load_model(name, shape=shape)
    assert hnetzoo.load_model("hnetgru", shape=(2, 2))(DISTANCE).shape == (4, 2, 2)
    assert hnetzoo.load_model("exchangeable", shape=shape)(torch.rand(2, *shape)).shape == (2, *shape)


def test_a_local_folder_does_not_take_the_place_of_a_variant(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hnetzoo.load_model("hnetgru", weights="default")(DISTANCE)
    run.rename(tmp_path / "default")
    monkeypatch.chdir(tmp_path)
    assert torch.equal(hnetzoo.load_model("hnetgru", weights="default")(DISTANCE), expected)
    for folder in (Path("default"), "run:default"):
        assert not torch.equal(hnetzoo.load_model("hnetgru", weights=folder)(DISTANCE), expected)


def test_weights_none_beside_a_variant_or_a_run_keeps_its_settings_and_no_weights(run: Path) -> None:
    for name, size in (("hnetgru@default", 128), (f"run:{run}", 8)):
        first, second = (hnetzoo.load_model(name, weights=None) for _ in range(2))
        assert first.gru.hidden_size == size  # type: ignore[union-attr]
        assert not torch.equal(first(DISTANCE), second(DISTANCE)), "they are drawn anew"


@pytest.mark.parametrize("name", ["hnetgru@default", "run:somewhere"])
def test_weights_that_are_named_twice_are_refused(name: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=r"names weights already; leave out weights='elsewhere'"):
        hnetzoo.load_model(name, weights="elsewhere")


def test_loading_shipped_weights_leaves_the_random_state_and_initial_ones_draw_from_it() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    hnetzoo.load_model("hnetgru")
    assert torch.equal(torch.get_rng_state(), before)
    drawn = hnetzoo.load_model("hnetgru", weights=None)(DISTANCE)
    torch.manual_seed(3)
    assert torch.equal(hnetzoo.load_model("hnetgru", weights=None)(DISTANCE), drawn)


def test_solvers_have_no_weights_to_choose() -> None:
    assert resolve_model("hungarian", REGISTRY).weights is None
    with pytest.raises(hnetzoo.ConfigError, match="model 'hungarian' has no weights to choose; leave out '@large'"):
        hnetzoo.load_model("hungarian", weights="large")


def test_unknown_variant_lists_the_shipped_ones() -> None:
    with pytest.raises(
        hnetzoo.UnknownNameError, match=r"unknown variant of hnetgru 'larg' \(available: 3, .*default\)"
    ):
        hnetzoo.load_model("hnetgru@larg")


def test_learned_model_without_weights_says_what_to_do(fake_distribution) -> None:  # type: ignore[no-untyped-def]
    fake_distribution(
        "bare-net",
        "import hnetzoo\n"
        "@hnetzoo.hookimpl\n"
        "def hnetzoo_models():\n"
        "    return [hnetzoo.ModelSpec(name='bare-net', summary='', target='hnetzoo_hnetgru.model:HNetGRU',\n"
        "                              config='hnetzoo_hnetgru.config:HNetGRUConfig')]\n",
    )
    with pytest.raises(hnetzoo.ConfigError, match=r"'bare-net' ships no weights; train it .*hnetzoo train bare-net"):
        hnetzoo.load_model("bare-net")


def test_weights_that_lie_in_no_package_are_named(fake_distribution) -> None:  # type: ignore[no-untyped-def]
    fake_distribution(
        "odd-net",
        "import hnetzoo\n"
        "WEIGHTS = hnetzoo.Pretrained(weights='odd_net:w.safetensors', card='odd_net:w.json')\n"
        "@hnetzoo.hookimpl\n"
        "def hnetzoo_models():\n"
        "    return [hnetzoo.ModelSpec(name='odd-net', summary='', target='torch.nn:Identity',\n"
        "                              config='hnetzoo:Config', pretrained=(WEIGHTS,))]\n",
    )
    with pytest.raises(hnetzoo.CheckpointError, match=r"^'odd_net:w.json' is not inside an installed package"):
        hnetzoo.load_model("odd-net")


def test_weights_that_do_not_fit_say_which_names_and_shapes(run: Path) -> None:
    tensors = hnetzoo.load_model("hnetgru", weights=None, hidden_size=9).state_dict()
    tensors["extra"] = tensors.pop("fc1.bias")
    save_tensors(run / BEST, tensors)
    with pytest.raises(
        hnetzoo.CheckpointError, match=r"missing: fc1.bias; unexpected: extra; of another shape: .*\[9, 9, 1\] instead"
    ):
        hnetzoo.load_model(f"run:{run}")


def test_missing_run_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(hnetzoo.CheckpointError, match=r"nowhere' is not a run directory"):
        hnetzoo.load_model(f"run:{tmp_path / 'nowhere'}")


def test_unknown_setting_of_a_model_gets_the_nearest_name() -> None:
    with pytest.raises(hnetzoo.UnknownNameError, match=r"did you mean 'model.hidden_size'"):
        hnetzoo.load_model("hnetgru", weights=None, hiden_size=3)


def test_settings_class_that_is_no_config_is_the_plugins_fault() -> None:
    spec = hnetzoo.ModelSpec(name="acme", summary="", target="builtins:object", config="builtins:dict")
    with pytest.raises(hnetzoo.PluginLoadError, match=r"builtins:dict is not a subclass of hnetzoo.Config"):
        configure(spec)


@pytest.fixture
def carded(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with the weights of the run; tests write its card."""
    package = tmp_path / "acme_weights"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "small.safetensors").write_bytes((run / BEST).read_bytes())
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package / "small.json"
    sys.modules.pop("acme_weights", None)


@pytest.mark.parametrize(
    "card", [{"settings": None}, {"settings": {"model": 3}}, {"scope": []}, {"sha256": 3}, {"scope": {"slots": 3}}, []]
)
def test_a_card_of_wrong_types_is_damaged(carded: Path, card: object) -> None:
    carded.write_text(json.dumps(card))
    with pytest.raises(hnetzoo.CheckpointError, match=r"small.json.* damaged"):
        hnetzoo.load_model("hnetgru@default", registry=with_card())


def test_weights_that_are_not_those_of_the_card_are_refused(carded: Path) -> None:
    weights = carded.with_suffix(".safetensors")
    settings = {"settings": {"model": {"hidden_size": 8}}}
    carded.write_text(json.dumps({**settings, "sha256": sha256(weights.read_bytes()).hexdigest()}))
    hnetzoo.load_model("hnetgru@default", registry=with_card())
    carded.write_text(json.dumps({**settings, "sha256": sha256(b"others").hexdigest()}))
    with pytest.raises(hnetzoo.CheckpointError, match="do not match their digest"):
        hnetzoo.load_model("hnetgru@default", registry=with_card())


def test_an_edited_card_is_refused(carded: Path) -> None:
    write_record(carded, {"settings": {"model": {"hidden_size": 8}}})
    carded.write_text(carded.read_text().replace("8", "9", 1))
    with pytest.raises(hnetzoo.CheckpointError, match="does not match its digest"):
        hnetzoo.load_model("hnetgru@default", registry=with_card())


@pytest.mark.parametrize("shipped", [entry for spec in REGISTRY.models.values() for entry in spec.pretrained], ids=str)
def test_every_shipped_card_names_the_digest_of_its_weights(shipped: hnetzoo.Pretrained) -> None:
    assert len(read_card(shipped).sha256) == 64


def with_card() -> hnetzoo.Registry:
    small = hnetzoo.Pretrained(weights="acme_weights:small.safetensors", card="acme_weights:small.json", shape=(2, 2))
    spec = replace(REGISTRY.model("hnetgru"), pretrained=(small,))
    return hnetzoo.Registry(
        [hnetzoo.Plugin(distribution="acme", version="1", entry_point="net", target="acme", specs=(spec,))]
    )


def test_pretrained_model_has_the_settings_of_its_card(carded: Path) -> None:
    carded.write_text('{"settings": {"model": {"hidden_size": 8}, "trainer": {"epochs": 3}}}')
    model = hnetzoo.load_model("hnetgru", registry=with_card())
    assert model.gru.hidden_size == 8  # type: ignore[union-attr]
    with pytest.raises(hnetzoo.CheckpointError, match="of another shape"):
        hnetzoo.load_model("hnetgru", registry=with_card(), hidden_size=16)


def test_card_without_settings_leaves_the_defaults_and_given_ones(carded: Path) -> None:
    carded.write_text("{}")
    assert hnetzoo.load_model("hnetgru", registry=with_card(), hidden_size=8).gru.hidden_size == 8  # type: ignore[union-attr]
    with pytest.raises(hnetzoo.CheckpointError, match="of another shape"):
        hnetzoo.load_model("hnetgru", registry=with_card())


def test_missing_and_damaged_cards_are_named(carded: Path) -> None:
    with pytest.raises(hnetzoo.CheckpointError, match=r"small\.json"):
        hnetzoo.load_model("hnetgru", registry=with_card())
    carded.write_text("{")
    with pytest.raises(hnetzoo.CheckpointError, match=r"small\.json"):
        hnetzoo.load_model("hnetgru", registry=with_card())


def test_every_pretrained_set_has_weights_and_a_card_that_match() -> None:
    import hashlib
    import json
    from importlib.resources import files

    for spec in REGISTRY.models.values():
        for pretrained in spec.pretrained:
            weights, card = (
                files(name.partition(":")[0]).joinpath(name.partition(":")[2]).read_bytes()
                for name in (pretrained.weights, pretrained.card)
            )
            document = json.loads(card)
            assert document["sha256"] == hashlib.sha256(weights).hexdigest()
            assert document["command"].startswith(f"hnetzoo train {spec.name} ")
            assert document["limits"] == sorted(spec.tags)
            assert document["scope"]["tasks"] == [document["data"]["dataset"]]
            evaluated = {row["dataset"] for row in document["test"]}
            if "features" not in spec.tags:  # those are evaluated on their default dataset alone
                assert evaluated & {document["data"]["dataset"], f"{document['data']['dataset']}, as trained"}
            if pretrained.shape in (None, (2, 2)):  # weights for other sizes cannot answer the dataset's own
                assert evaluated >= {spec.dataset}
