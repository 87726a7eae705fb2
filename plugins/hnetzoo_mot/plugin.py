"""Declare the MOTChallenge dataset."""

from collections.abc import Iterable

import hnetzoo


@hnetzoo.hookimpl
def hnetzoo_datasets() -> Iterable[hnetzoo.DatasetSpec]:
    """Return the declaration of mot."""
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
        )
    ]
