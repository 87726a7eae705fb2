"""Criteria agree with their definitions, and give finite gradients."""

from itertools import permutations
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

import hnetzoo
from benchmarks.localizer.criteria import Criterion, build_criterion, sound_terms
from benchmarks.localizer.features import Examples
from benchmarks.localizer.matchers import load_matcher
from benchmarks.localizer.network import ClassWiseLocalizer, Estimate, Localizer
from benchmarks.localizer.settings import CriterionEntry, MatcherTraining, read_study
from hnetzoo.errors import ConfigError
from hnetzoo.losses import ADPITLoss
from hnetzoo.registry.resolution import resolve_model

STUDY = read_study(Path(__file__).parents[2] / "benchmarks" / "localizer" / "first.toml")
TUNED = read_study(Path(__file__).parents[2] / "benchmarks" / "localizer" / "study.toml").criteria
OURS = [entry for entry in STUDY.criteria if entry.variant != "doa-net"]
TRAINING = MatcherTraining(samples=2000, epochs=1)
FRAMES = 5


def problem(generator: torch.Generator, sources: int, share: float = 0.7) -> tuple[Estimate, Examples]:
    shape = (4, FRAMES, sources)
    active = torch.rand(shape, generator=generator) < share
    directions = normalize(torch.randn((*shape, 3), generator=generator), dim=-1) * active.unsqueeze(-1)
    features = torch.randn((4, 7, FRAMES, 32), generator=generator)
    logits = torch.randn(shape, generator=generator)
    guess = Estimate(torch.randn((*shape, 3), generator=generator), logits, torch.empty(*shape, 0))
    none = torch.zeros(shape).long()
    return guess, Examples(features, directions, active, none, none)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of briefly trained matchers, for all tests of this file."""
    return tmp_path_factory.mktemp("matchers")


def criterion_of(label: str, sources: int, runs: Path = Path("nowhere")) -> Criterion:
    (entry,) = [entry for entry in STUDY.criteria if entry.label == label]
    matcher = load_matcher(entry, sources, TRAINING, runs).module if entry.matcher else None
    return build_criterion(entry, matcher)


def total(criterion: Criterion, guess: Estimate, truth: Examples) -> Tensor:
    return torch.stack(list(criterion(guess, truth).values())).sum()


def pairing(guess: Estimate, truth: Examples, scene: int, frame: int, order: tuple[int, ...]) -> tuple[float, Tensor]:
    """Return the squared error of a frame where slot i is prediction order[i], and which of these are then active."""
    active = truth.active[scene, frame]
    squared = (guess.directions[scene, frame, list(order)] - truth.directions[scene, frame]).square().sum(-1)
    present = torch.zeros(len(order)).index_copy(0, torch.tensor(order), active.float())
    return float(squared[active].sum()), present


def test_fixed_order_is_squared_error_and_cross_entropy_slot_by_slot(generator: torch.Generator) -> None:
    guess, truth = problem(generator, 3)
    terms = criterion_of("MSE, fixed order", 3)(guess, truth)
    frames = [(scene, frame) for scene in range(4) for frame in range(FRAMES)]
    squared = sum(pairing(guess, truth, *frame, (0, 1, 2))[0] for frame in frames)
    assert float(terms["distance"]) == pytest.approx(2 * squared / float(truth.active.sum()), rel=1e-5)
    expected = binary_cross_entropy_with_logits(guess.activity, truth.active.float())
    assert torch.allclose(terms["activity"], expected)


@pytest.mark.parametrize("sources", [1, 2, 3])
def test_permutation_invariant_takes_the_best_of_all_orders_of_each_frame(
    generator: torch.Generator, sources: int
) -> None:
    guess, truth = problem(generator, sources)
    terms = criterion_of("exact PIT", sources)(guess, truth)
    best = [
        min((pairing(guess, truth, scene, frame, order) for order in permutations(range(sources))), key=lambda x: x[0])
        for scene in range(4)
        for frame in range(FRAMES)
    ]
    squared = sum(squared for squared, _ in best) / float(truth.active.sum())
    present = torch.stack([present for _, present in best]).view_as(guess.activity)
    assert float(terms["distance"]) == pytest.approx(2 * squared, rel=1e-5)
    assert torch.allclose(terms["activity"], binary_cross_entropy_with_logits(guess.activity, present))


@pytest.mark.parametrize("label", ["exact PIT", "tracking, exchangeable", "tracking, sinkhorn"])
def test_the_order_of_outputs_matters_only_with_a_fixed_order(
    generator: torch.Generator, label: str, runs: Path
) -> None:
    guess, truth = problem(generator, 2)
    swapped = Estimate(*(part.flip(2) for part in guess))
    criterion = criterion_of(label, 2, runs)
    assert torch.allclose(total(criterion, guess, truth), total(criterion, swapped, truth))
    fixed = criterion_of("MSE, fixed order", 2)
    assert not torch.allclose(total(fixed, guess, truth), total(fixed, swapped, truth))


@pytest.mark.parametrize("entry", STUDY.criteria, ids=lambda entry: entry.label)
@pytest.mark.parametrize("sources", [1, 2])
def test_every_parameter_of_a_localizer_gets_a_finite_gradient(
    generator: torch.Generator, entry: CriterionEntry, sources: int, runs: Path
) -> None:
    _, truth = problem(generator, sources)
    torch.manual_seed(0)
    localizer = Localizer(sources)
    total(criterion_of(entry.label, sources, runs), localizer(truth.features), truth).backward()
    for name, parameter in localizer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.label)
def test_scenes_without_sources_lower_the_activity(
    generator: torch.Generator, entry: CriterionEntry, runs: Path
) -> None:
    guess, truth = problem(generator, 2, share=0.0)
    activity = guess.activity.requires_grad_()
    total(criterion_of(entry.label, 2, runs), guess, truth).backward()
    assert (activity.grad > 0).all()


@pytest.mark.parametrize("name", ["hnetgru", "sinkhorn", "perturbed"])
@pytest.mark.parametrize("sources", [1, 2])
def test_matchers_pair_near_predictions(generator: torch.Generator, name: str, sources: int) -> None:
    _, truth = problem(generator, sources)
    entry = CriterionEntry(label=name, kind="tracking", matcher=name)
    criterion = build_criterion(entry, load_matcher(entry, sources, STUDY.matchers, Path("nowhere")).module)
    noise = 0.02 * torch.randn(truth.directions.shape, generator=generator)
    sure = Estimate(truth.directions + noise, 20 * (2 * truth.active.float() - 1), torch.empty(4, FRAMES, sources, 0))
    terms = criterion(sure, truth)
    assert terms["misses"] < 0.1
    assert terms["activity"] < 0.5


def test_matchers_of_fixed_size_are_trained_if_they_are_too_small(tmp_path: Path) -> None:
    entry = CriterionEntry(label="", kind="tracking", matcher="hnetgru")
    training = MatcherTraining(samples=2000, epochs=1)
    loaded = load_matcher(entry, 3, training, tmp_path)
    (run,) = (path for path in tmp_path.iterdir() if path.name != "rows")
    assert loaded.weights == f"trained: {run.name}"
    assert loaded.module(torch.rand(5, 3, 3)).shape == (5, 3, 3)
    again = load_matcher(entry, 3, training, tmp_path)
    for mine, other in zip(loaded.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_padded_matcher_has_the_output_of_a_matcher_given_masked_slots() -> None:
    entry = CriterionEntry(label="", kind="tracking", matcher="hnetgru")
    padded = load_matcher(entry, 1, STUDY.matchers, Path("nowhere")).module
    distance, mask = torch.tensor([[[0.3]]]), torch.tensor([[True]])
    whole = torch.full((1, 2, 2), torch.nan)
    whole[0, 0, 0] = 0.3
    first = torch.tensor([[True, False]])
    expected = resolve_model("hnetgru", hnetzoo.discover()).load()(whole, first, first)
    assert torch.equal(padded(distance, mask, mask), expected[:, :1, :1])


@pytest.mark.parametrize("values", [{"kind": "tracking"}, {"kind": "fixed-order", "matcher": "hnetgru"}])
def test_only_tracking_takes_a_matcher(values: dict[str, str], tmp_path: Path) -> None:
    lines = [f'{name} = "{value}"' for name, value in values.items()]
    path = tmp_path / "study.toml"
    path.write_text("scenarios = []\n[[criteria]]\nlabel = 'mine'\n" + "\n".join(lines))
    with pytest.raises(ConfigError, match=r"'mine' is .* with matcher '.*'; only tracking takes one"):
        read_study(path)


def with_classes(generator: torch.Generator, sources: int, share: float = 0.7) -> tuple[Estimate, Examples]:
    guess, truth = problem(generator, sources, share)
    sound = torch.randint(3, truth.active.shape, generator=generator) * truth.active
    sounds = torch.randn((*guess.activity.shape, 3), generator=generator)
    return guess._replace(sounds=sounds), truth._replace(sound=sound)


@pytest.mark.parametrize("entry", TUNED, ids=lambda entry: entry.label)
@pytest.mark.parametrize("sources", [1, 3])
def test_every_parameter_gets_a_finite_gradient_with_classes(
    generator: torch.Generator, entry: CriterionEntry, sources: int, runs: Path
) -> None:
    _, truth = with_classes(generator, sources)
    torch.manual_seed(0)
    localizer = (ClassWiseLocalizer if entry.kind == "adpit" else Localizer)(sources, 3)
    matcher = load_matcher(entry, sources, TRAINING, runs).module if entry.matcher else None
    terms = build_criterion(entry, matcher)(localizer(truth.features), truth)
    assert ("classes" in terms) == (entry.kind != "adpit")
    torch.stack(list(terms.values())).sum().backward()
    for name, parameter in localizer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_parts_of_adpit_are_its_loss(generator: torch.Generator) -> None:
    _, truth = with_classes(generator, 2)
    torch.manual_seed(0)
    guess = ClassWiseLocalizer(2, 3)(truth.features)
    terms = build_criterion(CriterionEntry(label="", kind="adpit"), None)(guess, truth)
    tracks = guess.directions.view(4, FRAMES, 3, 2, 3)
    whole = ADPITLoss()(truth.directions, tracks, truth.active, reference_class=truth.sound)
    assert torch.allclose(terms["distance"] + terms["activity"], whole)


def test_a_probable_class_makes_a_pair_cheaper(generator: torch.Generator) -> None:
    _, truth = with_classes(generator, 2, share=1.0)
    truth = truth._replace(sound=torch.tensor([0, 1]).expand_as(truth.sound))
    middle = truth.directions.mean(2, keepdim=True).expand_as(truth.directions)  # as near to one as to the other
    sounds = 9.0 * torch.eye(3)[[1, 0]].expand(*truth.active.shape, 3)
    guess = Estimate(middle, torch.zeros(truth.active.shape), sounds)
    crossed = torch.eye(2).flip(0).bool().expand(4, FRAMES, 2, 2)
    found = sound_terms(guess, truth, crossed)["classes"]
    for level in ("frame", "track"):
        pit = build_criterion(CriterionEntry(label="", kind="permutation-invariant", level=level), None)
        assert torch.allclose(pit(guess, truth)["classes"], found)
    assert found < 0.01 < sound_terms(guess, truth, ~crossed)["classes"]


def test_a_price_of_switches_keeps_a_pairing_that_frames_would_leave(generator: torch.Generator) -> None:
    directions = torch.eye(3)[:2].expand(1, FRAMES, 2, 3)
    none = torch.zeros(1, FRAMES, 2).long()
    truth = Examples(torch.empty(1, 0), directions, none == 0, none, none)
    swapped = directions.clone()
    swapped[:, 2] = directions[:, 2].flip(1)
    guess = Estimate(swapped, torch.zeros(1, FRAMES, 2), torch.empty(1, FRAMES, 2, 0))

    def distance(**settings: object) -> float:
        entry = CriterionEntry(label="", kind="permutation-invariant", **settings)  # type: ignore[arg-type]
        return float(build_criterion(entry, None)(guess, truth)["distance"])

    assert distance() == distance(switch_cost=0.5) == 0  # two switches for 2 x 2 of squared distance
    assert distance(switch_cost=3.0) == distance(level="track") == pytest.approx(4 / (2 * FRAMES))


def test_exchangeable_that_leaves_nothing_unmatched_trains_as_sinkhorn_does(generator: torch.Generator) -> None:
    guess, truth = with_classes(generator, 3)
    found = []
    for matcher, settings in (("sinkhorn", {}), ("exchangeable", {"unmatched": "never"})):
        entry = CriterionEntry(label="", kind="tracking", matcher=matcher, settings=settings)
        directions = guess.directions.clone().requires_grad_()
        criterion = build_criterion(entry, load_matcher(entry, 3, TRAINING, Path("nowhere")).module)
        total(criterion, guess._replace(directions=directions), truth).backward()
        found.append(directions.grad)
    assert torch.equal(found[0], found[1])
