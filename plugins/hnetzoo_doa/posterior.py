"""The exact posterior of pairs of doa-tracks: how likely each pair is true, given all distances of its problem.

No function of the distances has a smaller expected cross-entropy, and none that decides pair by pair makes fewer errors
in expectation than deciding at 1/2. So it is the ceiling for whatever is learned on these problems.

Sources are uniform on the sphere and move and are observed without a preferred direction, so that positions say no more
than distances. Given what the scene shares, a matching M of k rows with m columns out of S slots has the probability

    P(M) ~ (1 - miss)^|M| miss^(k - |M|) Binomial(m - |M|; S - |M|, clutter) (m - |M|)! / m!  prod over M of 4 pi p(t),

with p the density of where a source is seen again, as in `hnetzoo_doa.gate`; the factorials count the orders of the
columns. The posterior of a pair is the share of all matchings that contain it: the derivative of the log of their sum
with respect to the log of its factor. The sum is taken column set by column set, in k m 2^m steps. A speed that the
sources of a scene share is integrated out over the whole problem, one of its own pair by pair.

Source: L. G. Valiant, "The complexity of computing the permanent", TCS 1979, for why it takes exponentially many steps;
R. Bellman, "Dynamic Programming Treatment of the Travelling Salesman Problem", JACM 1962, for sums over sets.
"""

from itertools import product

import numpy as np
import torch
from scipy.special import gammaln, xlogy
from scipy.stats import binom
from torch import Tensor

import hnetzoo
from hnetzoo_doa.config import DOATracksConfig
from hnetzoo_doa.gate import midpoints, pair_density
from hnetzoo_doa.geometry import Floats

SCENES = 48  # speeds that a scene may have, and a sixth as many accelerations
ANGLES = 2049  # angles at which densities are computed; linear between them
LEAST_DENSITY = 1e-12  # of seeing a source again, in units of 1 / (4 pi), above rounding errors of the Legendre series
LARGEST_CHORD = 2 * (1 + 1e-5)  # with rounding
LARGEST_SETS = 2**21  # sums over column sets held at once, in numbers


def pair_posterior(config: DOATracksConfig, batch: hnetzoo.AssociationBatch) -> Tensor:
    """Return the probability that each pair is true, float64 [b, n, m]; 0 outside the masks.

    Args:
        config: Settings of the dataset, with known counts. Time and memory double with every slot above ten.
        batch: Problems of the dataset [chord]; what is true is not read.

    Raises:
        hnetzoo.ConfigError: If counts are hidden.
        hnetzoo.DataError: If the dataset draws no such problem: a distance is above 2, or there are more points than
            slots, or misses or false alarms that have no probability.

    Example:
        >>> config = DOATracksConfig(max_doas=3, samples=100)
        >>> batch = hnetzoo.load_dataset("doa-tracks", max_doas=3, samples=100).load("test", seed=0)
        >>> posterior = pair_posterior(config, batch)
        >>> posterior.shape, bool((posterior.sum(2) < 1 + 1e-9).all())
        (torch.Size([10, 3, 3]), True)
    """
    if config.counts != "known":
        raise hnetzoo.ConfigError(f"counts is '{config.counts}'; the exact posterior needs 'known'")
    largest = batch.distance[batch.cells].max().item() if batch.cells.any() else 0.0
    if not largest < LARGEST_CHORD:
        raise hnetzoo.DataError(f"a distance is {largest:g}; those of doa-tracks are chords, at most 2")
    densities = _densities(config)
    posterior = torch.zeros_like(batch.distance, dtype=torch.float64)
    rows, columns = batch.row_mask.sum(1), batch.col_mask.sum(1)
    for k, m in product(range(1, batch.distance.shape[1] + 1), range(1, batch.distance.shape[2] + 1)):
        problems = ((rows == k) & (columns == m)).nonzero().squeeze(1)
        matching = torch.from_numpy(_matching_sizes(config, k, m))
        if len(problems) and not matching.any():
            raise hnetzoo.DataError(f"these settings draw no problem of {k} rows and {m} columns; give those it is of")
        for chosen in torch.split(problems, max(1, LARGEST_SETS // (len(densities) * k * 2**m))):
            cells = batch.cells[chosen]
            angle = 2 * torch.asin((batch.distance[chosen][cells].double() / 2).clamp(max=1))
            found = _posterior(_interpolated(densities, angle.view(-1, k, m)), matching)
            posterior[chosen] = posterior[chosen].masked_scatter(cells, found)
    return posterior


def _densities(config: DOATracksConfig) -> Tensor:
    """Return the density of pairs by what a scene shares and by the angle, float64 [scenes, ANGLES]."""
    angle_rad = np.linspace(0, np.pi, ANGLES)
    settings = [config] if config.speeds == "source" else _scenes(config)
    densities = np.stack([pair_density(scene, angle_rad) for scene in settings])
    return torch.from_numpy(densities.clip(LEAST_DENSITY))


def _scenes(config: DOATracksConfig) -> list[DOATracksConfig]:
    """Return settings with one speed and acceleration each, all equally likely."""
    speeds = midpoints(*config.speed_deg, SCENES).tolist()
    accelerations = midpoints(*config.acceleration_deg, SCENES // 6).tolist()
    ranges = ({"speed_deg": (v, v), "acceleration_deg": (a, a)} for v in speeds for a in accelerations)
    return [config.model_copy(update=update) for update in ranges]


def _matching_sizes(config: DOATracksConfig, k: int, m: int) -> Floats:
    """Return the factor of matchings of 0..m pairs, of k rows and m columns."""
    pairs = np.arange(m + 1)
    possible = (pairs <= k) & (max(k, m) <= config.max_doas)
    seen = np.minimum(pairs, k)
    logs = xlogy(seen, 1 - config.miss_rate) + xlogy(k - seen, config.miss_rate)
    logs += binom.logpmf(m - pairs, config.max_doas - pairs, config.clutter_rate)
    logs += gammaln(m - pairs + 1) - gammaln(m + 1)
    return np.where(possible, np.exp(logs), 0.0)


def _interpolated(densities: Tensor, angle: Tensor) -> Tensor:
    """Return densities [b, scenes, k, m] at angles [b, k, m] [radians]."""
    place = angle * ((ANGLES - 1) / np.pi)
    below = place.long().clamp(max=ANGLES - 2)
    share = place - below
    between = densities[:, below] * (1 - share) + densities[:, below + 1] * share
    return between.transpose(0, 1)


def _posterior(factors: Tensor, of_size: Tensor) -> Tensor:
    """Return the posterior [b, k, m] of pairs with factors [b, scenes, k, m], and of matchings by size [m + 1]."""
    with torch.enable_grad():
        logs = factors.log().requires_grad_()
        weights = logs.exp()
        sums = torch.zeros(*weights.shape[:2], 2 ** weights.shape[3], dtype=weights.dtype)
        sums[..., 0] = 1
        for row in weights.unbind(2):
            sums = _with_row(sums, row)
        sets = torch.arange(sums.shape[-1])
        sizes = sum((sets >> column) & 1 for column in range(weights.shape[3]))
        total = (sums * of_size[sizes]).sum((1, 2))
        (shares,) = torch.autograd.grad(total.log().sum(), logs)
    return shares.sum(1)


def _with_row(sums: Tensor, row: Tensor) -> Tensor:
    """Return sums over matchings by the set of columns taken, [b, scenes, 2^m], once a row [b, scenes, m] may pair."""
    total = sums
    for column, factor in enumerate(row.unbind(2)):
        free = sums.view(*sums.shape[:2], 2 ** (row.shape[2] - 1 - column), 2, 2**column)[..., :1, :]
        taken = free * factor[..., None, None, None]
        total = total + torch.cat((torch.zeros_like(taken), taken), 3).flatten(2)
    return total
