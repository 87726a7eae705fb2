"""Dataset mot: association of boxes in your own MOTChallenge sequences.

A problem is a frame, or in mode "tracking" two frames `steps` apart, or any of several steps. Splits are contiguous:
the first frames of each sequence are for training, the next for validation and the last for the test, and no frame is
in two splits, neither as rows nor as columns; alternatively, whole sequences are assigned to a split by name. Frames
without boxes are problems too, with all their slots masked.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

import hnetzoo
from hnetzoo.boxes import FEATURES, Slots, box_distance, box_features, box_unit
from hnetzoo_mot.config import MOTConfig
from hnetzoo_mot.sequences import Floats, History, Sequence, find_sequences, history, read_sequence

CHUNK = 256  # frames whose distances are computed at once; bounds memory


class MOT:
    """Problems from MOTChallenge folders; the files are read on first use.

    Args:
        config: Settings.

    Raises:
        DataError: On first use, if a file is missing or malformed.
        UnknownNameError: On first use, if a split names a sequence that does not exist.
    """

    features = FEATURES
    block = 25  # frames whose errors go together

    def __init__(self, config: MOTConfig) -> None:
        self.config = config
        self.unit = box_unit(config.distance)
        self.truth = "identity" if config.mode == "tracking" else "assignment within a gate"

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m): the largest number of reference and predicted boxes of a frame, over all splits; at least 1."""
        widths = [[side.exists.shape[1] for side in self._sides(sequence)] for sequence in self._sequences]
        n, m = np.max(widths, axis=0)
        return int(n), int(m)

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return the problems of a split; the seed only decides the order of the slots of each problem."""
        parts = [
            problems
            for sequence in self._sequences
            for problems in self._problems(sequence, self._frames(sequence, split))
        ]
        batch = hnetzoo.AssociationBatch.concatenate(parts)
        if not len(batch.distance):
            names = ", ".join(f"{sequence.name} {sequence.frames}" for sequence in self._sequences)
            steps = ", ".join(map(str, self.config.gaps))
            raise hnetzoo.DataError(
                f"the {split} split has no problems (frames: {names}; steps: {steps}); lower steps, or change the "
                "shares or the sequences of the split"
            )
        return batch.shuffle_slots(torch.Generator().manual_seed(hnetzoo.split_seed(split, seed)))

    @cached_property
    def _sequences(self) -> list[Sequence]:
        sequences = [read_sequence(folder, self.config) for folder in find_sequences(self.config)]
        names = {sequence.name for sequence in sequences}
        for name in (*self.config.validation_sequences, *self.config.test_sequences):
            if name not in names:
                raise hnetzoo.UnknownNameError("sequence", name, names)
        return sequences

    def _frames(self, sequence: Sequence, split: hnetzoo.Split) -> slice:
        """Return which frames of a sequence belong to a split."""
        named = self.config.validation_sequences, self.config.test_sequences
        if any(named):
            owner = next((hnetzoo.SPLITS[1 + i] for i in range(2) if sequence.name in named[i]), "train")
            return slice(0, sequence.frames if owner == split else 0)
        return hnetzoo.split_slice(split, sequence.frames, self.config.validation_share, self.config.test_share)

    def _sides(self, sequence: Sequence) -> tuple[Slots, Slots]:
        """Return the slots of the rows and of the columns, both by frame."""
        rows = sequence.reference if self.config.mode == "detections" else sequence.predicted
        return rows, sequence.predicted

    def _problems(self, sequence: Sequence, frames: slice) -> Iterator[hnetzoo.AssociationBatch]:
        """Yield the problems of each gap, both of whose frames are in a slice."""
        rows, columns = (side.select(frames) for side in self._sides(sequence))
        past = history(rows, self.config.history)
        for gap in self.config.gaps:
            earlier = slice(0, max(0, len(rows.exists) - gap))
            seen = History(past.moved[earlier], past.frames[earlier])
            yield self._pairs(rows.select(earlier), columns.select(slice(gap, None)), seen, gap)

    def _pairs(self, rows: Slots, columns: Slots, past: History, gap: int) -> hnetzoo.AssociationBatch:
        """Return problems, of frames and the frames of a gap later."""
        same = rows.identity[:, :, None] == columns.identity[:, None, :]
        known = (rows.exists & (rows.identity >= 0))[:, :, None] & columns.exists[:, None, :]
        expected = past.moved / np.maximum(past.frames, 1)[..., None] * gap
        parts = self._distances(rows, columns, expected)
        distance = torch.cat([torch.zeros(0, same.shape[1], same.shape[2]), *parts])
        ahead = [np.full(side.exists.shape, float(gap)) for side in (rows, columns)]
        of_rows = box_features(rows.box, rows.confidence, ahead[0], expected, past.frames.astype(float))
        of_columns = box_features(columns.box, columns.confidence, ahead[1])
        n, m = self.shape
        return hnetzoo.AssociationBatch(
            _pad(distance, n, m),
            _pad(torch.from_numpy(same & known), n, m),
            _pad(torch.from_numpy(rows.exists), n),
            _pad(torch.from_numpy(columns.exists), m),
            row_features=_pad(torch.from_numpy(of_rows).float(), n, len(FEATURES)),
            col_features=_pad(torch.from_numpy(of_columns).float(), m, len(FEATURES)),
        )

    def _distances(self, rows: Slots, columns: Slots, expected: Floats) -> Iterator[Tensor]:
        for start in range(0, len(expected), CHUNK):
            part = slice(start, start + CHUNK)
            distance = box_distance(self.config.distance, rows.box[part], columns.box[part], expected[part])
            yield torch.from_numpy(distance).float()


def _pad(tensor: Tensor, *sizes: int) -> Tensor:
    """Return a tensor whose axes after the first have these sizes, with zeros appended."""
    missing = [size - have for size, have in zip(sizes, tensor.shape[1:], strict=True)]
    return torch.nn.functional.pad(tensor, [width for size in reversed(missing) for width in (0, size)])
