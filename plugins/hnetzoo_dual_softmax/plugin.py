"""Declare dual-softmax."""

from collections.abc import Iterable

import hnetzoo

LOFTR = hnetzoo.Citation(
    authors="J. Sun, Z. Shen, Y. Wang, H. Bao, X. Zhou",
    title="LoFTR: Detector-Free Local Feature Matching with Transformers",
    year=2021,
    venue="CVPR",
    url="https://arxiv.org/abs/2104.00680",
)


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declaration of dual-softmax."""
    return [
        hnetzoo.ModelSpec(
            name="dual-softmax",
            summary="Product of row and column softmax with an unmatched option; two parameters.",
            target="hnetzoo_dual_softmax.model:DualSoftmax",
            config="hnetzoo_dual_softmax.config:DualSoftmaxConfig",
            citation=LOFTR,
            trainer="hnet",
            dataset="doa",
            pretrained=(
                hnetzoo.Pretrained(
                    weights="hnetzoo_dual_softmax:weights/default.safetensors",
                    card="hnetzoo_dual_softmax:weights/default.json",
                ),
            ),
        )
    ]
