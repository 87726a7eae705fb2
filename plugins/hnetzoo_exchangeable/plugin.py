"""Declare the exchangeable models and their trainers."""

from collections.abc import Iterable, Mapping

import hnetzoo

HARTFORD = hnetzoo.Citation(
    authors="J. Hartford, D. Graham, K. Leyton-Brown, S. Ravanbakhsh",
    title="Deep Models of Interactions Across Sets",
    year=2018,
    venue="ICML",
    url="https://arxiv.org/abs/1803.02879",
)

WEIGHTS, CARD = "hnetzoo_exchangeable:weights/default.safetensors", "hnetzoo_exchangeable:weights/default.json"
NEVER = {"unmatched": "never"}
RETIRED: tuple[tuple[str, Mapping[str, str], str], ...] = (
    ("assignment", NEVER, 'use exchangeable with the setting unmatched = "never"'),
    ("known-counts", NEVER, 'use exchangeable with the setting unmatched = "never"'),
    ("tracks", {"truth": "identity"}, 'use exchangeable with the setting truth = "identity"'),
)
"""Variants of former versions, with what stands in for them: settings of the default weights."""


@hnetzoo.hookimpl
def hnetzoo_models() -> Iterable[hnetzoo.ModelSpec]:
    """Return the declarations of exchangeable and motion."""
    return [
        hnetzoo.ModelSpec(
            name="exchangeable",
            summary="Learned costs, solved by optimal transport: any size, mask, unit and order of rows and columns.",
            target="hnetzoo_exchangeable.model:Exchangeable",
            config="hnetzoo_exchangeable.config:ExchangeableConfig",
            citation=HARTFORD,
            trainer="exchangeable",
            dataset="doa-reference",
            pretrained=(
                hnetzoo.Pretrained(weights=WEIGHTS, card=CARD),
                *(
                    hnetzoo.Pretrained(variant=variant, weights=WEIGHTS, card=CARD, settings=settings, retired=retired)
                    for variant, settings, retired in RETIRED
                ),
            ),
        ),
        hnetzoo.ModelSpec(
            name="motion",
            summary="As exchangeable, and sees boxes: place, size, velocity, and how the whole scene moves.",
            target="hnetzoo_exchangeable.motion:Motion",
            config="hnetzoo_exchangeable.config:MotionConfig",
            citation=HARTFORD,
            tags=frozenset({"features"}),
            trainer="motion",
            dataset="box-tracks",
            pretrained=tuple(
                hnetzoo.Pretrained(
                    variant=variant,
                    weights=f"hnetzoo_exchangeable:weights/motion/{variant}.safetensors",
                    card=f"hnetzoo_exchangeable:weights/motion/{variant}.json",
                )
                for variant in ("default", "tracker")
            ),
        ),
    ]


@hnetzoo.hookimpl
def hnetzoo_trainers() -> Iterable[hnetzoo.TrainerSpec]:
    """Return the declarations of their trainers."""
    return [
        hnetzoo.TrainerSpec(
            name="exchangeable",
            summary="Cross-entropy of entries; Adam, one-cycle rate.",
            target="hnetzoo_exchangeable.trainer:ExchangeableTrainer",
            config="hnetzoo_exchangeable.config:ExchangeableTrainerConfig",
            citation=HARTFORD,
        ),
        hnetzoo.TrainerSpec(
            name="motion",
            summary="Cross-entropy of entries, on some batches without features; Adam, one-cycle rate.",
            target="hnetzoo_exchangeable.motion_trainer:MotionTrainer",
            config="hnetzoo_exchangeable.config:MotionTrainerConfig",
            citation=HARTFORD,
        ),
    ]
