"""Declare the synthetic DOA datasets."""

from collections.abc import Iterable

import hnetzoo

TAGS = frozenset({"synthetic", "optimal-truth", "benchmark", "weighted-f1"})


@hnetzoo.hookimpl
def hnetzoo_datasets() -> Iterable[hnetzoo.DatasetSpec]:
    """Return the declarations of doa-reference, doa and doa-tracks."""
    return [
        hnetzoo.DatasetSpec(
            name="doa-reference",
            summary="The exact protocol of the original Hnet: grid directions, pads, one axis permuted.",
            target="hnetzoo_doa.datasets:DOAReference",
            config="hnetzoo_doa.config:DOAReferenceConfig",
            citation=hnetzoo.Citation(
                authors="S. Adavanne, A. Politis, T. Virtanen",
                title="Differentiable Tracking-Based Training of Deep Learning Sound Source Localizers",
                year=2021,
                venue="IEEE WASPAA",
                url="https://arxiv.org/abs/2111.00030",
            ),
            tags=TAGS,
        ),
        hnetzoo.DatasetSpec(
            name="doa",
            summary="The corrected task: uniform directions, noisy predictions, both axes permuted.",
            target="hnetzoo_doa.datasets:DOA",
            config="hnetzoo_doa.config:DOAConfig",
            tags=TAGS,
        ),
        hnetzoo.DatasetSpec(
            name="doa-tracks",
            summary="Moving sources some frames apart, misses and clutter; the truth is identity.",
            target="hnetzoo_doa.tracks:DOATracks",
            config="hnetzoo_doa.config:DOATracksConfig",
            tags=frozenset({"synthetic"}),
        ),
    ]
