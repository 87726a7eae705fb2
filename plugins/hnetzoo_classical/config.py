"""Settings of the classical solvers."""

from typing import Literal

from pydantic import NonNegativeFloat

import hnetzoo


class HungarianConfig(hnetzoo.Config):
    """The plain Hungarian algorithm has no settings."""


class GatedHungarianConfig(hnetzoo.Config):
    """Settings of the gated Hungarian algorithm."""

    gate: NonNegativeFloat = 2.0
    """Largest distance of a pair [the dataset's unit]; 2.0 is the largest chord between directions."""
    gating: Literal["before", "after"] = "before"
    """"before": pairs beyond the gate are forbidden before matching; "after": they are dropped after matching."""


class GreedyConfig(hnetzoo.Config):
    """Settings of greedy matching."""

    gate: NonNegativeFloat | None = None
    """Largest distance of a pair [the dataset's unit]; none by default."""


class MutualNearestConfig(hnetzoo.Config):
    """Settings of mutual nearest neighbours."""

    gate: NonNegativeFloat | None = None
    """Largest distance of a pair [the dataset's unit]; none by default."""
