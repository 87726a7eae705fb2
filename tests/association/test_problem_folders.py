"""Folders of problems: they read back as written, part by part, and damage and interruptions are told."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo import AssociationBatch, ConfigError, DataError, read_problem_folder, write_problem_folder
from hnetzoo.association import batch as batches
from hnetzoo.association.manifest import array_file
from hnetzoo.association.problem_folders import private_mapping
from hnetzoo.files import write_record

ALONE = "distance", "association", "row_mask", "col_mask"


def problems(b: int, n: int = 3, m: int = 4, *, every_field: bool = False, seed: int = 0) -> AssociationBatch:
    """Return problems with masks, and if asked for with activity and features."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(b, n, generator=generator) < 0.8, torch.rand(b, m, generator=generator) < 0.8
    distance = torch.rand(b, n, m, generator=generator)
    found = AssociationBatch(distance, hnetzoo.assign(distance, *masks), *masks)
    features = torch.randn(b, n, 2, generator=generator), torch.randn(b, m, 5, generator=generator)
    truth = torch.randint(-1, 2, (b,), generator=generator)
    return AssociationBatch(*found[:4], *masks, *features, truth) if every_field else found


def rewritten(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest of a folder, with a digest that fits."""
    record = json.loads((folder / "manifest.json").read_text())
    change(record)
    write_record(folder / "manifest.json", record)


def replaced(folder: Path, name: str, array: np.ndarray[Any, Any]) -> None:
    """Replace an array of the training split, in the manifest too."""
    np.save(folder / array_file("train", name), array)
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    stored = {"dtype": array.dtype.name, "shape": array.shape, "sha256": digest}
    rewritten(folder, lambda record: record["splits"]["train"].update({name: stored}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of 7 problems for training and 2 for tests."""
    write_problem_folder(
        tmp_path / "mine", {"train": [problems(5), problems(2, seed=1)], "test": [problems(2, seed=2)]}
    )
    return tmp_path / "mine"


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 2), (2, 0)])
@pytest.mark.parametrize("every_field", [False, True])
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_parts_read_back_as_one_split_bit_by_bit(
    shape: tuple[int, int], every_field: bool, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PAIRS_AT_ONCE", at_once)
    parts = [problems(b, *shape, every_field=every_field, seed=b) for b in (4, 0, 3)]
    write_problem_folder(
        tmp_path / "mine", {"train": iter(parts), "validation": parts[1:2]}, unit="m", truth="identity"
    )
    stored = read_problem_folder(str(tmp_path / "mine"))
    assert (stored.shape, stored.splits) == (shape, {"train": 7, "validation": 0})
    assert (stored.manifest.unit, stored.manifest.truth) == ("m", "identity")
    found, expected = stored.load("train").tensors, AssociationBatch.concatenate(parts).tensors
    assert found.keys() == expected.keys()
    for name, field in expected.items():
        assert torch.equal(found[name], field)
        assert found[name].dtype == field.dtype


def test_arrays_are_plain_npy_files_whose_values_have_the_digests_of_the_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    for split, arrays in manifest["splits"].items():
        for name, stored in arrays.items():
            array = np.load(folder / f"{split}-{name}.npy", mmap_mode="r")
            assert (array.dtype.name, list(array.shape)) == (stored["dtype"], stored["shape"])
            assert hashlib.sha256(array.tobytes()).hexdigest() == stored["sha256"]


def test_what_is_written_into_tensors_reaches_neither_the_files_nor_other_tensors(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stored = read_problem_folder(folder)
    first, second = stored.load("train"), stored.load("train")
    expected = second.clone()
    first.map(torch.Tensor.zero_)
    assert all(torch.equal(field, expected.tensors[name]) for name, field in second.tensors.items())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems decide otherwise what may be mapped")
def test_a_file_larger_than_the_memory_is_mapped(tmp_path: Path) -> None:
    size = 2 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with (tmp_path / "sparse").open("w+b") as file:
        file.truncate(size)
        memory = private_mapping(file.fileno())
        assert (len(memory), memory[size - 1]) == (size, 0)
        memory.close()


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _header(path: Path, shape: tuple[int, ...]) -> None:
    with path.open("r+b") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, r"cannot read '.*train-distance.npy' as .npy \(No such file or directory\)"),
    "cut": (lambda path: os.truncate(path, 400), r"has 400 bytes instead of 464; restore it"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"0"), r"has 465 bytes instead of 464"),
    "one-bit": (_flip, r"train-distance.npy' does not match its digest in the manifest; it is damaged: restore it"),
    "no-array": (lambda path: path.write_bytes(b"x" * 464), r"cannot read '.*' as .npy \(the magic string"),
    "empty": (lambda path: path.write_bytes(b""), r"cannot read '.*' as .npy \(EOF"),
    "huge-header": (
        lambda path: _header(path, (1 << 40, 3, 4)),
        r"holds float32 \[1099511627776, 3, 4\], and the manifest says float32 \[7, 3, 4\]",
    ),
    "long-header": (
        lambda path: path.write_bytes(b"\x93NUMPY\x02\x00\xff\xff\xff\x00" + b" " * 100), r"cannot read '.*' as .npy"
    ),
    "float64": (lambda path: np.save(path, np.ones((7, 3, 4))), r"holds float64 \[7, 3, 4\], and"),
    "big-endian": (lambda path: np.save(path, np.ones((7, 3, 4), ">f4")), r"holds >f4 \[7, 3, 4\], and the manifest"),
    "columns-first": (
        lambda path: np.save(path, np.asfortranarray(np.ones((7, 3, 4), np.float32))), r"in Fortran order, and"
    ),
    "objects": (
        lambda path: np.save(path, np.full((7, 3, 4), None), allow_pickle=True), r"holds object \[7, 3, 4\], and"
    ),
    "pipe": (lambda path: (path.unlink(), os.mkfifo(path)), r"\(it is not a regular file\)"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_array_is_named_with_what_is_wrong(
    damage: Callable[[Path], object], message: str, folder: Path
) -> None:
    damage(folder / "train-distance.npy")
    with pytest.raises(DataError, match=message) as caught:
        read_problem_folder(folder)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "path-for-a-split": (
        lambda record: record["splits"].update({"../../elsewhere": record["splits"]["train"]}),
        r"is no manifest of problems \(splits.../../elsewhere",
    ),
    "path-for-a-field": (
        lambda record: record["splits"]["train"].update({"/etc/passwd": record["splits"]["train"]["distance"]}),
        r"is no manifest of problems \(splits.train./etc/passwd",
    ),
    "other-schema": (lambda record: record.update(schema_version=2), r"\(schema_version: Input should be 1\)"),
    "negative-size": (
        lambda record: record["splits"]["train"]["distance"].update(shape=[-7, 3, 4]), r"shape.0: Input should be"
    ),
    "other-type": (
        lambda record: record["splits"]["train"]["distance"].update(dtype="object"), r"dtype: Input should be 'float32'"
    ),
    "no-masks": (lambda record: record["splits"]["train"].pop("row_mask"), r"row_mask of the train split is missing"),
    "other-fields": (
        lambda record: record["splits"]["test"].update(row_active=record["splits"]["test"]["row_mask"]),
        r"the test split holds distance, .*row_active, and the first one distance",
    ),
    "nothing-times-many": (
        lambda record: record["splits"]["train"]["distance"].update(shape=[1 << 60, 0, 0]), r"have neither rows nor col"
    ),
    "no-splits": (lambda record: record.update(splits={}), r"splits: Dictionary should have at least 1 item"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_is_not_as_described_is_refused(
    change: Callable[[dict[str, Any]], object], message: str, folder: Path
) -> None:
    rewritten(folder, change)
    with pytest.raises(DataError, match=message) as caught:
        read_problem_folder(folder)
    assert "\n" not in str(caught.value)


def test_an_edited_manifest_does_not_match_its_digest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("unknown", "m"))
    with pytest.raises(DataError, match=r"manifest.json' does not match its digest; it is damaged or was edited"):
        read_problem_folder(folder)


VALUES: dict[str, tuple[str, np.ndarray[Any, Any], str]] = {
    "nan": (
        "distance",
        np.full((7, 3, 4), np.nan, np.float32),
        r"distance has a NaN inside the masks, first at index \[0",
    ),
    "full": ("association", np.ones((7, 3, 4), bool), r"train split: association has a pair outside the masks"),
    "two": ("association", np.full((7, 3, 4), 2, np.uint8).view(bool), r"train split: flags are other than 0 and 1"),
    "narrow": ("col_mask", np.ones((7, 3), bool), r"col_mask is \[7, 3\]; 7 problems of 3 x 4 require \[7, 4\]"),
    "flat": (
        "distance",
        np.ones((7, 12), np.float32),
        r"distance of the train split is \[7, 12\]; expected \[b, n, m\]",
    ),
    "typed": ("row_mask", np.ones((7, 3), np.float32), r"row_mask is float32; expected bool"),
}


@pytest.mark.parametrize(("name", "array", "message"), VALUES.values(), ids=VALUES)
def test_values_that_contradict_each_other_are_refused_although_digests_fit(
    name: str, array: np.ndarray[Any, Any], message: str, folder: Path
) -> None:
    replaced(folder, name, array)
    with pytest.raises(DataError, match=message):
        read_problem_folder(folder)


def test_the_place_of_a_wrong_value_is_counted_over_all_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PAIRS_AT_ONCE", 24)  # two problems
    distance = np.load(folder / "train-distance.npy")
    mask = np.load(folder / "train-row_mask.npy")[5] & np.load(folder / "train-col_mask.npy")[5].any()
    row, column = int(mask.nonzero()[0][0]), int(np.load(folder / "train-col_mask.npy")[5].nonzero()[0][0])
    distance[5, row, column] = np.nan
    replaced(folder, "distance", distance)
    with pytest.raises(DataError, match=rf"train split: distance has a NaN .* index \[5, {row}, {column}\]"):
        read_problem_folder(folder)


def test_a_file_that_changes_after_it_was_checked_is_not_mapped(folder: Path) -> None:
    stored = read_problem_folder(folder)
    _flip(folder / "train-distance.npy")
    os.utime(folder / "train-distance.npy", ns=(0, 0))
    with pytest.raises(DataError, match=r"train-distance.npy' was changed while it was in use; start again"):
        stored.load("train")


@pytest.mark.parametrize("existed", [False, True])
def test_an_interrupted_writing_leaves_nothing(existed: bool, tmp_path: Path) -> None:
    if existed:
        (tmp_path / "mine").mkdir()

    def parts() -> Iterator[AssociationBatch]:
        yield problems(5)
        assert (tmp_path / "mine" / "train-distance.npy").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_problem_folder(tmp_path / "mine", {"train": parts()})
    assert [path.name for path in tmp_path.rglob("*")] == (["mine"] if existed else [])


def test_what_a_killed_writing_leaves_is_refused_and_can_be_written_again(folder: Path) -> None:
    (folder / "manifest.json").rename(folder / ".manifest.json.1234.tmp")
    with pytest.raises(DataError, match=r"holds no manifest.json: .* its writing was interrupted; write it again"):
        read_problem_folder(folder)
    write_problem_folder(folder, {"validation": [problems(3)]})
    assert read_problem_folder(folder).splits == {"validation": 3}
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["manifest.json", *(array_file("validation", name) for name in ALONE)]
    )


def test_a_folder_that_holds_anything_else_is_not_written_into(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine' already holds problems; choose another one, or delete it first"):
        write_problem_folder(folder, {"train": [problems(1)]})
    with pytest.raises(ConfigError, match=r"holds other files \('mine'\); choose another one"):
        write_problem_folder(tmp_path, {"train": [problems(1)]})
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file' is no folder"):
        write_problem_folder(tmp_path / "file", {"train": [problems(1)]})


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (problems(2, 2, 2), r"train split: distance is \[2, 2, 2\]; 2 problems of 3 x 4 require \[2, 3, 4\]"),
        (
            problems(2, every_field=True),
            r"train split: a part has distance, .*truth, and the first one distance",
        ),
        (problems(2)._replace(distance=torch.ones(2, 3, 4).double()), r"train split: distance is float64; expected"),
    ],
)
def test_parts_that_differ_are_refused(part: AssociationBatch, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        write_problem_folder(tmp_path / "mine", {"train": [problems(2), part]})
    assert not (tmp_path / "mine").exists()


def test_problems_without_any_slot_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="problems have neither rows nor columns"):
        write_problem_folder(tmp_path / "mine", {"train": [problems(2, 0, 0)]})


def test_splits_without_parts_and_features_of_other_widths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="test split: it has no part"):
        write_problem_folder(tmp_path / "mine", {"train": [problems(2)], "test": []})
    wide = problems(2, every_field=True)
    narrow = wide._replace(row_features=torch.ones(2, 3, 1))
    with pytest.raises(DataError, match="row_features of a part has 1 columns, and that of the first one 2"):
        write_problem_folder(tmp_path / "mine", {"train": [wide, narrow]})
