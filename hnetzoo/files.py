"""Crash-safe files: temporary file, fsync, rename, fsync of the directory. Links are followed. Torch-free.

Records are JSON objects that hold the digest of the rest of them, by which damage is found.
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hnetzoo.digests import digest_document
from hnetzoo.errors import CheckpointError

DIGEST = "digest"
LARGEST_DOCUMENT = 1 << 28  # bytes of a JSON document


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that are of use only together, the last of them as the sign that all are there.

    All are written before one takes its place, so that a full disk changes nothing; a crash leaves the old files, the
    new ones, or the last one missing.
    """
    staged = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in contents}
    last = list(contents)[-1]
    try:
        for path, temporary in staged.items():
            _write_through(temporary, contents[path])
        last.unlink(missing_ok=True)
        sync_directory(last.parent)
        for path, temporary in staged.items():
            temporary.replace(path)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
    sync_directory(last.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically: a crash leaves either the old or the new content.

    A link is followed and stays a link. What is not a regular file (a device, a pipe) is written in place.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write_through(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def _write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def is_partial_file(path: Path, name: str) -> bool:
    """Return whether a path is one that `write_file` writes on the way to a file of this name, or left when killed."""
    return path.match(f".{name}.*.tmp")


def read_file(path: Path, most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises:
        OSError: If the file is missing or cannot be read.
        ValueError: If it is a device or a pipe, which may have no end, or larger.
    """
    check_size(path, most)
    return path.read_bytes()


def check_size(path: Path, most: int) -> None:
    """Raise as `read_file` does where a file is not to be read."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a regular file")
    if found.st_size > most:
        raise ValueError(f"it has {found.st_size:,} bytes, and at most {most:,} are accepted")


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document with `write_file`."""
    write_file(path, _json_content(document))


def _json_content(document: Any) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def read_json(path: Path) -> Any:
    """Return the JSON document in a file; raises CheckpointError naming the file if it is missing or damaged."""
    try:
        return json.loads(read_file(path, LARGEST_DOCUMENT))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot read '{path}' ({reason(error)}); it is missing or damaged") from None


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON object with its digest."""
    write_file(path, record_content(record))


def record_content(record: Mapping[str, Any]) -> bytes:
    """Return what `write_record` writes."""
    plain = json.loads(json.dumps({name: value for name, value in record.items() if name != DIGEST}))
    return _json_content({**plain, DIGEST: digest_document(plain)})


def read_record(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, without its digest.

    Raises:
        CheckpointError: If the file is missing or damaged, or does not match the digest that it holds. One without a
            digest, such as one written by hand, is not checked.
    """
    record = read_json(path)
    if not isinstance(record, dict):
        raise CheckpointError(f"'{path}' holds {type(record).__name__} instead of a JSON object; it is damaged")
    digest = record.pop(DIGEST, None)
    if digest is not None and digest != digest_document(record):
        raise CheckpointError(f"'{path}' does not match its digest; it is damaged or was edited: restore it")
    return record


def sync_directory(path: Path) -> None:
    """Sync a directory to disk, so that renames in it survive a power failure; Windows does that by itself."""
    if os.name == "nt":  # a directory cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason(error: Exception) -> str:
    """Return the cause of an error as text, the operating system's if there is one."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
