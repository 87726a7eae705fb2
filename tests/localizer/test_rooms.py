"""Rooms: images by hand geometry, delays, energy, and the anechoic limit."""

import math

import pytest
import torch
from torch import Tensor

from benchmarks.localizer.features import extract
from benchmarks.localizer.rooms import SOUND_SPEED, Rooms, delayed, draw_rooms, mirror, reverberate
from benchmarks.localizer.scenes import LABEL_HOP, SAMPLE_RATE, draw_scenes
from benchmarks.localizer.settings import RoomSettings, SceneSettings

SETTINGS = RoomSettings()
WALLS = torch.tensor([[[-3.0, 4.0], [-2.0, 2.5], [-1.5, 1.2]]])


def at_rest(point: list[float], samples: int) -> Tensor:
    return torch.tensor(point).view(1, 3, 1).expand(1, 3, samples)


def only(axis: int, side: int, amplitude: float = 1.0) -> Rooms:
    """Return a room of which a single wall reflects."""
    reflection = torch.zeros(1, 3, 2)
    reflection[0, axis, side] = amplitude
    return Rooms(WALLS, reflection)


def test_images_are_as_far_behind_a_wall_as_the_source_is_before_it() -> None:
    found = [
        mirror(at_rest([1.0, -0.5, 0.25], 1), axis, WALLS[:, axis, side]).flatten().tolist()
        for axis in range(3)
        for side in range(2)
    ]
    expected = [[-7, -0.5, 0.25], [7, -0.5, 0.25], [1, -3.5, 0.25], [1, 5.5, 0.25], [1, -0.5, -3.25], [1, -0.5, 2.15]]
    assert torch.allclose(torch.tensor(found), torch.tensor(expected))


@pytest.mark.parametrize(("axis", "side", "image"), [(0, 1, [7.0, 0.0, 0.0]), (1, 0, [1.0, -4.0, 0.0])])
def test_a_click_returns_from_its_image_later_and_weaker(axis: int, side: int, image: list[float]) -> None:
    click = torch.zeros(1, 400)
    click[0, 10] = 1.0
    channels = reverberate(click, at_rest([1.0, 0.0, 0.0], 400), only(axis, side, 0.8), SAMPLE_RATE)[0]
    away = math.hypot(*image)
    delay = (away - 1) / SOUND_SPEED * SAMPLE_RATE
    centre = float((channels[0] * torch.arange(400)).sum() / channels[0].sum())
    assert centre == pytest.approx(10 + delay, abs=1e-2)
    assert float(channels[0].sum()) == pytest.approx(0.8 / away, rel=1e-4)
    for found, coordinate in zip(channels[1:].sum(-1), image, strict=True):
        assert float(found) == pytest.approx(0.8 / away * coordinate / away, abs=1e-5)


def test_a_source_that_moves_away_from_a_wall_sounds_lower_in_it() -> None:
    samples, speed, tone = SAMPLE_RATE, 2.0, 500.0
    seconds = torch.arange(samples) / SAMPLE_RATE
    heard = torch.sin(2 * torch.pi * tone * seconds).unsqueeze(0)
    position = torch.stack((1.5 - speed * seconds, 0.01 + 0 * seconds, 0 * seconds)).unsqueeze(0)
    echo = reverberate(heard, position, only(0, 1), SAMPLE_RATE)[0, 0, 2000:7000]
    crossings = float((echo[1:].sign() != echo[:-1].sign()).sum()) / (5000 / SAMPLE_RATE) / 2
    away = 8.0 - position[0, 0]
    slower = float((away - position[0].norm(dim=0))[6999] - (away - position[0].norm(dim=0))[2000]) / SOUND_SPEED
    assert crossings == pytest.approx(tone * (1 - slower / (5000 / SAMPLE_RATE)), abs=2)


def test_walls_that_absorb_everything_leave_the_anechoic_scene() -> None:
    def audio(room: RoomSettings | None) -> Tensor:
        return next(draw_scenes(SceneSettings(test=2, frames=10, room=room, snr_db=(60.0, 60.0)), 1, "test", 0))[0]

    dead, free = audio(RoomSettings(absorption=(1.0, 1.0))), audio(None)
    live = audio(SETTINGS)
    difference = [float((other - free).square().mean() / free.square().mean()) for other in (dead, live)]
    assert difference[0] < 1e-4  # the noise, drawn after the rooms, differs
    assert difference[1] > 0.05


def test_intensity_points_at_a_single_source_without_reflections_and_near_it_with_them() -> None:
    errors = []
    for absorption in (1.0, 0.4):
        room = RoomSettings(absorption=(absorption, absorption))
        settings = SceneSettings(test=4, frames=20, room=room, snr_db=(40.0, 40.0), life_frames=(60, 60))
        audio, labels = next(draw_scenes(settings, 1, "test", 0))
        intensity = extract(audio)[:, 4:].mean(-1).mT  # [b, t, 3]
        cosine = torch.cosine_similarity(intensity, labels.directions[:, :, 0], dim=-1)[labels.active[:, :, 0]]
        errors.append(float(cosine.clamp(max=1).acos().rad2deg().median()))
    assert errors[0] < 1.0
    assert errors[0] < errors[1] < 30.0


def test_reflections_have_the_energy_of_their_images(generator: torch.Generator) -> None:
    white = torch.randn(1, 40_000, generator=generator)
    rooms = Rooms(WALLS, torch.full((1, 3, 2), 0.7))
    point = [0.5, 0.3, -0.2]
    found = float(reverberate(white, at_rest(point, 40_000), rooms, 10**6)[0, 0].square().mean())
    away = torch.stack([mirror(at_rest(point, 1), a, WALLS[:, a, s]).norm() for a in range(3) for s in range(2)])
    # At a million samples a second all images are many samples apart, and linear interpolation keeps 2/3 on average.
    whole = float((0.7 * torch.tensor(point).norm() / away).square().sum())
    assert 0.5 * whole < found < 1.05 * whole


def test_a_delay_of_whole_and_half_samples_shifts_and_interpolates() -> None:
    signal = torch.tensor([[1.0, 3.0, 7.0, 2.0]])
    assert delayed(signal, torch.full((1, 4), 2.0)).tolist() == [[0.0, 0.0, 1.0, 3.0]]
    assert delayed(signal, torch.full((1, 4), 0.25)).tolist() == [[0.75, 2.5, 6.0, 3.25]]
    assert delayed(signal, torch.full((1, 4), 100.0)).tolist() == [[0.0] * 4]


def test_sources_are_inside_their_rooms(generator: torch.Generator) -> None:
    rooms = draw_rooms(SETTINGS, 200, generator)
    assert (rooms.walls[..., 0] < 0).all()
    assert (rooms.walls[..., 1] > 0).all()
    assert (rooms.nearest * SETTINGS.reach[1] < rooms.walls.abs().amin((1, 2))).all()
    extent = rooms.walls[..., 1] - rooms.walls[..., 0]
    for axis, (low, high) in enumerate((SETTINGS.length_m, SETTINGS.width_m, SETTINGS.height_m)):
        assert low <= extent[:, axis].min() <= extent[:, axis].max() <= high
    assert ((1 - rooms.reflection.square()).clamp(0, 1) >= 0.2 - 1e-6).all()


def test_scenes_hold_up_to_four_sources_in_a_room() -> None:
    settings = SceneSettings(test=8, frames=10, classes=True, room=SETTINGS)
    audio, labels = next(draw_scenes(settings, 4, "test", 0))
    assert audio.shape == (8, 4, 10 * LABEL_HOP)
    assert audio.isfinite().all()
    assert labels.active.sum(-1).amax() == 4
