"""Claims on results in a shared folder, so that processes of many machines compute each of them once.

A claim is a file KEY.0, made with O_EXCL, which exactly one process succeeds in. Its owner touches it every `BEAT_S`
seconds. Who finds it watches these beats by a clock of its own, so that clocks of machines need not agree; after
`EXPIRY_S` seconds without one, the owner counts as dead, and KEY.1 may be made, in the same way, and so on: claims are
never taken away from anyone, so that no two processes can take over the same one. A process of the same machine is
looked up instead, and its death is known at once.

Assumed of the folder: that O_EXCL makes a file once, and that an opened file shows changes of its time (NFS 3 and
newer, Lustre, GPFS and SMB do). Locks of the file system are not used. An owner that was silent for too long and lives
on computes what another one computes too; results are written atomically, and depend on nothing else, so one replaces
its equal.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from hnetzoo.engines.presence import Presence

BEAT_S = 10.0
EXPIRY_S = 120.0
FOLDER = "claims"
UNKNOWN = "another process"
OVER = "over"  # in place of the birth of an owner that counted as dead, lives, and is done


class Claims:
    """The claims in a folder.

    Args:
        folder: Created at the first claim.
        beat_s: How often owners touch their claims [seconds].
        expiry_s: After how long without that an owner on another machine counts as dead [seconds].
        clock: Returns the time [seconds].

    Example:
        >>> from tempfile import mkdtemp
        >>> claims = Claims(Path(mkdtemp()))
        >>> with claims.claim("a") as other:
        ...     print(repr(other), claims.owner("a") == str(Presence.here()))
        '' True
        >>> claims.owner("a")
        ''
    """

    def __init__(
        self,
        folder: Path,
        *,
        beat_s: float = BEAT_S,
        expiry_s: float = EXPIRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.beat_s, self.expiry_s, self.clock = folder, beat_s, expiry_s, clock
        self._seen: dict[str, tuple[int, float]] = {}  # last beat of a claim, and when it was first seen

    @classmethod
    def beside(cls, folder: Path) -> "Claims":
        """Return the claims on the results in a folder, which are kept beside it."""
        return cls(folder.with_name(FOLDER))

    @contextmanager
    def claim(self, key: str) -> Iterator[str]:
        """Own a key in a `with` block; yields "", or if another process owns it, who that is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        generation = 0
        while not self._make(key, generation):
            other = self._living(key, generation)
            if other:
                yield other
                return
            generation += other is not None  # the same one again, if it was released meanwhile
        ended = threading.Event()
        beats = threading.Thread(target=self._beat, args=(self._path(key, generation), ended), daemon=True)
        beats.start()
        try:
            yield ""
        finally:
            ended.set()
            beats.join()
            self._release(key, generation)

    def owner(self, key: str) -> str:
        """Return who owns a key; "" if nobody does, or only processes that are dead."""
        generation = 0
        while self._path(key, generation).exists():
            if other := self._living(key, generation):
                return other
            generation += 1
        return ""

    def _make(self, key: str, generation: int) -> bool:
        """Make a claim, unless there is one."""
        try:
            descriptor = os.open(self._path(key, generation), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        _write(descriptor, Presence.here())
        return True

    def _living(self, key: str, generation: int) -> str | None:
        """Return who made a claim; "" if that process is dead, None if there is no such claim."""
        path = self._path(key, generation)
        try:
            with path.open() as file:  # on network file systems, opening is what brings the present time of the file
                content, beat = file.read(), os.fstat(file.fileno()).st_mtime_ns
        except OSError:
            return None
        maker = _read(content)
        if maker is not None and maker.is_near:
            return str(maker) if maker.is_alive else ""
        before, since = self._seen.get(path.name, (None, 0.0))
        if beat != before:
            self._seen[path.name] = beat, self.clock()
        elif self.clock() - since >= self.expiry_s:
            return ""
        return str(maker or UNKNOWN)

    def _beat(self, path: Path, ended: threading.Event) -> None:
        while not ended.wait(self.beat_s):
            with suppress(OSError):  # the next beat may come through
                os.utime(path)

    def _release(self, key: str, generation: int) -> None:
        """Delete a claim and those of dead owners before it, the oldest first; unless somebody has made a later one."""
        if self._path(key, generation + 1).exists():
            mine = os.open(self._path(key, generation), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            _write(mine, replace(Presence.here(), born=OVER))
            return
        for number in range(generation + 1):
            self._path(key, number).unlink(missing_ok=True)

    def _path(self, key: str, generation: int) -> Path:
        return self.folder / f"{key}.{generation}"


def _write(descriptor: int, owner: Presence) -> None:
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(owner), file)


def _read(content: str) -> Presence | None:
    """Return who made a claim; None while its content is being written."""
    try:
        return Presence(**json.loads(content))
    except (ValueError, TypeError):
        return None
