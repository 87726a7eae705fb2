"""Compare the synthetic boxes of box-tracks with real video: python benchmarks/box_statistics.py --data FOLDER.

The folder has MOTChallenge sequences in mot15/ and mot17/. Statistics are of true pairs a few frames apart, and of
detections against ground truth within a frame. `make tables` renders the result.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from torch import Tensor

import hnetzoo
from hnetzoo.boxes import FEATURES
from hnetzoo.files import write_json
from hnetzoo.registry.environment import environment

RESULT = Path(__file__).parent / "results" / "box-statistics.json"
GAPS = (1, 5, 15)  # frames
QUANTILES = (0.1, 0.5, 0.9)
REAL = {"mot15": "det_frcnn_sort.txt", "mot17": "tracker.txt"}
X, HEIGHT, DX, AGE = (FEATURES.index(name) for name in ("x", "height", "dx", "age"))


def measure(
    data: Annotated[Path, typer.Option(help="Folder with mot15/ and mot17/.")],
    json: Annotated[Path, typer.Option(help="Where to write.")] = RESULT,
) -> None:
    """Write quantiles of displacements, growths and overlaps, and rates of misses and false alarms."""
    sources = {"box-tracks": box_tracks} | {name: video(data / name, file) for name, file in REAL.items()}
    rows = {name: statistics(load) for name, load in sources.items()}
    write_json(json, {"quantiles": QUANTILES, "rows": rows, "environment": environment()})
    print(f"wrote {json}")


def box_tracks(gap: int) -> hnetzoo.AssociationBatch:
    """Return synthetic problems so many frames apart, or within a frame."""
    mode: dict[str, Any] = {"gap": (gap, gap), "lost": 0.0} if gap else {"mode": "detections"}
    return hnetzoo.load_dataset("box-tracks", samples=20_000, **mode).load("train", 0)


def video(folder: Path, detections: str) -> Any:
    """Return a function like `box_tracks` for the sequences of a folder."""
    files: dict[str, Any] = {"sequences": [folder], "reference_file": "gt.txt", "prediction_file": detections}

    def load(gap: int) -> hnetzoo.AssociationBatch:
        mode: dict[str, Any] = {"mode": "tracking", "steps": gap} if gap else {}
        return hnetzoo.load_dataset("mot", **files, **mode, validation_share=0, test_share=0).load("train", 0)

    return load


def statistics(load: Any) -> dict[str, Any]:
    """Return statistics by name; those of true pairs as quantiles."""
    found: dict[str, Any] = {}
    for gap in GAPS:
        rows, columns, batch = _pairs(load(gap))
        later = f"{gap} frame{'s' * (gap > 1)} on"
        moved = (columns[:, X : X + 2] - rows[:, X : X + 2]).norm(dim=1) / rows[:, HEIGHT]
        known = rows[:, AGE] > 0
        left = (columns - rows)[:, X : X + 2] - rows[:, DX : DX + 2]
        found[f"displacement, {later} [heights]"] = _quantiles(moved)
        found[f"the same from where the velocity points, {later} [heights]"] = _quantiles(
            (left.norm(dim=1) / rows[:, HEIGHT])[known]
        )
        found[f"log ratio of heights, {later}"] = _quantiles((columns[:, HEIGHT] / rows[:, HEIGHT]).log())
        found[f"rows without a pair, {later}"] = _unpaired(batch.association.any(2), batch.row_mask)
    rows, columns, batch = _pairs(load(0))
    found["IoU of detections with their references"] = _quantiles(1 - batch.distance[batch.association])
    found["misses"] = _unpaired(batch.association.any(2), batch.row_mask)
    found["false alarms, share of detections"] = _unpaired(batch.association.any(1), batch.col_mask)
    return found


def _pairs(batch: hnetzoo.AssociationBatch) -> tuple[Tensor, Tensor, hnetzoo.AssociationBatch]:
    """Return the features of both sides of true pairs, [p, k], and the batch."""
    problem, row, column = batch.association.nonzero(as_tuple=True)
    assert batch.row_features is not None
    assert batch.col_features is not None
    return batch.row_features[problem, row], batch.col_features[problem, column], batch


def _quantiles(values: Tensor) -> list[float]:
    return [values.quantile(share).item() for share in QUANTILES]


def _unpaired(paired: Tensor, exists: Tensor) -> list[float]:
    return [1 - (paired.sum() / exists.sum()).item()]


if __name__ == "__main__":
    typer.run(measure)
