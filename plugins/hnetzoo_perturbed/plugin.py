"""Declare perturbed: a solver without weights whose gradients are estimated."""

from collections.abc import Iterable

import hnetzoo

BERTHET = hnetzoo.Citation(
    authors="Q. Berthet, M. Blondel, O. Teboul, M. Cuturi, J.-P. Vert, F. Bach",
    title="Learning with Differentiable Perturbed Optimizers",
    year=2020,
    venue="NeurIPS",
    url="https://arxiv.org/abs/2002.08676",
)


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of perturbed."""
    return [
        hnetzoo.ModelSpec(
            name="perturbed",
            summary="Mean of exact assignments of noisy distances; gradients by perturbation.",
            target="hnetzoo_perturbed.model:Perturbed",
            config="hnetzoo_perturbed.config:PerturbedConfig",
            citation=BERTHET,
            tags=frozenset({"non-learned", "order-dependent", "surrogate-gradient"}),
        )
    ]
