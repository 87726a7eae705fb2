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


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Declare exchangeable."""
    return [
        hnetzoo.ModelSpec(
            name="exchangeable",
            summary="One exchangeable matrix layer, iterated: any size, any order of rows and columns.",
            target="hnetzoo_exchangeable.model:Exchangeable",
            config="hnetzoo_exchangeable.config:ExchangeableConfig",
            citation=HARTFORD,
            trainer="exchangeable",
            dataset="doa-reference",
            pretrained=(
                hnetzoo.Pretrained(
                    weights="hnetzoo_exchangeable:weights/default.safetensors",
                    card="hnetzoo_exchangeable:weights/default.json",
                ),
            ),
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_trainers() -> Iterable[hnetzoo.TrainerSpec]:
    """Declare the trainer exchangeable."""
    return [
        hnetzoo.TrainerSpec(
            name="exchangeable",
            summary="Binary cross-entropy of the cells, Adam with decay, one-cycle rate, clipped gradients.",
            target="hnetzoo_exchangeable.trainer:ExchangeableTrainer",
            config="hnetzoo_exchangeable.config:ExchangeableTrainerConfig",
            citation=HARTFORD,
        )
    ]
