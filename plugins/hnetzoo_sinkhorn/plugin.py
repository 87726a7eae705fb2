"""Declare sinkhorn: a differentiable solver without weights."""

from collections.abc import Iterable

import hnetzoo

CUTURI = hnetzoo.Citation(
    authors="M. Cuturi",
    title="Sinkhorn Distances: Lightspeed Computation of Optimal Transport",
    year=2013,
    venue="NeurIPS",
    url="https://arxiv.org/abs/1306.0895",
)


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of sinkhorn."""
    return [
        hnetzoo.ModelSpec(
            name="sinkhorn",
            summary="Entropic optimal transport at a falling temperature, over-relaxed: any size, mask and unit.",
            target="hnetzoo_sinkhorn.model:Sinkhorn",
            config="hnetzoo_sinkhorn.config:SinkhornConfig",
            citation=CUTURI,
            tags=frozenset({"non-learned"}),
        )
    ]
