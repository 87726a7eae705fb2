"""Time the scores of tracks: HOTA, identity and CLEAR of a long sequence with many tracks.

    python benchmarks/speed/track_scores.py

130 people in 850 frames, of whom a tracker misses a tenth in each frame. The last way computes CLEAR alone, as one
would write it down: frame by frame, the pairs of the frame before that still overlap by half are kept, and scipy
matches the rest. Both count the same matches and switches.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import typer
from measure import Repeats, Seconds, compare, store
from scipy.optimize import linear_sum_assignment

from hnetzoo.boxes import iou_distance, read_boxes
from hnetzoo.tracking.box_files import Boxes
from hnetzoo.tracking.track_scores import score_tracks

FRAMES, PEOPLE, SIZE, MISSED = 850, 130, (40.0, 100.0), 0.1
GATE = 0.5
FORBIDDEN = 1e6  # above all distances of a frame together


def scene(length: int) -> tuple[Boxes, Boxes]:
    """Return ground truth and tracks of people who are there for so many frames each."""
    rng = np.random.default_rng(0)
    start = rng.integers(0, FRAMES - length + 1, PEOPLE)
    frame = (start[:, None] + np.arange(length)).ravel()
    person = np.arange(PEOPLE).repeat(length)
    velocity = rng.normal(0, (3.0, 0.5), (PEOPLE, 2))
    place = rng.uniform(0, (1900.0, 1000.0), (PEOPLE, 2))[person] + velocity[person] * (frame - start[person])[:, None]
    box = np.concatenate((place, np.broadcast_to(SIZE, place.shape)), 1)
    seen = rng.random(len(frame)) >= MISSED
    found = box + rng.normal(0, 2.0, box.shape)
    return _boxes(frame + 1, person, box), _boxes(frame[seen] + 1, person[seen], found[seen])


def _boxes(frame: np.ndarray, person: np.ndarray, box: np.ndarray) -> Boxes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "boxes.txt")
        np.savetxt(path, np.column_stack((frame, person, box)), delimiter=",")
        return read_boxes(path)


def clear_by_frame(reference: Boxes, tracks: Boxes) -> tuple[int, int]:
    """Return the matches and switches of CLEAR."""
    matches = switches = 0
    last: dict[int, int] = {}  # track of each source's last match
    before: dict[int, int] = {}  # that of the frame before
    for frame in range(1, FRAMES + 1):
        rows, columns = reference.frame == frame, tracks.frame == frame
        sources, names = reference.identity[rows].tolist(), tracks.identity[columns].tolist()
        distance = iou_distance(reference.box[rows], tracks.box[columns])
        cost = np.where(distance <= GATE, distance, FORBIDDEN)
        for i, source in enumerate(sources):
            if before.get(source) in names and distance[i, j := names.index(before[source])] <= GATE:
                cost[i, :], cost[:, j], cost[i, j] = FORBIDDEN, FORBIDDEN, 0.0
        pairs = [
            (sources[i], names[j]) for i, j in zip(*linear_sum_assignment(cost), strict=True) if cost[i, j] <= GATE
        ]
        matches += len(pairs)
        switches += sum(last.get(source, name) != name for source, name in pairs)
        before = dict(pairs)
        last |= before
    return matches, switches


def once(way: Callable[[], object]) -> Iterator[None]:
    """Yield after it has run."""
    way()
    yield


def case(length: int, repeats: int) -> Seconds:
    """Return the times of both ways, which must agree, of people who are there for so many frames each."""
    reference, tracks = scene(length)
    clear = score_tracks(reference, tracks).clear
    if (clear.matches, clear.switches) != clear_by_frame(reference, tracks):
        raise RuntimeError("the ways disagree")
    ways = {
        "score_tracks: HOTA, identity and CLEAR": partial(once, partial(score_tracks, reference, tracks)),
        "CLEAR alone, frame by frame with scipy": partial(once, partial(clear_by_frame, reference, tracks)),
    }
    return compare(ways, repeats)


def main(repeats: Repeats = 7) -> None:
    """Time both ways, and store the results."""
    cases = {
        "people who are there for 150 frames": case(150, repeats),
        "people who are there throughout": case(FRAMES, repeats),
    }
    store("track-scores", "Scores of tracks", f"{FRAMES} frames with {PEOPLE} tracks,", cases)


if __name__ == "__main__":
    typer.run(main)
