"""Declare the forest."""

from collections.abc import Iterable

import hnetzoo

BREIMAN = hnetzoo.Citation(
    authors="L. Breiman",
    title="Random Forests",
    year=2001,
    venue="Machine Learning",
    url="https://doi.org/10.1023/A:1010933404324",
)


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of the forest."""
    return [
        hnetzoo.ModelSpec(
            name="forest",
            summary="Random forest on distances, margins, ranks and the exact assignment; fitted, without gradients.",
            target="hnetzoo_forest.model:Forest",
            config="hnetzoo_forest.config:ForestConfig",
            citation=BREIMAN,
            tags=frozenset({"fitted", "non-differentiable"}),
            trainer="hnet",
            dataset="doa-tracks",
        )
    ]
