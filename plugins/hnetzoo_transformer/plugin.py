"""Declare the transformer model and its trainer."""

from collections.abc import Iterable

import hnetzoo

SUPERGLUE = hnetzoo.Citation(
    authors="P.-E. Sarlin, D. DeTone, T. Malisiewicz, A. Rabinovich",
    title="SuperGlue: Learning Feature Matching with Graph Neural Networks",
    year=2020,
    venue="CVPR",
    url="https://arxiv.org/abs/1911.11763",
)


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of transformer."""
    return [
        hnetzoo.ModelSpec(
            name="transformer",
            summary="Self- and cross-attention between rows and columns, biased by the distances.",
            target="hnetzoo_transformer.model:Transformer",
            config="hnetzoo_transformer.config:TransformerConfig",
            citation=SUPERGLUE,
            trainer="transformer",
            dataset="doa-reference",
            pretrained=(
                hnetzoo.Pretrained(
                    weights="hnetzoo_transformer:weights/default.safetensors",
                    card="hnetzoo_transformer:weights/default.json",
                ),
            ),
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_trainers() -> Iterable[hnetzoo.TrainerSpec]:
    """Return the declaration of the trainer transformer."""
    return [
        hnetzoo.TrainerSpec(
            name="transformer",
            summary="Cross-entropy of entries, rows and columns; Adam, one-cycle rate.",
            target="hnetzoo_transformer.trainer:TransformerTrainer",
            config="hnetzoo_transformer.config:TransformerTrainerConfig",
            citation=SUPERGLUE,
        )
    ]
