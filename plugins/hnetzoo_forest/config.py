"""Settings of the forest."""

from typing import Annotated

from pydantic import Field, PositiveInt

import hnetzoo


class ForestConfig(hnetzoo.Config):
    """Settings of the forest."""

    trees: PositiveInt = 30
    """Trees, whose probabilities are averaged."""
    leaves: Annotated[int, Field(ge=2)] = 256
    """Most leaves of a tree; the weights have places for all of them."""
    depth: PositiveInt = 12
    """Most decisions on the way from the root of a tree to a leaf."""
    pairs_per_leaf: PositiveInt = 5
    """Fewest training pairs in a leaf."""
    most_problems: PositiveInt = 50_000
    """Most problems that the forest is fitted to; of a larger training split, so many are drawn at random."""
