"""Declare the datasets that are read from files."""

from collections.abc import Iterable

import hnetzoo


@hnetzoo.hookimpl
def hnetzoo_datasets() -> Iterable[hnetzoo.DatasetSpec]:
    """Return the declarations of npz and doa-csv."""
    return [
        hnetzoo.DatasetSpec(
            name="npz",
            summary="Your own distances and associations, from a .npz file or a folder of arrays.",
            target="hnetzoo_files.npz:NpzDataset",
            config="hnetzoo_files.config:NpzConfig",
        ),
        hnetzoo.DatasetSpec(
            name="doa-csv",
            summary="Your own reference and predicted directions, from DCASE metadata or plain text files.",
            target="hnetzoo_files.doa_csv:DOACsvDataset",
            config="hnetzoo_files.config:DOACsvConfig",
        ),
    ]
