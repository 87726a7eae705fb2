"""Declare the exchangeable model and its trainer."""

from collections.abc import Iterable

import hnetzoo

HARTFORD = hnetzoo.Citation(
    authors="J. Hartford, D. Graham, K. Leyton-Brown, S. Ravanbakhsh",
    title="Deep Models of Interactions Across Sets",
    year=2018,
    venue="ICML",
    url="https://arxiv.org/abs/1803.02879",
)

VARIANTS = ("default", "assignment", "known-counts", "tracks")
"""Trained on doa-reference, on lsap with many sizes, on doa with masked slots, and on doa-tracks."""


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of exchangeable."""
    return [
        hnetzoo.ModelSpec(
            name="exchangeable",
            summary="One exchangeable matrix layer, iterated: any size, any order of rows and columns.",
            target="hnetzoo_exchangeable.model:Exchangeable",
            config="hnetzoo_exchangeable.config:ExchangeableConfig",
            citation=HARTFORD,
            trainer="exchangeable",
            dataset="doa-reference",
            pretrained=tuple(
                hnetzoo.Pretrained(
                    variant=variant,
                    weights=f"hnetzoo_exchangeable:weights/{variant}.safetensors",
                    card=f"hnetzoo_exchangeable:weights/{variant}.json",
                )
                for variant in VARIANTS
            ),
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_trainers() -> Iterable[hnetzoo.TrainerSpec]:
    """Return the declaration of the trainer exchangeable."""
    return [
        hnetzoo.TrainerSpec(
            name="exchangeable",
            summary="Cross-entropy of entries, rows and columns, along the iterations; Adam, one-cycle rate.",
            target="hnetzoo_exchangeable.trainer:ExchangeableTrainer",
            config="hnetzoo_exchangeable.config:ExchangeableTrainerConfig",
            citation=HARTFORD,
        )
    ]
