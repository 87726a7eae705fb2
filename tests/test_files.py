"""Written files: links are followed, devices and pipes stay what they are, old content survives a failure."""

import os
import stat
import threading
from pathlib import Path

import pytest

from hnetzoo.files import write_file, write_together


def test_writing_replaces_the_content_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    for content in (b"old", b"new"):
        write_file(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.json"]


@pytest.mark.parametrize("exists", [True, False])
def test_writing_to_a_link_writes_its_target_and_keeps_the_link(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "rows.json", tmp_path / "link.json"
    if exists:
        target.write_bytes(b"old")
    link.symlink_to(target)
    write_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_writing_to_a_pipe_sends_the_content_and_keeps_the_pipe(tmp_path: Path) -> None:
    pipe, received = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_file(pipe, b"rows")
    reader.join(timeout=10)
    assert received == [b"rows"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_writing_to_a_link_to_a_device_keeps_link_and_device(tmp_path: Path) -> None:
    link = tmp_path / "null.json"
    link.symlink_to(os.devnull)
    write_file(link, b"rows")
    assert link.is_symlink()
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_writing_to_a_directory_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path / "folder", b"rows")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_files_that_belong_together_are_replaced_together(tmp_path: Path) -> None:
    first, last = tmp_path / "a.bin", tmp_path / "a.json"
    for content in (b"old", b"new"):
        write_together({first: content, last: content})
        assert (first.read_bytes(), last.read_bytes()) == (content, content)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.bin", "a.json"]


def test_of_files_that_belong_together_none_changes_where_one_cannot_be_written(tmp_path: Path) -> None:
    first, last = tmp_path / "a.bin", tmp_path / ("n" * 300)
    write_together({first: b"old"})
    with pytest.raises(OSError, match="too long"):
        write_together({first: b"new", last: b"new"})
    assert first.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_where_the_first_cannot_take_its_place_the_last_is_missing_and_so_says_so(tmp_path: Path) -> None:
    first, last = tmp_path / "a.bin", tmp_path / "a.json"
    first.mkdir()
    last.write_bytes(b"old")
    with pytest.raises(IsADirectoryError):
        write_together({first: b"new", last: b"new"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]
