"""Unpickle association data into plain values only; used by `hnetzoo.legacy.reader`.

A data pickle never builds numpy objects, whose __setstate__ does not check its arguments: stand-ins record arrays and
dtypes, which become numbers only after their type and length have been checked.
"""

import math
import pickle
import re
from collections.abc import Callable
from typing import Any, NoReturn

_NUMBER = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1)")


class RefusedError(Exception):
    """What is wrong with the file, as a phrase that follows the file's name."""


class Numbers:
    """Stand-in for numpy.dtype: a plain number type, without fields, objects or metadata."""

    __slots__ = ("code", "order", "size")

    def __init__(self, code: Any, *flags: Any) -> None:
        if type(code) is not str or not _NUMBER.fullmatch(code):
            found = repr(code[:20]) if type(code) is str else f"a {type(code).__name__}"
            raise RefusedError(f"holds an array of dtype {found}; only plain numbers are accepted")
        self.code, self.order, self.size = code.lstrip("<>|="), code[0] if code[0] in "<>|" else "=", int(code[-1])

    def __setstate__(self, state: Any) -> None:
        _, order, *details = state
        if type(order) is not str or order not in tuple("<>|=") or details[:3] != [None, None, None]:
            raise RefusedError("holds a structured dtype; only plain numbers are accepted")
        self.order = order

    @property
    def text(self) -> str:
        """The dtype for numpy.frombuffer; uint8 for booleans, because bytes other than 0 and 1 are not valid bools."""
        return "u1" if self.code == "b1" else self.order + self.code


class Recorded:
    """Stand-in for numpy.ndarray and its scalars: the bytes, and their dtype, shape and order."""

    __slots__ = ("data", "fortran", "numbers", "shape")

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.numbers: Numbers | None = None
        self.fortran, self.data = False, b""

    def __setstate__(self, state: Any) -> None:
        _, shape, numbers, fortran, data = state
        self.record(shape, numbers, bool(fortran), data)

    def record(self, shape: Any, numbers: Any, fortran: bool, data: Any) -> "Recorded":
        """Return self with these parts; raises RefusedError if dtype, shape and number of bytes do not fit together."""
        if type(data) is str:  # bytes written by Python 2
            data = data.encode("latin1")
        if type(numbers) is not Numbers or type(data) not in (bytes, bytearray):
            raise RefusedError("holds an array of something other than plain numbers")
        if type(shape) is not tuple or not all(type(size) is int and size >= 0 for size in shape):
            raise RefusedError("holds an array whose shape is not a tuple of sizes")
        if math.prod(shape) * numbers.size != len(data):
            raise RefusedError(f"holds an array of {len(data)} bytes that do not fit its shape and dtype")
        self.shape, self.numbers, self.fortran, self.data = shape, numbers, fortran, bytes(data)
        return self

    def __repr__(self) -> str:
        return f"an array of shape {list(self.shape)}"


class Named:
    """Stand-in for a function or class that a pickle may name; it can only be called."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        """Return the result of the stand-in."""
        return self._call(*arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        raise RefusedError("changes a function that it names")


def _refuse_call(*arguments: Any) -> NoReturn:
    raise RefusedError("builds numpy.ndarray by calling it; only arrays as numpy pickles them are accepted")


def _reconstruct(kind: Any, shape: Any, code: Any) -> Recorded:
    if kind is not _NDARRAY:
        raise RefusedError("holds an array of a class other than numpy.ndarray")
    return Recorded()


def _scalar(numbers: Any, data: Any) -> Recorded:
    return Recorded().record((), numbers, False, data)


def _from_buffer(data: Any, numbers: Any, shape: Any, order: Any, axes: Any = None) -> Recorded:
    if type(order) is not str or order not in ("C", "F"):
        raise RefusedError("holds an array whose axes are stored in another order than C or F")
    return Recorded().record(shape, numbers, order == "F", data)


def _encode(text: Any, encoding: Any = None) -> bytes:
    if type(text) is not str or encoding != "latin1":
        raise RefusedError("encodes something other than bytes as latin1 text")
    return text.encode("latin1")


_NDARRAY = Named(_refuse_call)
_ALLOWED: dict[tuple[str, str], Named] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): Named(Numbers),
    ("_codecs", "encode"): Named(_encode),
}
for _package in ("numpy.core", "numpy._core"):  # before and since numpy 2
    _ALLOWED[f"{_package}.multiarray", "_reconstruct"] = Named(_reconstruct)
    _ALLOWED[f"{_package}.multiarray", "scalar"] = Named(_scalar)
    _ALLOWED[f"{_package}.numeric", "_frombuffer"] = Named(_from_buffer)


class DataUnpickler(pickle.Unpickler):
    """Unpickler of plain values and stand-ins of numpy arrays; all other names are refused before any import."""

    def find_class(self, module: str, name: str, /) -> Named:
        """Return the stand-in of a name; raises RefusedError if the name is not allowed."""
        found = _ALLOWED.get((module, name))
        if found is None:
            raise RefusedError(f"asks for {module:.60}.{name:.60}, which data does not need; nothing was run")
        return found

    def persistent_load(self, identifier: Any, /) -> NoReturn:
        """Raise RefusedError for references to objects outside the file."""
        raise RefusedError("refers to an object outside the file (persistent id)")
