"""Declare the mixture of datasets."""

from collections.abc import Iterable

import hnetzoo


@hnetzoo.hookimpl
def hnetzoo_datasets() -> Iterable[hnetzoo.DatasetSpec]:
    """Return the declaration of mixture."""
    return [
        hnetzoo.DatasetSpec(
            name="mixture",
            summary="Problems of several datasets in one, by share, at several units.",
            target="hnetzoo_mixture.dataset:Mixture",
            config="hnetzoo_mixture.config:MixtureConfig",
        )
    ]
