"""Declare the datasets that are read from files."""

from collections.abc import Iterable

import hnetzoo


@hnetzoo.hookimpl
def hnetzoo_datasets() -> Iterable[hnetzoo.DatasetSpec]:
    """Declare npz."""
    return [
        hnetzoo.DatasetSpec(
            name="npz",
            summary="Your own distances and associations, from a .npz file.",
            target="hnetzoo_files.npz:NpzDataset",
            config="hnetzoo_files.config:NpzConfig",
        )
    ]
