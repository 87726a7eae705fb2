"""Synthetic scenes: people who walk on the ground before a camera that pans, zooms, shakes and drives.

Conventions: `b` scenes of `s` people; the ground is the plane y = 0, x points right and z away from the camera [m].
Images are one unit high, with the origin in the middle, x right and y down. Times are seconds from the frame of the
references.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnetzoo_mot.config import BoxTracksConfig, Range

NEAREST = 1.0  # people nearer to the camera are not seen [m]
BESIDE = 1.5  # width of the strip in which people start, in widths of the image

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class People(NamedTuple):
    """Who walks how: places at time 0, [b, s], headings [rad], speeds [m/s], turns [rad/s], heights and widths [m]."""

    x: Floats
    z: Floats
    heading: Floats
    speed: Floats
    turn: Floats
    height: Floats
    width: Floats

    def at(self, time: Floats) -> tuple[Floats, Floats]:
        """Return the places x and z at times [b, s]: everyone walks along an arc of constant turn."""
        half = self.turn * time / 2
        chord = self.speed * time * np.sinc(half / np.pi)
        return self.x + chord * np.sin(self.heading + half), self.z + chord * np.cos(self.heading + half)


class Camera(NamedTuple):
    """How a camera moves, each [b, 1].

    Fields:
        height: Above the ground [m].
        focal: Focal length at time 0 [image heights].
        zoom: Growth of the log of the focal length [1/s].
        pan: Turn to the right [rad/s].
        forward: Speed in the direction of view [m/s].
        tilt: Image height of the horizon [image heights].
        aspect: Width of the image [image heights].
    """

    height: Floats
    focal: Floats
    zoom: Floats
    pan: Floats
    forward: Floats
    tilt: Floats
    aspect: Floats

    def boxes(self, people: People, time: Floats, shake: Floats) -> tuple[Floats, Bools]:
        """Return the boxes of people at times [b, s], [b, s, 4], and who is seen, [b, s].

        Args:
            people: Who is looked at.
            time: Seconds.
            shake: Displacement of the image [b, s, 2].
        """
        x, z = people.at(time)
        half = self.pan * time / 2
        driven = self.forward * time * np.sinc(half / np.pi)
        x, z = x - driven * np.sin(half), z - driven * np.cos(half)
        right, away = x * np.cos(2 * half) - z * np.sin(2 * half), x * np.sin(2 * half) + z * np.cos(2 * half)
        before = away > NEAREST
        scale = self.focal * np.exp(self.zoom * time) / np.where(before, away, NEAREST)
        size = np.stack((people.width, people.height), -1) * scale[..., None]
        foot = np.stack((right * scale, self.height * scale + self.tilt), -1) + shake
        centre = foot - size * (0.0, 0.5)
        inside = (np.abs(centre) < np.stack((self.aspect / 2, np.full_like(self.aspect, 0.5)), -1)).all(-1)
        return np.concatenate((centre - size / 2, size), -1), before & inside


@dataclass(frozen=True)
class Scenes:
    """People, cameras and the shake of images at each frame before time 0, at time 0 and at the later frame."""

    people: People
    camera: Camera
    shake: Floats
    """[b, history + 2, 2]; the later frame is last."""

    def boxes(self, time: Floats, frame: NDArray[np.int64]) -> tuple[Floats, Bools]:
        """Return boxes [b, s, 4] and who is seen [b, s] at times [b, s], which are in frames [b, s] of the shake."""
        scene = np.arange(len(self.shake))[:, None]
        return self.camera.boxes(self.people, time, self.shake[scene, frame])


def draw_scenes(rng: np.random.Generator, count: int, config: BoxTracksConfig) -> Scenes:
    """Return random scenes."""
    camera = _camera(rng, count, config)
    amplitude = uniform(rng, config.shake, (count, 1, 1)) * (rng.random((count, 1, 1)) < config.shaking)
    shake = amplitude * rng.standard_normal((count, config.history + 2, 2))
    return Scenes(_people(rng, count, config, camera), camera, shake)


def uniform(rng: np.random.Generator, bounds: Range, shape: tuple[int, ...]) -> Floats:
    """Return uniform random numbers within bounds."""
    return rng.uniform(*bounds, shape)


def _camera(rng: np.random.Generator, count: int, config: BoxTracksConfig) -> Camera:
    shape = (count, 1)
    kind = rng.random(shape)
    moving = kind < config.moving
    driving = moving & (kind < config.moving * config.driving)
    height = uniform(rng, config.camera_height_m, shape)
    height = np.where(driving, uniform(rng, config.vehicle_height_m, shape), height)
    focal = uniform(rng, config.focal_length, shape)
    middle = np.sqrt(config.depth_m[0] * config.depth_m[1])
    tilt = -focal * (height - 0.8) / middle + uniform(rng, (-0.1, 0.1), shape)
    return Camera(
        height=height,
        focal=focal,
        zoom=uniform(rng, config.zoom, shape) * (moving & ~driving),
        pan=np.deg2rad(uniform(rng, config.pan_deg, shape)) * moving,
        forward=uniform(rng, config.forward_m, shape) * driving,
        tilt=tilt,
        aspect=uniform(rng, config.aspect, shape),
    )


def _people(rng: np.random.Generator, count: int, config: BoxTracksConfig, camera: Camera) -> People:
    shape = (count, config.max_boxes)
    depth = np.exp(uniform(rng, (np.log(config.depth_m[0]), np.log(config.depth_m[1])), shape))
    place = uniform(rng, (-BESIDE / 2, BESIDE / 2), shape) * camera.aspect * depth / camera.focal
    leader = _leaders(rng, shape, config.grouped)
    near = uniform(rng, config.spacing_m, shape) * np.where(rng.random(shape) < 0.5, -1, 1)
    follows = leader != np.arange(shape[1])
    led = [np.take_along_axis(values, leader, 1) for values in (place, depth)]
    place = np.where(follows, led[0] + near, place)
    depth = np.where(follows, led[1] + rng.normal(0, 0.5, shape), depth)
    stride = uniform(rng, config.speed_m, shape) * (rng.random(shape) >= config.standing)
    gait = [rng.uniform(-np.pi, np.pi, shape), stride, np.deg2rad(uniform(rng, config.turn_deg, shape))]
    heading, speed, turn = (np.take_along_axis(values, leader, 1) for values in gait)
    height = uniform(rng, config.height_m, shape)
    width = height * uniform(rng, config.width, shape)
    return People(place, np.maximum(depth, NEAREST), heading, speed, turn, height, width)


def _leaders(rng: np.random.Generator, shape: tuple[int, int], grouped: float) -> NDArray[np.int64]:
    """Return whom everyone walks with, [b, s]: in a share of cases the one in the slot before, otherwise themselves."""
    follows = rng.random(shape) < grouped
    follows[:, 0] = False
    return np.maximum.accumulate(np.where(follows, 0, np.arange(shape[1])), axis=1)
