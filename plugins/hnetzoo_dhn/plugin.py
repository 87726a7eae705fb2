"""Declare the Deep Hungarian Net and its trainer."""

from collections.abc import Iterable

import hnetzoo

DEEPMOT = hnetzoo.Citation(
    authors="Y. Xu, A. Ošep, Y. Ban, R. Horaud, L. Leal-Taixé, X. Alameda-Pineda",
    title="How To Train Your Deep Multi-Object Tracker",
    year=2020,
    venue="CVPR",
    url="https://arxiv.org/abs/1906.06618",
)


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of dhn."""
    return [
        hnetzoo.ModelSpec(
            name="dhn",
            summary="Bidirectional GRUs over the entries by row, then by column: the Deep Hungarian Net of DeepMOT.",
            target="hnetzoo_dhn.model:DHN",
            config="hnetzoo_dhn.config:DHNConfig",
            citation=DEEPMOT,
            tags=frozenset({"order-dependent"}),
            trainer="dhn",
            dataset="doa-reference",
            pretrained=(
                hnetzoo.Pretrained(
                    weights="hnetzoo_dhn:weights/default.safetensors",
                    card="hnetzoo_dhn:weights/default.json",
                ),
            ),
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_trainers() -> Iterable[hnetzoo.TrainerSpec]:
    """Return the declaration of the trainer dhn."""
    return [
        hnetzoo.TrainerSpec(
            name="dhn",
            summary="Focal loss of the entries, balanced by the share of positives, Adam, one-cycle rate.",
            target="hnetzoo_dhn.trainer:DHNTrainer",
            config="hnetzoo_dhn.config:DHNTrainerConfig",
            citation=DEEPMOT,
        )
    ]
