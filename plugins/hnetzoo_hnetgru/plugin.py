"""Declare the reference model and its trainer."""

from collections.abc import Iterable

import hnetzoo

HNET = hnetzoo.Citation(
    authors="S. Adavanne, A. Politis, T. Virtanen",
    title="Differentiable Tracking-Based Training of Deep Learning Sound Source Localizers",
    year=2021,
    venue="IEEE WASPAA",
    url="https://arxiv.org/abs/2111.00030",
)

LARGER = (3, 4, 5)
"""Slots a side of further weights, beside those of the original protocol: both axes permuted, with masks."""


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of hnetgru."""
    return [
        hnetzoo.ModelSpec(
            name="hnetgru",
            summary="GRU and attention over the rows of the distance matrix: the network of the original Hnet.",
            target="hnetzoo_hnetgru.model:HNetGRU",
            config="hnetzoo_hnetgru.config:HNetGRUConfig",
            citation=HNET,
            tags=frozenset({"fixed-size", "order-dependent"}),
            trainer="hnet",
            dataset="doa-reference",
            pretrained=(
                hnetzoo.Pretrained(
                    weights="hnetzoo_hnetgru:weights/default.safetensors",
                    card="hnetzoo_hnetgru:weights/default.json",
                    shape=(2, 2),
                ),
                *(
                    hnetzoo.Pretrained(
                        variant=str(slots),
                        weights=f"hnetzoo_hnetgru:weights/{slots}.safetensors",
                        card=f"hnetzoo_hnetgru:weights/{slots}.json",
                        shape=(slots, slots),
                    )
                    for slots in LARGER
                ),
            ),
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_trainers() -> Iterable[hnetzoo.TrainerSpec]:
    """Return the declaration of the trainer hnet."""
    return [
        hnetzoo.TrainerSpec(
            name="hnet",
            summary="Three binary cross-entropies (entries, row maxima, column maxima), Adam, one-cycle rate.",
            target="hnetzoo_hnetgru.trainer:HNetTrainer",
            config="hnetzoo_hnetgru.config:HNetTrainerConfig",
            citation=HNET,
        )
    ]
