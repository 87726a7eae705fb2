"""Dataset doa-csv: references and predictions of a sound localizer, from two text files or two folders of them.

A problem is a frame of one recording, which is a pair of files. Both axes are in random order, and slots without a
source are masked out. Splits are contiguous in time: the first frames of every recording are for training, the next
for validation and the last for the test. Frames in which one file or both are silent are problems too, where they can
be inferred (see the setting `hop_s`).
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

import hnetzoo
from hnetzoo_files.config import DOACsvConfig
from hnetzoo_files.directions import Directions, check_identities, read_directions
from hnetzoo_files.frames import Pairing, Slots, fill_silence, pair_frames, spread
from hnetzoo_files.recordings import pair_files

DCASE_HOP_S = 0.1  # seconds per frame of DCASE metadata


class DOACsvDataset:
    """Problems from files of directions; they are read on first use.

    Args:
        config: Settings.

    Raises:
        DataError: On first use, if a file is missing, malformed or without a partner.
    """

    unit = "chord"
    truth = "assignment within a gate"
    block = 25  # frames whose errors go together

    def __init__(self, config: DOACsvConfig) -> None:
        self.config = config
        self.features = hnetzoo.DIRECTION_FEATURES if config.history else ()

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m): the largest number of references and predictions of a frame, over all splits; at least 1."""
        n, m = np.max([batch.distance.shape[1:] for batch in self._recordings], axis=0)
        return int(n), int(m)

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return the problems of a split; the seed only decides the order of the slots of each problem."""
        shares = self.config.validation_share, self.config.test_share
        parts = [batch.select(hnetzoo.split_slice(split, len(batch.distance), *shares)) for batch in self._recordings]
        problems = hnetzoo.AssociationBatch.concatenate(parts)
        if not len(problems.distance):
            frames = sum(len(batch.distance) for batch in self._recordings)
            raise hnetzoo.DataError(
                f"'{self.config.reference}' and '{self.config.predicted}' leave the {split} split without frames "
                f"({frames} in all); add frames, or change validation_share and test_share"
            )
        generator = torch.Generator().manual_seed(hnetzoo.split_seed(split, seed))
        return problems.shuffle_slots(generator)

    @cached_property
    def _recordings(self) -> list[hnetzoo.AssociationBatch]:
        return [self._recording(*paths) for paths in pair_files(self.config.reference, self.config.predicted)]

    def _recording(self, *paths: Path) -> hnetzoo.AssociationBatch:
        """Return all frames of a pair of files in order of time, slots in the order of the files."""
        files = [read_directions(path, self.config.vertical_angle) for path in paths]
        for file in files if self.config.truth == "identity" else files[: bool(self.config.history)]:
            check_identities(file)
        pairing = self._pair(*files)
        rows = spread(files[0], pairing.reference, pairing.frames)
        columns = spread(files[1], pairing.predicted, pairing.frames)
        exists = torch.from_numpy(rows.exists), torch.from_numpy(columns.exists)
        vectors = torch.from_numpy(rows.vector), torch.from_numpy(columns.vector)
        # The default computes a matrix product, which rounds small distances away.
        distance = torch.cdist(*vectors, compute_mode="donot_use_mm_for_euclid_dist")
        if self.config.truth == "identity":
            same = (rows.identity[:, :, None] == columns.identity[:, None]).all(-1)
            association = torch.from_numpy(same) & hnetzoo.valid_cells(*exists)
        else:
            gate = 2 * np.sin(np.deg2rad(self.config.gate_deg) / 2)
            association = hnetzoo.assign(distance, *exists, gate=float(gate))
        batch = hnetzoo.AssociationBatch(distance.float(), association, *exists)
        return self._with_features(batch, rows, columns) if self.config.history else batch

    def _with_features(self, batch: hnetzoo.AssociationBatch, rows: Slots, columns: Slots) -> hnetzoo.AssociationBatch:
        """Return a batch with the directions of its slots and the angular velocities of its references."""
        age, slot = hnetzoo.earlier_sightings(rows.identity, rows.exists, self.config.history)
        earlier = rows.vector[np.arange(len(age))[:, None] - age, slot]
        velocity = hnetzoo.angular_velocity(earlier, rows.vector, age.astype(float))
        features = hnetzoo.direction_features(rows.vector, velocity, age.astype(float))
        return batch._replace(
            row_features=torch.from_numpy(features).float(),
            col_features=torch.from_numpy(hnetzoo.direction_features(columns.vector)).float(),
        )

    def _pair(self, reference: Directions, predicted: Directions) -> Pairing:
        """Return the frames of both files paired by time, with silent ones where the time between frames is known."""
        framed = reference.framed, predicted.framed
        hop_s = self.config.hop_s or (DCASE_HOP_S if any(framed) else None)
        times = [
            file.time * hop_s if file.framed and hop_s else file.time  # from frame numbers, or already seconds
            for file in (reference, predicted)
        ]
        pairing, frame_times = pair_frames(times[0], times[1], self.config.tolerance_s)
        if hop_s is None:
            return pairing
        return fill_silence(pairing, frame_times, hop_s, from_zero=any(framed))
