"""Declare the classical solvers: models without parameters."""

from collections.abc import Iterable

import hnetzoo

KUHN = hnetzoo.Citation(
    authors="H. W. Kuhn",
    title="The Hungarian Method for the Assignment Problem",
    year=1955,
    venue="Naval Research Logistics Quarterly",
    url="https://doi.org/10.1002/nav.3800020109",
)
CROUSE = hnetzoo.Citation(
    authors="D. F. Crouse",
    title="On Implementing 2D Rectangular Assignment Algorithms",
    year=2016,
    venue="IEEE Transactions on Aerospace and Electronic Systems",
    url="https://doi.org/10.1109/TAES.2016.140952",
)
NEIGHBOURS = hnetzoo.Citation(
    authors="Y. Bar-Shalom, X. R. Li",
    title="Multitarget-Multisensor Tracking: Principles and Techniques",
    year=1995,
    venue="YBS Publishing",
)
SOLVER = frozenset({"non-learned", "non-differentiable"})


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declarations of the solvers, the baseline first."""
    return [
        hnetzoo.ModelSpec(
            name="hungarian",
            summary="Exact assignment of the distances as they are (scipy): the baseline.",
            target="hnetzoo_classical.hungarian:Hungarian",
            config="hnetzoo_classical.config:HungarianConfig",
            citation=CROUSE,
            tags=SOLVER | {"baseline"},
        ),
        hnetzoo.ModelSpec(
            name="hungarian-gated",
            summary="Exact assignment with a gate on the distance.",
            target="hnetzoo_classical.hungarian:GatedHungarian",
            config="hnetzoo_classical.config:GatedHungarianConfig",
            citation=KUHN,
            tags=SOLVER,
        ),
        hnetzoo.ModelSpec(
            name="greedy",
            summary="Take the nearest remaining pair repeatedly.",
            target="hnetzoo_classical.greedy:Greedy",
            config="hnetzoo_classical.config:GreedyConfig",
            citation=NEIGHBOURS,
            tags=SOLVER,
        ),
        hnetzoo.ModelSpec(
            name="mutual-nearest",
            summary="Pairs that are each other's nearest neighbour.",
            target="hnetzoo_classical.mutual_nearest:MutualNearest",
            config="hnetzoo_classical.config:MutualNearestConfig",
            citation=NEIGHBOURS,
            tags=SOLVER,
        ),
    ]
