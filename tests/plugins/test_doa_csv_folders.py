"""Dataset doa-csv: folders of recordings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import hnetzoo

SHARES = {"validation_share": 0.25, "test_share": 0.25}


def metadata(frames: int, azimuth: float, sources: int = 1, offset: float = 0.0) -> str:
    """Return DCASE metadata: so many frames with so many sources each, which move one degree a frame."""
    return "".join(
        f"{frame},{source},{source},{azimuth + 40 * source + frame + offset},10\n"
        for frame in range(frames)
        for source in range(sources)
    )


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def dataset(reference: Path, predicted: Path, **settings: Any) -> Any:
    return hnetzoo.load_dataset("doa-csv", reference=reference, predicted=predicted, **{**SHARES, **settings})


def inside(batch: hnetzoo.AssociationBatch) -> list[tuple[list[float], int]]:
    """Return the sorted distances of every problem and the number of its true pairs, whatever the slots."""
    return [
        (sorted(distance[rows][:, columns].flatten().tolist()), int(truth.sum()))
        for distance, truth, rows, columns in zip(*list(batch)[:4], strict=True)
    ]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Write two recordings of different lengths and counts, one of them in a subfolder of the references."""
    references = {"room/b.csv": metadata(12, 100, sources=3), "a.csv": metadata(8, 0)}
    predictions = {"a.csv": metadata(8, 0, offset=3), "b.csv": metadata(12, 100, sources=2, offset=5)}
    notes = {"readme.txt": "no directions", ".hidden.csv": "no numbers"}
    return write(tmp_path / "ref", references | notes), write(tmp_path / "pred", predictions)


@pytest.mark.parametrize("split", hnetzoo.SPLITS)
def test_a_split_holds_that_split_of_every_recording_and_mixes_none(
    folders: tuple[Path, Path], split: hnetzoo.Split
) -> None:
    reference, predicted = folders
    together = dataset(*folders)
    alone = [dataset(reference / name, predicted / Path(name).name).load(split, 0) for name in ("a.csv", "room/b.csv")]
    batch = together.load(split, 0)
    assert together.shape == batch.distance.shape[1:] == (3, 2)
    assert inside(batch) == [problem for part in alone for problem in inside(part)]


def test_velocities_do_not_reach_into_another_recording(folders: tuple[Path, Path]) -> None:
    batch = dataset(*folders, history=3, validation_share=0, test_share=0).load("train", 0)
    assert batch.row_features is not None
    speed = batch.row_features[..., 3:6].norm(dim=-1).amax(1)  # of the fastest source of each frame
    assert (speed == 0).nonzero().flatten().tolist() == [0, 8], "nothing is known in the first frame of a recording"


def test_files_without_a_partner_are_listed(folders: tuple[Path, Path]) -> None:
    reference, predicted = folders
    write(reference, {"x.csv": "", "y.csv": ""})
    write(predicted, {"z.csv": ""})
    said = f"only in '{reference}': x.csv, y.csv; only in '{predicted}': z.csv; add or remove them$"
    with pytest.raises(hnetzoo.DataError, match=f"^files without a partner of the same name, {said}"):
        dataset(*folders).load("train", 0)


def test_many_files_without_a_partner_are_counted(folders: tuple[Path, Path]) -> None:
    write(folders[0], {f"x{number:02}.csv": "" for number in range(25)})
    with pytest.raises(hnetzoo.DataError, match=r"x00.csv, .*, x19.csv and 5 more; add"):
        dataset(*folders).load("train", 0)


def test_folders_that_cannot_be_paired_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    reference, predicted = folders
    with pytest.raises(hnetzoo.DataError, match=r"a.csv' is no folder, and '.*pred' is one; give two folders, or two"):
        dataset(reference / "a.csv", predicted).load("train", 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(hnetzoo.DataError, match=r"folder '.*empty' holds no .csv file"):
        dataset(tmp_path / "empty", predicted).load("train", 0)
    write(reference, {"other/a.csv": ""})
    with pytest.raises(hnetzoo.DataError, match=r"a.csv' and '.*other/a.csv' have one name"):
        dataset(*folders).load("train", 0)


def test_an_error_in_a_file_of_a_folder_names_the_file(folders: tuple[Path, Path]) -> None:
    write(folders[1], {"b.csv": "0,0,0,ten,10\n"})
    with pytest.raises(hnetzoo.DataError, match=r"pred/b.csv', line 1: could not convert"):
        dataset(*folders).load("train", 0)
