"""Declare all three kinds."""

import hnetzoo


@hnetzoo.hookimpl
def hnetzoo_models():
    return [
        hnetzoo.ModelSpec(
            name="sample-net",
            summary="Affinity from distance.",
            target="sample_net.code:SampleNet",
            config="sample_net.config:SampleNetConfig",
            citation=hnetzoo.Citation(authors="A stranger", title="Affinity", year=2024),
            trainer="sample-trainer",
            dataset="sample-data",
            api_version=1,
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_trainers():
    return [
        hnetzoo.TrainerSpec(
            name="sample-trainer",
            summary="Cross-entropy.",
            target="sample_net.code:SampleTrainer",
            config="sample_net.config:SampleTrainerConfig",
        )
    ]


@hnetzoo.hookimpl
def hnetzoo_datasets():
    return [
        hnetzoo.DatasetSpec(
            name="sample-data",
            summary="Uniform distances, 2 x 3.",
            target="sample_net.code:SampleData",
            config="hnetzoo:Config",
            tags={"synthetic", "optimal-truth"},
        )
    ]
