"""Entries in the form of the original Hnet, and files with given contents."""

from pathlib import Path
from typing import Any

import numpy as np


def entries(count: int = 7, n: int = 2, m: int = 3) -> list[list[Any]]:
    """Return entries in the form of the original Hnet, with all number types that numpy may have pickled."""
    generator = np.random.default_rng(0)
    made = []
    for index in range(count):
        association = np.zeros((n, m), dtype=("f8", "i8", "?")[index % 3])
        association[index % n, index % m] = 1
        distance = generator.random((n, m)).astype(("<f8", "<f4", ">f8")[index % 3])
        distance = np.asfortranarray(distance) if index % 2 else distance
        counts = [1, np.int64(2)] if index % 2 else [np.uint8(1), 2]
        made.append([*counts, distance, association, generator.random((n, 3)), generator.random((m, 3))])
    return made


def spoilt(field: int, value: object) -> list[list[Any]]:
    """Return entries, of which entry 3 has another value in a field."""
    made = entries()
    made[3][field] = value
    return made


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
