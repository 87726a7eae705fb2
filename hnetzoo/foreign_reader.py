"""Read one foreign file in a process of its own: the child side of `hnetzoo.foreign`.

Run as a script with the file as standard input. A pickle is a program, so this process first gives up all but the memory,
time and files that the order grants, and then unpickles with a list of what may be named. It leaves plain arrays in
its working directory, or one line on stderr and an exit code.

A data pickle never builds a real numpy object, whose __setstate__ trusts what it is given: arrays and dtypes are
recorded by stand-ins and become numbers only after their type and length have been checked.
"""

import gc
import json
import math
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

REFUSED, OUT_OF_MEMORY = 4, 5  # exit codes; everything else is a crash
CHECKPOINT, DATA = "checkpoint", "data"
OUTPUT = {CHECKPOINT: "tensors.safetensors", DATA: "problems.npz"}
OPEN_FILES = 64  # imports are done by then; what remains is the input, the output and a few of the libraries'

_FIELDS = ("n_ref", "n_pred", "D", "A", "ref_xyz", "pred_xyz")
_NESTED = ("state_dict", "model_state_dict")
_NUMBER = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1)")

Array = NDArray[Any]


class Refused(Exception):
    """What is wrong with the file, to follow its name."""


class Numbers:
    """Stands for numpy.dtype: a plain number type, nothing with fields, objects or metadata."""

    __slots__ = ("code", "order", "size")

    def __init__(self, code: Any, *flags: Any) -> None:
        if type(code) is not str or not _NUMBER.fullmatch(code):
            raise Refused(f"holds an array of dtype {code!r:.40}; only plain numbers are accepted")
        self.code, self.order, self.size = code.lstrip("<>|="), code[0] if code[0] in "<>|" else "=", int(code[-1])

    def __setstate__(self, state: Any) -> None:
        _, order, *details = state
        if type(order) is not str or order not in tuple("<>|=") or details[:3] != [None, None, None]:
            raise Refused("holds a structured dtype; only plain numbers are accepted")
        self.order = order

    @property
    def text(self) -> str:
        """The type for numpy.frombuffer; booleans as uint8, because a byte other than 0 and 1 is no valid bool."""
        return "u1" if self.code == "b1" else self.order + self.code


class Recorded:
    """Stands for numpy.ndarray and for its scalars: the bytes, and how to read them."""

    __slots__ = ("data", "fortran", "numbers", "shape")

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.numbers: Numbers | None = None
        self.fortran, self.data = False, b""

    def __setstate__(self, state: Any) -> None:
        _, shape, numbers, fortran, data = state
        self.record(shape, numbers, bool(fortran), data)

    def record(self, shape: Any, numbers: Any, fortran: bool, data: Any) -> "Recorded":
        """Keep the parts of an array if they fit together exactly."""
        if type(data) is str:  # bytes written by Python 2
            data = data.encode("latin1")
        if type(numbers) is not Numbers or type(data) not in (bytes, bytearray):
            raise Refused("holds an array of something else than plain numbers")
        if type(shape) is not tuple or not all(type(size) is int and size >= 0 for size in shape):
            raise Refused("holds an array whose shape is not a tuple of sizes")
        if math.prod(shape) * numbers.size != len(data):
            raise Refused(f"holds an array of {len(data)} bytes where its shape and dtype ask for another number")
        self.shape, self.numbers, self.fortran, self.data = shape, numbers, fortran, bytes(data)
        return self

    def __repr__(self) -> str:
        return f"an array {self.numbers.text if self.numbers else ''} {list(self.shape)}"


class Named:
    """Stands for a function or class that a pickle may name; calling it is all that can be done with it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        raise Refused("changes a function that it names")


def _refuse_call(*arguments: Any) -> NoReturn:
    raise Refused("builds numpy.ndarray by calling it; only arrays as numpy pickles them are accepted")


def _reconstruct(kind: Any, shape: Any, code: Any) -> Recorded:
    if kind is not _NDARRAY:
        raise Refused("holds an array of a class other than numpy.ndarray")
    return Recorded()


def _scalar(numbers: Any, data: Any) -> Recorded:
    return Recorded().record((), numbers, False, data)


def _from_buffer(data: Any, numbers: Any, shape: Any, order: Any, axes: Any = None) -> Recorded:
    if type(order) is not str or order not in ("C", "F"):
        raise Refused("holds an array whose axes are stored in another order than C or F")
    return Recorded().record(shape, numbers, order == "F", data)


def _encode(text: Any, encoding: Any = None) -> bytes:
    if type(text) is not str or encoding != "latin1":
        raise Refused("encodes something else than bytes as latin1 text")
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
    """Unpickle plain values and stand-ins of numpy arrays; every other name is refused before anything is imported."""

    def find_class(self, module: str, name: str, /) -> Named:
        """Return the stand-in for a name."""
        found = _ALLOWED.get((module, name))
        if found is None:
            raise Refused(f"asks for {module:.60}.{name:.60}, which data has no use for; nothing was run")
        return found

    def persistent_load(self, identifier: Any, /) -> NoReturn:
        """Refuse references to objects outside the file."""
        raise Refused("refers to an object outside the file (persistent id)")


def read_data(stream: IO[bytes]) -> dict[str, Array]:
    """Read {index: [n_ref, n_pred, D, A, ref_xyz, pred_xyz]}, or a list of such entries, in order of the index.

    Returns:
        distance float32 [b, n, m] and association bool [b, n, m].

    Raises:
        Refused: If the pickle holds anything else; names the first entry concerned.
    """
    labels, entries = _entries(DataUnpickler(stream, encoding="latin1").load())
    distance, association = (_stack(labels, name, entries) for name in ("D", "A"))
    if distance.shape != association.shape:
        raise Refused(f"has D {list(distance.shape[1:])} and A {list(association.shape[1:])}; expected one shape")
    for name, slots in zip(_FIELDS[:2], distance.shape[1:], strict=True):
        _check_counts(labels, name, entries, slots)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        distance = distance.astype(np.float32)
    _check(labels, ~np.isfinite(distance), "a D with NaN, infinity or numbers beyond float32")
    _check(labels, (association != 0) & (association != 1), "an A with other values than 0 and 1")
    for axis, side in ((2, "row"), (1, "column")):
        _check(labels, association.sum(axis) > 1, f"an A with more than one pair in a {side}")
    return {"distance": distance, "association": association.astype(bool)}


def _entries(loaded: Any) -> tuple[Sequence[int], list[Any]]:
    """Return labels for messages and entries, both in order."""
    if type(loaded) not in (dict, list) or not loaded:
        found = f"an empty {type(loaded).__name__}" if loaded in ({}, []) else _describe(loaded)
        raise Refused(f"holds {found}; expected a dict or list of entries")
    labels: Sequence[int] = range(len(loaded))
    if type(loaded) is dict:
        if any(type(key) is not int for key in loaded):
            raise Refused("holds a dict with keys that are not integers")
        labels = sorted(loaded)
    entries = [loaded[label] for label in labels]
    for label, entry in zip(labels, entries, strict=True):
        if type(entry) not in (list, tuple) or len(entry) != len(_FIELDS):
            raise Refused(f"has entry {label}: {_describe(entry)}; expected [{', '.join(_FIELDS)}]")
    return labels, entries


def _stack(labels: Iterable[int], name: str, entries: Iterable[Sequence[Any]]) -> Array:
    """Stack one field of all entries, float64 [b, n, m]; arrays stored alike are converted together."""
    field = _FIELDS.index(name)
    groups: dict[tuple[str, bool], tuple[list[int], list[bytes]]] = {}
    shape: tuple[int, ...] | None = None
    for position, (label, entry) in enumerate(zip(labels, entries, strict=True)):
        array = entry[field]
        if type(array) is not Recorded or array.numbers is None or len(array.shape) != 2 or 0 in array.shape:
            raise Refused(f"has entry {label}: {name} is {_describe(array)}; expected an array [n, m] of numbers")
        shape = shape or array.shape
        if array.shape != shape:
            raise Refused(f"has entry {label}: {name} is {list(array.shape)}, the ones before are {list(shape)}")
        positions, chunks = groups.setdefault((array.numbers.text, array.fortran), ([], []))
        positions.append(position)
        chunks.append(array.data)
    rows, columns = shape or (0, 0)
    stacked = np.empty((sum(len(positions) for positions, _ in groups.values()), rows, columns))
    for (text, fortran), (positions, chunks) in groups.items():
        block = np.frombuffer(b"".join(chunks), dtype=text)
        stacked[positions] = block.reshape(-1, columns, rows).swapaxes(1, 2) if fortran else block.reshape(-1, rows, columns)
    return stacked


def _check_counts(labels: Iterable[int], name: str, entries: Iterable[Sequence[Any]], slots: int) -> None:
    field = _FIELDS.index(name)
    for label, entry in zip(labels, entries, strict=True):
        count = entry[field]
        if type(count) is Recorded and count.numbers and count.shape == () and count.numbers.code[0] in "iu":
            count = int(np.frombuffer(count.data, dtype=count.numbers.text)[0])
        if type(count) is not int or not 0 <= count <= slots:
            raise Refused(f"has entry {label}: {name} is {_describe(count)}; expected an integer of 0..{slots}")


def _check(labels: Sequence[int], wrong: Array, what: str) -> None:
    flagged = wrong.reshape(len(wrong), -1).any(axis=1)
    if flagged.any():
        raise Refused(f"has entry {labels[int(flagged.argmax())]}: {what}")


def _describe(value: Any) -> str:
    if type(value) is int and abs(value) < 1e9:
        return str(value)
    if type(value) in (list, tuple, dict, str):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value) if type(value) is Recorded else f"a {type(value).__name__}"


def read_checkpoint(stream: IO[bytes]) -> "dict[str, Tensor]":
    """Read the tensors of a state dict, on the CPU, floats as float32.

    Raises:
        Refused: If the file is no `torch.save` of a state dict, or names more than a state dict needs.
    """
    import torch

    try:
        loaded = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:
        if "allocate memory" in str(error):
            raise MemoryError from None
        raise Refused(_torch_reason(error)) from None
    for key in _NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise Refused(f"holds {_describe(loaded)}; expected names with tensors")
    return {str(name): _plain(name, tensor) for name, tensor in loaded.items()}


def _plain(name: Any, tensor: Any) -> "Tensor":
    import torch

    plain = isinstance(tensor, torch.Tensor) and tensor.device.type == "cpu" and tensor.layout is torch.strided
    if type(name) is not str or not plain or tensor.is_quantized or tensor.is_complex():
        raise Refused(f"holds {str(name)[:60]!r}, which is {_describe(tensor)}; expected names with plain tensors")
    converted: Tensor = tensor.detach().to(torch.float32) if tensor.is_floating_point() else tensor.detach()
    return converted.clone(memory_format=torch.contiguous_format)


def _torch_reason(error: Exception) -> str:
    """Say why torch refused; its own text goes on to recommend loading the file unsafely."""
    text = str(error)
    if named := re.search(r"GLOBAL (\S{1,120})", text):
        return f"asks for {named[1]}, which a state dict has no use for; nothing was run"
    detail = text.rpartition("WeightsUnpickler error:")[2].strip() or type(error).__name__
    return f"cannot be read by torch ({detail.splitlines()[0]})"


def limit_resources(memory: int, seconds: int, output: int) -> None:
    """Give up all but `memory` more bytes, `seconds` more of processor time and files of `output` bytes."""
    import resource  # absent on Windows, where the parent imports this module too

    usage = resource.getrusage(resource.RUSAGE_SELF)
    limits = {
        resource.RLIMIT_AS: _address_space() + memory,
        resource.RLIMIT_CPU: math.ceil(usage.ru_utime + usage.ru_stime) + seconds,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (value, value))


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _write(kind: str) -> None:
    gc.disable()  # an honest file is millions of small objects and no garbage; a hostile one meets the memory limit
    if kind == DATA:
        np.savez(OUTPUT[kind], **read_data(sys.stdin.buffer))  # type: ignore[arg-type]
    else:
        import_module("safetensors.torch").save_file(read_checkpoint(sys.stdin.buffer), OUTPUT[kind])


def main() -> None:
    """Carry out the order in the first argument, JSON: {"kind", "memory", "seconds", "output"}."""
    order = json.loads(sys.argv[1])
    if order["kind"] == CHECKPOINT:  # needs far more address space than any checkpoint does, so before the limits
        import_module("safetensors.torch")
    limit_resources(order["memory"], order["seconds"], order["output"])
    try:
        _write(order["kind"])
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once: what fills the memory is still there
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(REFUSED)
    except Exception as error:  # a damaged or hostile pickle makes the unpickler raise nearly anything
        print(f"is damaged or no pickle at all ({type(error).__name__}: {str(error)[:200]})", file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
