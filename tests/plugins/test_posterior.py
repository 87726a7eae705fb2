"""The exact posterior of doa-tracks agrees with enumerating all matchings, and with how often pairs are true."""

from itertools import combinations, permutations
from math import comb, factorial
from typing import Any

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo_doa.config import DOATracksConfig
from hnetzoo_doa.gate import pair_density
from hnetzoo_doa.posterior import pair_posterior
from hnetzoo_doa.tracks import DOATracks


def problems(**settings: Any) -> tuple[DOATracksConfig, hnetzoo.AssociationBatch]:
    config = DOATracksConfig(**settings)
    return config, DOATracks(config).load("test", seed=0)


def enumerated(config: DOATracksConfig, distance: np.ndarray[Any, Any], speeds: list[float]) -> np.ndarray[Any, Any]:
    """Return the posterior of the pairs of one problem by listing its matchings for each of some speeds."""
    (k, m), angle = distance.shape, 2 * np.arcsin(distance / 2)
    share, total = np.zeros((k, m)), 0.0
    for speed in speeds:
        density = pair_density(config.model_copy(update={"speed_deg": (speed, speed)}), angle.ravel()).reshape(k, m)
        for size in range(min(k, m) + 1):
            alarms, free = m - size, config.max_doas - size
            if alarms > free:
                continue
            chance = (1 - config.miss_rate) ** size * config.miss_rate ** (k - size)
            chance *= comb(free, alarms) * config.clutter_rate**alarms * (1 - config.clutter_rate) ** (free - alarms)
            for rows in combinations(range(k), size):
                for columns in permutations(range(m), size):
                    weight = chance * factorial(alarms) / factorial(m) * np.prod(density[list(rows), list(columns)])
                    share[list(rows), list(columns)] += weight
                    total += weight
    return share / total


@pytest.mark.parametrize("rates", [(0.2, 0.3), (0.0, 0.3), (0.2, 0.0), (0.5, 0.9)])
@pytest.mark.parametrize("speeds", ["scene", "source"])
def test_the_posterior_is_the_share_of_all_matchings(rates: tuple[float, float], speeds: str) -> None:
    miss, clutter = rates
    known = {"speed_deg": (2, 2), "noise_deg": 8.0, "miss_rate": miss, "clutter_rate": clutter, "speeds": speeds}
    config, batch = problems(max_doas=4, samples=300, **known)
    posterior = pair_posterior(config, batch)
    for problem in range(len(batch.distance)):
        rows, columns = batch.row_mask[problem], batch.col_mask[problem]
        if rows.any() and columns.any():
            expected = enumerated(config, batch.distance[problem][rows][:, columns].double().numpy(), [2.0])
            np.testing.assert_allclose(posterior[problem][rows][:, columns].numpy(), expected, atol=2e-4)


def test_a_speed_that_sources_share_is_integrated_out() -> None:
    config, batch = problems(max_doas=3, samples=100, noise_deg=8.0)
    speeds = np.linspace(0.05, 4.95, 50).tolist()
    posterior = pair_posterior(config, batch)
    for problem in range(len(batch.distance)):
        rows, columns = batch.row_mask[problem], batch.col_mask[problem]
        if rows.any() and columns.any():
            expected = enumerated(config, batch.distance[problem][rows][:, columns].double().numpy(), speeds)
            np.testing.assert_allclose(posterior[problem][rows][:, columns].numpy(), expected, atol=5e-3)


@pytest.mark.parametrize("settings", [{}, {"speeds": "source"}, {"motion": "random-walk", "max_doas": 6}])
def test_pairs_are_true_as_often_as_the_posterior_says(settings: dict[str, Any]) -> None:
    config, batch = problems(samples=30_000, **settings)
    posterior, truth = pair_posterior(config, batch)[batch.cells], batch.association[batch.cells].double()
    for low, high in ((0.02, 0.3), (0.3, 0.7), (0.7, 0.98), (0.98, 1.0)):
        chosen = (posterior > low) & (posterior <= high)
        error = (posterior[chosen] * (1 - posterior[chosen])).sum().sqrt() / chosen.sum()
        assert abs((posterior - truth)[chosen].mean()) < 4 * error


def test_no_solver_or_network_has_more_right_pairs() -> None:
    config, batch = problems(samples=20_000)
    found = pair_posterior(config, batch) > 0.5
    for name, settings in (("hungarian-gated", {"gate": DOATracks(config).gate}), ("exchangeable", {})):
        model = hnetzoo.load_model(name, **settings)
        with torch.inference_mode():
            other = (model(*batch.problems) > 0) & batch.cells
        assert (found != batch.association).sum() < (other != batch.association).sum()


def test_nothing_is_likely_outside_the_masks() -> None:
    config, batch = problems(max_doas=5, samples=500)
    posterior = pair_posterior(config, batch)
    assert not posterior[~batch.cells].any()
    assert (posterior.sum(1) <= 1 + 1e-9).all()
    assert (posterior.sum(2) <= 1 + 1e-9).all()


def test_no_problems_have_an_empty_posterior() -> None:
    config, batch = problems(samples=20)
    empty = batch.select(torch.arange(0))
    assert pair_posterior(config, empty).shape == (0, 4, 4)


def test_hidden_counts_are_refused() -> None:
    config, batch = problems(samples=20, counts="hidden")
    with pytest.raises(hnetzoo.ConfigError, match="needs 'known'"):
        pair_posterior(config, batch)


def test_problems_that_the_settings_do_not_draw_are_refused() -> None:
    config, batch = problems(samples=20)
    with pytest.raises(hnetzoo.DataError, match="chords, at most 2"):
        pair_posterior(config, batch._replace(distance=batch.distance * 57.3))
    for other in ({"max_doas": 2}, {"miss_rate": 0.0, "clutter_rate": 0.0}):
        with pytest.raises(hnetzoo.DataError, match="draw no problem of"):
            pair_posterior(config.model_copy(update=other), batch)


def test_problems_say_their_posterior_where_that_is_asked_for() -> None:
    config, plain = problems(samples=300)
    _, batch = problems(samples=300, posterior=True)
    assert batch.probability is not None
    torch.testing.assert_close(batch.probability, pair_posterior(config, plain).float())
    assert all(torch.equal(batch.tensors[name], field) for name, field in plain.tensors.items())


@pytest.mark.parametrize("other", [{"counts": "hidden"}, {"history": 2}, {"max_doas": 13}], ids=str)
def test_a_posterior_that_cannot_be_computed_is_refused_in_the_settings(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the posterior (is of distances and known counts|takes twice as long)"):
        DOATracksConfig(posterior=True, **other)
