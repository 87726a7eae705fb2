"""Ways to damage a file: bits, blocks, lengths, and values inside JSON and text."""

import json
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Damage = Callable[[bytes, random.Random], bytes]
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**400, float("nan"), float("inf"), "", "text", "\n", [], [[]], {}, {"a": None}, [1, "a"],
)  # fmt: skip


def _flip_bit(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _cut_out(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.randrange(1, 1 + len(content) // 2) :]


def _zero_block(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    size = min(len(content) - start, 64)
    return content[:start] + bytes(size) + content[start + size :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.randbytes(rng.randrange(1, 64)) + content[start:]


def _repeat_block(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    end = start + rng.randrange(1, 1 + len(content) // 4 + 1)
    return content[:end] + content[start:]


def _append(content: bytes, rng: random.Random) -> bytes:
    return content + rng.randbytes(rng.randrange(1, 256))


def _empty(content: bytes, rng: random.Random) -> bytes:
    return b""


def _noise(content: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(len(content))


BYTES: Mapping[str, Damage] = MappingProxyType(
    {
        "a bit": _flip_bit,
        "truncated": _truncate,
        "cut out": _cut_out,
        "zeros": _zero_block,
        "inserted": _insert,
        "repeated": _repeat_block,
        "appended": _append,
        "another bit": _flip_bit,
        "empty": _empty,
        "noise": _noise,
    }
)


def change_json(content: bytes, rng: random.Random) -> bytes:
    """Return a JSON document in which one value, anywhere, is another or missing."""
    document = json.loads(content)
    places = list(_places(document))
    container, key = rng.choice(places)
    if rng.random() < 0.2 and isinstance(container, dict):
        del container[key]
    else:
        container[key] = rng.choice(ODD_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Any:
    """Yield (container, key) of every value inside a JSON document."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in list(entries):
        yield value, key
        yield from _places(entry)


def change_text(content: bytes, rng: random.Random) -> bytes:
    """Return a text in which one field of a line is another."""
    lines = content.decode().splitlines()
    index = rng.randrange(len(lines))
    separator = "=" if "=" in lines[index] else ","
    fields = lines[index].split(separator)
    odd = ("", "nan", "-inf", "1e999", "9" * 400, "'", '"', "[[", "\x00", "a,b", "é", "-1", "0x1", "1_0", " ", "{}")
    fields[rng.randrange(len(fields))] = rng.choice(odd)
    lines[index] = separator.join(fields)
    return ("\n".join(lines) + "\n").encode()


def damaged(content: bytes, how: str, rng: random.Random) -> bytes:
    """Return other content than the given one, damaged in one way: a key of BYTES, "json" or "text"."""
    change = {"json": change_json, "text": change_text, **BYTES}[how]
    for _ in range(20):
        found = change(content, rng)
        if found != content:
            return found
    return content + b"\x00"
