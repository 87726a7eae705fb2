"""Earlier sightings of tracks agree with a search of all frames."""

import numpy as np
import pytest

import hnetzoo


def searched(identity: np.ndarray, known: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    age, slot = np.zeros(known.shape, int), np.zeros(known.shape, int)
    for frame, own in np.argwhere(known):
        for ago in range(1, min(longest, frame) + 1):
            for other in np.flatnonzero(known[frame - ago]):
                if (identity[frame - ago, other] == identity[frame, own]).all():
                    age[frame, own], slot[frame, own] = ago, other
    return age, slot


@pytest.mark.parametrize("parts", [(), (2,)])
@pytest.mark.parametrize("longest", [1, 3, 50])
def test_the_earliest_sighting_of_the_last_frames_is_found(parts: tuple[int, ...], longest: int) -> None:
    rng = np.random.default_rng(0)
    identity = np.stack([rng.permutation(8)[:4] for _ in range(20)])
    if parts:
        identity = np.stack((identity, identity % 3), -1)
    known = rng.random((20, 4)) < 0.6
    age, slot = hnetzoo.earlier_sightings(identity, known, longest)
    expected = searched(identity, known, longest)
    assert np.array_equal(age, expected[0])
    assert np.array_equal(np.where(age > 0, slot, 0), expected[1])


def test_slots_without_identity_are_followed_from_frame_to_frame() -> None:
    known = np.zeros((4, 2), dtype=bool)
    crossed = np.array([[False, True], [True, False]])
    links = np.stack((crossed, crossed, np.zeros((2, 2), dtype=bool)))
    age, slot = hnetzoo.earlier_sightings(np.full((4, 2), -1), known, 5, links)
    assert age.tolist() == [[0, 0], [1, 1], [2, 2], [0, 0]]
    assert slot[:3].tolist() == [[0, 0], [1, 0], [0, 1]]


def test_no_frames_and_one_frame_have_no_sightings() -> None:
    for frames in (0, 1):
        age, _ = hnetzoo.earlier_sightings(np.zeros((frames, 2), int), np.ones((frames, 2), dtype=bool), 3)
        assert age.tolist() == [[0, 0]] * frames


def test_angular_velocities_take_directions_along_great_circles() -> None:
    rng = np.random.default_rng(1)
    first, second = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in rng.standard_normal((2, 50, 3)))
    velocity = hnetzoo.angular_velocity(first, second, np.full(50, 4.0))
    speed = np.linalg.norm(velocity, axis=-1)
    assert np.allclose(speed * 4, np.arccos((first * second).sum(-1)))
    assert np.allclose((velocity * second).sum(-1), 0)
    back = np.cos(4 * speed)[:, None] * second - np.sin(4 * speed)[:, None] * velocity / speed[:, None]
    assert np.allclose(back, first)
    same = hnetzoo.angular_velocity(first, first, np.full(50, 4.0))
    assert np.abs(same).max() < 1e-7
    assert not hnetzoo.angular_velocity(first, second, np.zeros(50)).any()
