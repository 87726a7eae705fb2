"""Declare the datasets of boxes, and two-stage matching."""

from collections.abc import Iterable

import hnetzoo


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of two-stage."""
    return [
        hnetzoo.ModelSpec(
            name="two-stage",
            summary="Exact matching within a gate: sure detections first, the others for the tracks that are left.",
            target="hnetzoo_mot.two_stage:TwoStage",
            config="hnetzoo_mot.config:TwoStageConfig",
            citation=hnetzoo.Citation(
                authors="Y. Zhang, P. Sun, Y. Jiang, D. Yu, F. Weng, Z. Yuan, P. Luo, W. Liu, X. Wang",
                title="ByteTrack: Multi-Object Tracking by Associating Every Detection Box",
                year=2022,
                venue="ECCV",
                url="https://arxiv.org/abs/2110.06864",
            ),
            tags=frozenset({"non-learned", "non-differentiable", "features"}),
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_datasets() -> Iterable[hnetzoo.DatasetSpec]:
    """Return the declarations of mot and box-tracks."""
    return [
        hnetzoo.DatasetSpec(
            name="mot",
            summary="Your own MOTChallenge sequences: detections in a frame, or identities across frames.",
            target="hnetzoo_mot.dataset:MOT",
            config="hnetzoo_mot.config:MOTConfig",
            citation=hnetzoo.Citation(
                authors="A. Milan, L. Leal-Taixé, I. Reid, S. Roth, K. Schindler",
                title="MOT16: A Benchmark for Multi-Object Tracking",
                year=2016,
                url="https://arxiv.org/abs/1603.00831",
            ),
        ),
        hnetzoo.DatasetSpec(
            name="box-tracks",
            summary="Synthetic boxes of people before a camera that moves, frames later, by identity; with features.",
            target="hnetzoo_mot.box_tracks:BoxTracks",
            config="hnetzoo_mot.config:BoxTracksConfig",
            tags=frozenset({"synthetic"}),
        ),
    ]
