"""A claim has one owner; a dead one loses it, at once on this machine, after its last beat on another."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from hnetzoo.engines.claims import UNKNOWN, Claims
from hnetzoo.engines.presence import Presence

FAR = replace(Presence.here(), host="node7", place="elsewhere")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def claims(tmp_path: Path, clock: Clock) -> Claims:
    return Claims(tmp_path / "claims", expiry_s=60, clock=clock)


def put(claims: Claims, name: str, owner: Presence | None) -> Path:
    """Write a claim as another process would; without an owner, its content is not there yet."""
    claims.folder.mkdir(exist_ok=True)
    path = claims.folder / name
    path.write_text("" if owner is None else json.dumps(asdict(owner)))
    return path


def dead_process() -> Presence:
    """Return a process of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return replace(Presence.here(), process=ended.pid)


def test_a_claim_excludes_others_until_it_ends(claims: Claims, tmp_path: Path) -> None:
    other = Claims(tmp_path / "claims")
    with claims.claim("a") as mine, other.claim("a") as theirs, other.claim("b") as second:
        assert (mine, theirs, second) == ("", str(Presence.here()), "")
        assert other.owner("a") == str(Presence.here())
    assert other.owner("a") == ""
    assert list(claims.folder.iterdir()) == []


def test_an_error_ends_a_claim(claims: Claims) -> None:
    with pytest.raises(ValueError, match="no luck"), claims.claim("a"):
        raise ValueError("no luck")
    assert claims.owner("a") == ""


def test_the_dead_of_this_machine_are_known_at_once(claims: Claims) -> None:
    put(claims, "a.0", dead_process())
    assert claims.owner("a") == ""
    with claims.claim("a") as other:
        assert other == ""
        assert {path.name for path in claims.folder.iterdir()} == {"a.0", "a.1"}
    assert list(claims.folder.iterdir()) == []


def test_a_process_that_has_the_number_of_a_dead_one_is_another(claims: Claims) -> None:
    put(claims, "a.0", replace(Presence.here(), born="1"))
    assert claims.owner("a") == ""


@pytest.mark.parametrize(("owner", "name"), [(FAR, str(FAR)), (None, UNKNOWN)], ids=["known", "unknown"])
def test_an_owner_elsewhere_is_dead_after_its_last_beat(
    claims: Claims, clock: Clock, owner: Presence | None, name: str
) -> None:
    path = put(claims, "a.0", owner)
    for _ in range(3):
        assert claims.owner("a") == name
        clock.now += 59
        os.utime(path, ns=(0, path.stat().st_mtime_ns - 1))  # its clock may be wrong, and run backwards
    assert claims.owner("a") == name
    clock.now += 60
    assert claims.owner("a") == ""
    with claims.claim("a") as other:
        assert other == ""


def test_owners_beat(tmp_path: Path) -> None:
    claims = Claims(tmp_path, beat_s=0.01)
    with claims.claim("a"):
        path = tmp_path / "a.0"
        before = path.stat().st_mtime_ns
        deadline = time.monotonic() + 10
        while path.stat().st_mtime_ns == before and time.monotonic() < deadline:
            time.sleep(0.005)
        assert path.stat().st_mtime_ns > before


@pytest.mark.parametrize("dead", [0, 1, 2])
def test_of_many_at_once_one_becomes_the_owner(claims: Claims, dead: int) -> None:
    process = dead_process()
    for generation in range(dead):
        put(claims, f"a.{generation}", process)
    together, owners, lock = threading.Barrier(16), [], threading.Lock()

    def contend() -> None:
        with ExitStack() as held:
            together.wait()
            if held.enter_context(claims.claim("a")) == "":
                with lock:
                    owners.append(threading.get_ident())
            together.wait()  # nobody lets go before all have tried

    threads = [threading.Thread(target=contend) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(owners) == 1
    assert claims.owner("a") == ""


def test_an_owner_that_counted_as_dead_leaves_the_claim_of_its_successor_alone(claims: Claims) -> None:
    with claims.claim("a"):
        put(claims, "a.1", FAR)
    assert {path.name for path in claims.folder.iterdir()} == {"a.0", "a.1"}
    assert claims.owner("a") == str(FAR)
