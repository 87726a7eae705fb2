"""Declare the linear assignment dataset."""

from collections.abc import Iterable

import hnetzoo


@hnetzoo.hookimpl
def hnetzoo_datasets() -> Iterable[hnetzoo.DatasetSpec]:
    """Return the declaration of lsap."""
    return [
        hnetzoo.DatasetSpec(
            name="lsap",
            summary="Linear assignment with masks, sizes mixed in one batch; the truth is the optimum.",
            target="hnetzoo_lsap.dataset:LSAP",
            config="hnetzoo_lsap.config:LSAPConfig",
            tags=frozenset({"synthetic", "optimal-truth"}),
        )
    ]
