"""The Bayes gate of doa-tracks: the largest distance at which a pair is at least as likely true as false.

Take one source, observed at x in the earlier frame, and one prediction at y, at an angle t from x. Either the source
was predicted at y, or it was missed and y is a false alarm:

    true pair         (1 - miss) p(t)                         p: density per steradian of where a source is seen again
    miss and clutter  miss * clutter * F / (4 pi)             F: free prediction slots, if that source was missed

With S = max_doas slots, there are 0..S sources, uniformly, so an existing source has E[others] = (2 S + 1) / 3 - 1
others beside it, and each detected one takes a slot: F = S - (1 - miss) (2 S - 2) / 3. The gate is the largest angle at
which the true pair is at least as likely,

    4 pi p(t) >= miss / (1 - miss) * clutter * F,

given as a chord, 2 sin(t / 2). It considers each pair alone: competition for predictions is left to the assignment, and
what the other sources of a scene tell about its speed is not used. With the default settings the gate tuned on the data
agrees with it to 0.05.

p results from turns with uniform headings: noise, motion, noise. Such densities are convolved on the sphere by
multiplying their Legendre coefficients, E[P_l(cos angle)] of each turn. So

    4 pi p(t) = sum over l of (2 l + 1) noise_l^2 motion_l P_l(cos t),

with noise_l = E[P_l(cos r)], r Rayleigh of scale noise_deg, and motion_l = E[P_l(cos(k v + k^2 a / 2))] on a great
circle, E[P_l(cos v)^k] for a random walk, over the ranges of speed v and acceleration a, in k steps.

Source: P. H. Roberts, H. D. Ursell (1960), Random walk on a sphere and on a Riemannian manifold (the convolution).
"""

from collections.abc import Iterator

import numpy as np

from hnetzoo_doa.config import DOATracksConfig
from hnetzoo_doa.geometry import Floats

ANGLES = 4096  # number of angles compared; the gate is exact to pi / 4095
QUADRATURE = 512  # points per distribution of speed or noise; a sixteenth of it for acceleration
WIDEST = 8.0  # standard deviations at which the distribution of noise is cut off
NEGLIGIBLE = 6.0  # coefficients beyond order 6 / noise [radians] are below exp(-36)


def bayes_gate(config: DOATracksConfig) -> float:
    """Return the gate [chord, 0..2]: 0 if clutter is more likely than every pair, 2 if there is none.

    Example:
        >>> round(bayes_gate(DOATracksConfig(clutter_rate=0.1)), 2), bayes_gate(DOATracksConfig(clutter_rate=0))
        (0.98, 2.0)
    """
    angle_rad = np.linspace(0, np.pi, ANGLES)
    likely = pair_density(config, angle_rad) >= clutter_density(config)
    if not likely.any():
        return 0.0
    return float(2 * np.sin(angle_rad[likely.nonzero()[0][-1]] / 2))


def clutter_density(config: DOATracksConfig) -> float:
    """Return the density of a miss with clutter at y, relative to a detection, in units of 1 / (4 pi).

    Example:
        >>> round(clutter_density(DOATracksConfig(max_doas=1, miss_rate=0.5, clutter_rate=0.2)), 3)
        0.2
    """
    detection = 1 - config.miss_rate
    free = config.max_doas - detection * (2 * config.max_doas - 2) / 3
    return config.miss_rate * config.clutter_rate * free / detection if detection else np.inf


def pair_density(config: DOATracksConfig, angle_rad: Floats) -> Floats:
    """Return the density of seeing a source again at an angle [radians, any shape], in units of 1 / (4 pi)."""
    noise_rad = np.deg2rad(config.noise_deg)
    deviations = midpoints(0, WIDEST, QUADRATURE)
    weights = deviations * np.exp(-(deviations**2) / 2)  # Rayleigh, up to its scale
    motion, steps = _displacements(config)
    orders = int(NEGLIGIBLE / noise_rad) + 1
    angles = (deviations * noise_rad, motion, angle_rad)
    density = np.zeros_like(angle_rad)
    for order, terms in enumerate(zip(*(_legendre(np.cos(angle), orders) for angle in angles), strict=True)):
        of_noise, of_motion, of_angle = terms
        noise = np.average(of_noise, weights=weights)
        density += (2 * order + 1) * noise**2 * (of_motion**steps).mean() * of_angle
    return density


def _displacements(config: DOATracksConfig) -> tuple[Floats, int]:
    """Return equally likely turns by motion [radians], and how many times each is repeated."""
    slowest, fastest = np.deg2rad(config.speed_deg)
    speed = midpoints(slowest, fastest, QUADRATURE)
    if config.motion == "random-walk":
        return speed, config.steps
    least, most = np.deg2rad(config.acceleration_deg)
    acceleration = midpoints(least, most, QUADRATURE // 16)
    return (speed[:, None] * config.steps + acceleration * config.steps**2 / 2).ravel(), 1


def midpoints(low: float, high: float, count: int) -> Floats:
    """Return the middles of `count` equal parts of a range; one number if the range is a point.

    Example:
        >>> midpoints(0, 1, 2).tolist()
        [0.25, 0.75]
    """
    count = count if high > low else 1
    middles: Floats = low + (high - low) * (np.arange(count) + 0.5) / count
    return middles


def _legendre(x: Floats, orders: int) -> Iterator[Floats]:
    """Yield the Legendre polynomials P_0(x), P_1(x), ... by Bonnet's recurrence."""
    previous, current = np.zeros_like(x), np.ones_like(x)
    for order in range(orders):
        yield current
        previous, current = current, ((2 * order + 1) * x * current - order * previous) / (order + 1)
