"""Scenes: directions of plane waves, diffuse noise, and births and deaths of sources."""

import pytest
import torch
from torch import Tensor

from benchmarks.localizer.features import extract
from benchmarks.localizer.scenes import (
    LABEL_HOP,
    SAMPLE_RATE,
    Labels,
    Sources,
    diffuse_noise,
    draw_scenes,
    draw_sources,
    encode,
    label,
    played,
    sample_times,
)
from benchmarks.localizer.settings import SceneSettings
from benchmarks.localizer.signals import draw_signals

FRAMES = 20
SETTINGS = SceneSettings(train=4, validation=4, test=4, frames=FRAMES)
FIRST_EDITION = (3.03597, -2.56610, 12.82539)  # parts of the audio and of the labels, by the code of its tables


def drawn(generator: torch.Generator, shape: tuple[int, int] = (8, 2), settings: SceneSettings = SETTINGS) -> Sources:
    return draw_sources(settings, shape, generator)


def lifelong(generator: torch.Generator, scenes: int, snr_db: float = 10.0) -> Sources:
    """Return one source per scene that is active from the first frame to the last."""
    sources = Sources(*(tensor[:, :, :1] for tensor in drawn(generator, (scenes, 1))))
    full = torch.full_like(sources.snr_db, snr_db)
    return sources._replace(birth=torch.zeros_like(sources.birth), death=sources.death * 0 + FRAMES, snr_db=full)


def heard(sources: Sources, generator: torch.Generator) -> Tensor:
    signals = draw_signals(tuple(sources.birth.shape), sample_times(FRAMES), generator)
    return encode(sources, played(sources, signals, FRAMES))


def test_the_intensity_of_a_single_source_points_at_it_at_any_time(generator: torch.Generator) -> None:
    sources = lifelong(generator, 6)
    audio = heard(sources, generator)
    intensity = audio[:, :1] * audio[:, 1:]  # [b, 3, samples]
    truth = sources.directions(sample_times(FRAMES))[:, 0, 0].mT
    assert torch.allclose(intensity, truth * audio[:, :1].square(), atol=1e-4)


def test_a_source_moves_at_its_speed_along_a_great_circle(generator: torch.Generator) -> None:
    sources = drawn(generator)
    seconds = torch.linspace(0, 2, 9)
    path = sources.directions(seconds)
    assert torch.allclose(path.norm(dim=-1), torch.ones(()), atol=1e-5)
    cosine = (path[..., 1:, :] * path[..., :-1, :]).sum(-1)
    assert torch.allclose(cosine, (sources.speed / 4).cos().unsqueeze(-1).expand_as(cosine), atol=1e-5)
    normal = torch.linalg.cross(sources.start, sources.heading)
    assert torch.allclose((path * normal.unsqueeze(-2)).sum(-1), torch.zeros(()), atol=1e-5)


@pytest.mark.parametrize("snr_db", [-3.0, 0.0, 20.0])
def test_the_power_of_an_active_source_over_the_noise_is_its_snr(generator: torch.Generator, snr_db: float) -> None:
    clean = heard(lifelong(generator, 4, snr_db), generator)[:, 0]
    noise = diffuse_noise(4, clean.shape[1], generator)[:, 0]
    ratio = clean.square().mean(1) / noise.square().mean(1)
    assert torch.allclose(10 * ratio.log10(), torch.full((4,), snr_db), atol=0.2)


def test_snr_is_over_the_life_of_a_source_and_not_over_the_scene(generator: torch.Generator) -> None:
    sources = lifelong(generator, 4, 0.0)
    short = sources._replace(death=sources.death - FRAMES // 2)
    energy = heard(short, generator)[:, 0].square().sum(1)
    assert torch.allclose(energy, torch.full((4,), FRAMES / 2 * LABEL_HOP), rtol=1e-3)


def test_diffuse_noise_has_no_direction_and_a_third_of_its_power_on_each_axis(generator: torch.Generator) -> None:
    noise = diffuse_noise(1, 200_000, generator)[0]
    covariance = noise @ noise.T / noise.shape[1]
    assert torch.allclose(covariance, torch.diag(torch.tensor([1.0, 1 / 3, 1 / 3, 1 / 3])), atol=0.01)


def test_two_sources_add_up(generator: torch.Generator) -> None:
    sources = drawn(generator, (3, 2))
    signals = played(sources, draw_signals(tuple(sources.birth.shape), sample_times(FRAMES), generator), FRAMES)
    apart = [
        encode(Sources(*(tensor[:, slot : slot + 1] for tensor in sources)), signals[:, slot : slot + 1])
        for slot in (0, 1)
    ]
    assert torch.allclose(encode(sources, signals), apart[0] + apart[1], atol=1e-4)


def test_lives_and_gaps_are_as_long_as_drawn_and_fill_the_scene(generator: torch.Generator) -> None:
    sources = drawn(generator, (200, 3))
    lives, gaps = sources.death - sources.birth, sources.birth[..., 1:] - sources.death[..., :-1]
    assert (lives.min(), lives.max()) == SETTINGS.life_frames
    assert (gaps.min(), gaps.max()) == SETTINGS.gap_frames
    assert sources.birth[..., 0].min() < 0 < sources.birth[..., 0].max()
    assert (sources.death[..., -1] + SETTINGS.gap_frames[0] >= FRAMES).all()


@pytest.mark.parametrize(("life", "gap"), [((1, 1), (0, 1)), ((3, 5), (0, 2)), ((50, 60), (7, 9))])
def test_no_scene_runs_out_of_sources(generator: torch.Generator, life: tuple[int, int], gap: tuple[int, int]) -> None:
    sources = drawn(generator, (50, 2), SceneSettings(frames=FRAMES, life_frames=life, gap_frames=gap))
    assert (sources.death[..., -1] + gap[0] >= FRAMES).all()


def test_labels_give_the_active_sources_and_their_directions(generator: torch.Generator) -> None:
    sources = drawn(generator, (5, 2))
    sources = sources._replace(sound=torch.randint(3, sources.birth.shape, generator=generator))
    labels = label(sources, FRAMES)
    none = torch.zeros(5, FRAMES, 2).long()
    expected = Labels(torch.zeros(5, FRAMES, 2, 3), none.bool(), none, none.clone())
    for scene, slot, life in torch.cartesian_prod(*map(torch.arange, sources.birth.shape)).tolist():
        who = (scene, slot, life)
        for frame in range(max(0, sources.birth[who]), min(FRAMES, sources.death[who])):
            turn = sources.speed[who] * (frame + 0.5) * LABEL_HOP / SAMPLE_RATE
            expected.directions[scene, frame, slot] = (
                turn.cos() * sources.start[who] + turn.sin() * sources.heading[who]
            )
            expected.active[scene, frame, slot] = True
            expected.identity[scene, frame, slot] = life
            expected.sound[scene, frame, slot] = sources.sound[who]
    assert torch.allclose(labels.directions, expected.directions, atol=1e-6)
    assert torch.equal(labels.active, expected.active)
    assert torch.equal(labels.identity, expected.identity)
    assert torch.equal(labels.sound, expected.sound)


def test_scenes_are_silent_without_an_active_source(generator: torch.Generator) -> None:
    sources = drawn(generator)
    audio = heard(sources, generator)
    power = audio[:, 0].view(len(audio), FRAMES, LABEL_HOP).square().sum(-1)
    assert torch.equal(power > 0, label(sources, FRAMES).active.any(-1))


def test_scenes_depend_on_split_seed_and_number_of_sources() -> None:
    def first(split: str, seed: int, sources: int = 2) -> Tensor:
        return next(draw_scenes(SETTINGS, sources, split, seed))[0]  # type: ignore[arg-type]

    scene = first("train", 0)
    assert torch.equal(scene, first("train", 0))
    for other in (first("validation", 0), first("test", 0), first("train", 1), first("train", 0, 3)):
        assert not torch.allclose(scene, other)


def test_a_split_has_the_given_number_of_scenes() -> None:
    parts = list(draw_scenes(SceneSettings(test=19, frames=5), 1, "test", 0))
    assert [len(audio) for audio, _ in parts] == [16, 3]


@pytest.mark.parametrize("same", [False, True])
def test_sources_of_a_scene_have_one_class_only_if_they_are_to(generator: torch.Generator, same: bool) -> None:
    sounds = draw_sources(SceneSettings(classes=True, same_class=same), (40, 4), generator).sound.flatten(1)
    assert set(sounds.flatten().tolist()) == {0, 1, 2}
    assert bool((sounds == sounds[:, :1]).all()) == same


def test_classes_are_told_apart_by_the_mean_of_their_spectra(generator: torch.Generator) -> None:
    sounds = torch.arange(3).repeat(40)
    signals = draw_signals((120,), sample_times(10), generator, sounds)
    bands = extract(signals.unsqueeze(1).expand(-1, 4, -1))[:, 0].mean(1)  # [120, bands], logarithms
    bands = bands - bands.logsumexp(1, keepdim=True)
    known, asked = bands[:60], bands[60:]
    means = torch.stack([known[sounds[:60] == sound].mean(0) for sound in range(3)])
    told = torch.cdist(asked, means).argmin(1)
    assert (told == sounds[60:]).float().mean() > 0.9
    frequency = torch.fft.rfftfreq(signals.shape[-1], 1 / SAMPLE_RATE)
    power = torch.fft.rfft(signals).abs().square()
    centre = ((power * frequency).sum(1) / power.sum(1)).view(40, 3).median(0).values
    assert centre[1] < centre[0] < centre[2]


def test_without_room_and_classes_scenes_are_those_of_the_first_edition() -> None:
    audio, labels = next(draw_scenes(SETTINGS, 2, "train", 0))
    assert (labels.sound == 0).all()
    found = [float(value) for value in (audio[0, 0, :8].sum(), audio[3, 2, 1000:1008].sum(), labels.directions.sum())]
    assert found == pytest.approx(FIRST_EDITION, rel=1e-3)
