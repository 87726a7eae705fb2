"""Settings of datasets say what the datasets hold, without drawing it."""

from typing import Any

import pytest

import hnetzoo

SMALL: dict[str, list[dict[str, Any]]] = {
    "doa-reference": [
        {"samples": (25, 39, 41)},
        {"samples": (17,), "max_doas": 3, "resolutions_deg": (10, 30)},
        {"samples": (9, 30, 2, 15, 8), "max_doas": 2},
    ],
    "doa": [{"samples": 119, "max_doas": 3}, {"samples": 4}],
    "doa-tracks": [{"samples": 119}],
    "lsap": [{"samples": 119, "costs": costs} for costs in ("uniform", "clustered", "directions")],
    "box-tracks": [{"samples": 119, "max_boxes": 5, "distance": distance} for distance in ("iou", "motion")],
}


@pytest.mark.parametrize(
    ("name", "settings"), [(name, settings) for name, several in SMALL.items() for settings in several]
)
def test_the_extent_is_what_the_dataset_loads(name: str, settings: dict[str, Any]) -> None:
    dataset: Any = hnetzoo.load_dataset(name, **settings)
    unit, shape, *sizes = dataset.config.extent
    assert (unit, shape) == (dataset.unit, dataset.shape)
    assert sizes == [len(dataset.load(split, 0).distance) for split in hnetzoo.SPLITS]


def test_every_dataset_that_is_drawn_from_its_own_settings_has_an_extent() -> None:
    specs = hnetzoo.discover().datasets.values()
    assert {spec.name for spec in specs if hasattr(spec.load_config(), "extent")} == set(SMALL)
