"""Read one untrusted file in a process of its own: the child process of `hnetzoo.legacy.importing`.

Run as a script with the file as standard input. A pickle can run code, so this process first limits its memory, time
and files, and then unpickles with a list of allowed names. It writes plain arrays into its working directory, or one
line to stderr and exits with a code.
"""

import gc
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnetzoo.legacy.unpickling import DataUnpickler, Recorded, RefusedError
from hnetzoo.registry.isolation import ignore_unreadable_distributions

if TYPE_CHECKING:
    from torch import Tensor

REFUSED, OUT_OF_MEMORY = 4, 5  # exit codes; everything else is a crash
CHECKPOINT, DATA = "checkpoint", "data"
OUTPUT = {CHECKPOINT: "tensors.safetensors", DATA: "problems.npz"}
OPEN_FILES = 64  # enough for input, output and a few files of libraries; modules are imported before

_FIELDS = ("n_ref", "n_pred", "D", "A", "ref_xyz", "pred_xyz")
_NO_MEMORY = "allocate memory"  # in the message of torch's RuntimeError
_NESTED = ("state_dict", "model_state_dict")

Array = NDArray[Any]


def read_data(stream: IO[bytes]) -> dict[str, Array]:
    """Return the arrays of {index: [n_ref, n_pred, D, A, ref_xyz, pred_xyz]}, or of a list of such entries, by index.

    Returns:
        distance float32 [b, n, m] and association bool [b, n, m].

    Raises:
        RefusedError: If the pickle holds anything else; names the first wrong entry.
    """
    labels, entries = _entries(DataUnpickler(stream, encoding="latin1").load())
    distance, association = (_stack(labels, name, entries) for name in ("D", "A"))
    if distance.shape != association.shape:
        raise RefusedError(f"has D {list(distance.shape[1:])} and A {list(association.shape[1:])}; expected one shape")
    for name, slots in zip(_FIELDS[:2], distance.shape[1:], strict=True):
        _check_counts(labels, name, entries, slots)
    with np.errstate(over="ignore"):  # overflow gives infinity, which is refused below
        distance = distance.astype(np.float32)
    _check(labels, ~np.isfinite(distance), "a D with NaN, infinity or numbers beyond float32")
    _check(labels, (association != 0) & (association != 1), "an A with other values than 0 and 1")
    for axis, side in ((2, "row"), (1, "column")):
        _check(labels, association.sum(axis) > 1, f"an A with more than one pair in a {side}")
    return {"distance": distance, "association": association.astype(bool)}


def _entries(loaded: Any) -> tuple[Sequence[int], list[Any]]:
    """Return the labels of entries, for messages, and the entries, both in order."""
    if type(loaded) not in (dict, list) or not loaded:
        raise RefusedError(f"holds {_describe(loaded)}; expected a dict or list of entries")
    labels: Sequence[int] = range(len(loaded))
    if type(loaded) is dict:
        if any(type(key) is not int for key in loaded):
            raise RefusedError("holds a dict with keys that are not integers")
        labels = sorted(loaded)
    entries = [loaded[label] for label in labels]
    for label, entry in zip(labels, entries, strict=True):
        if type(entry) not in (list, tuple) or len(entry) != len(_FIELDS):
            raise RefusedError(f"has entry {label}: {_describe(entry)}; expected [{', '.join(_FIELDS)}]")
    return labels, entries


def _stack(labels: Iterable[int], name: str, entries: Iterable[Sequence[Any]]) -> Array:
    """Return one field of all entries, float64 [b, n, m]; arrays of the same type and order are converted together."""
    field = _FIELDS.index(name)
    groups: dict[tuple[str, bool], tuple[list[int], list[bytes]]] = {}
    shape: tuple[int, ...] | None = None
    for position, (label, entry) in enumerate(zip(labels, entries, strict=True)):
        array = entry[field]
        if type(array) is not Recorded or array.numbers is None or len(array.shape) != 2 or 0 in array.shape:
            raise RefusedError(f"has entry {label}: {name} is {_describe(array)}; expected an array [n, m] of numbers")
        shape = shape or array.shape
        if array.shape != shape:
            raise RefusedError(f"has entry {label}: {name} is {list(array.shape)}, the ones before are {list(shape)}")
        positions, chunks = groups.setdefault((array.numbers.text, array.fortran), ([], []))
        positions.append(position)
        chunks.append(array.data)
    rows, columns = shape or (0, 0)
    stacked = np.empty((sum(len(positions) for positions, _ in groups.values()), rows, columns))
    for (text, fortran), (positions, chunks) in groups.items():
        block = np.frombuffer(b"".join(chunks), dtype=text)
        sizes = (columns, rows) if fortran else (rows, columns)
        block = block.reshape(-1, *sizes)
        stacked[positions] = block.swapaxes(1, 2) if fortran else block
    return stacked


def _check_counts(labels: Iterable[int], name: str, entries: Iterable[Sequence[Any]], slots: int) -> None:
    field = _FIELDS.index(name)
    for label, entry in zip(labels, entries, strict=True):
        count = entry[field]
        if type(count) is Recorded and count.numbers and count.shape == () and count.numbers.code[0] in "iu":
            count = int(np.frombuffer(count.data, dtype=count.numbers.text)[0])
        if type(count) is not int or not 0 <= count <= slots:
            raise RefusedError(f"has entry {label}: {name} is {_describe(count)}; expected an integer of 0..{slots}")


def _check(labels: Sequence[int], wrong: Array, what: str) -> None:
    flagged = wrong.reshape(len(wrong), -1).any(axis=1)
    if flagged.any():
        raise RefusedError(f"has entry {labels[int(flagged.argmax())]}: {what}")


def _describe(value: Any) -> str:
    if type(value) is int and abs(value) < 1e9:
        return str(value)
    if type(value) in (list, tuple, dict, str):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value) if type(value) is Recorded else f"a {type(value).__name__}"


def read_checkpoint(stream: IO[bytes]) -> "dict[str, Tensor]":
    """Return the tensors of a state dict, on the CPU, floats as float32.

    Raises:
        RefusedError: If the file is not a `torch.save` of a state dict, or names what a state dict does not need.
    """
    import torch

    try:
        loaded = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:
        if _NO_MEMORY in str(error):
            raise
        raise RefusedError(_torch_reason(error)) from None
    for key in _NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise RefusedError(f"holds {_describe(loaded)}; expected a mapping from names to tensors")
    return {name: _plain(name, tensor) for name, tensor in loaded.items()}


def _plain(name: Any, tensor: Any) -> "Tensor":
    import torch

    if type(name) is not str or not name.isprintable():  # names appear in messages
        raise RefusedError(f"has {_describe(name)} as the name of a tensor")
    if not isinstance(tensor, torch.Tensor) or tensor.device.type != "cpu" or tensor.layout is not torch.strided:
        raise RefusedError(f"has {_describe(tensor)} under '{name:.60}'; expected a plain tensor")
    if tensor.is_quantized or tensor.is_complex():
        raise RefusedError(f"has {tensor.dtype} under '{name:.60}'; expected real numbers")
    converted: Tensor = tensor.detach().to(torch.float32) if tensor.is_floating_point() else tensor.detach()
    return converted.clone(memory_format=torch.contiguous_format)


def _torch_reason(error: Exception) -> str:
    """Return why torch refused, without its recommendation to load the file unsafely."""
    text = str(error)
    if named := re.search(r"GLOBAL (\S{1,120})", text):
        return f"asks for {named[1]}, which a state dict does not need; nothing was run"
    detail = text.rpartition("WeightsUnpickler error:")[2]
    detail = re.sub(r"^\[enforce fail[^]]*\][ .]*", "", detail.strip()) or type(error).__name__
    return f"cannot be read by torch ({detail.splitlines()[0].partition('. ')[0]})"


def limit_resources(memory: int, seconds: int, output: int) -> None:
    """Limit this process to `memory` more bytes, `seconds` more of processor time and files of `output` bytes."""
    import resource  # absent on Windows, where the parent can still import this module

    usage = resource.getrusage(resource.RUSAGE_SELF)
    limits = {
        resource.RLIMIT_CPU: math.ceil(usage.ru_utime + usage.ru_stime) + seconds,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform == "linux":  # macOS does not limit address space
        limits[resource.RLIMIT_AS] = _address_space() + memory
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        ceiling = limit + 1 if hard == resource.RLIM_INFINITY else min(limit + 1, hard)
        resource.setrlimit(kind, (min(limit, ceiling), ceiling))  # one apart: SIGXCPU precedes SIGKILL


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Read the file on stdin as the first argument says, JSON: {"kind", "memory", "seconds", "output"}."""
    ignore_unreadable_distributions()  # before torch looks for device backends
    order = json.loads(sys.argv[1])
    if order["kind"] == CHECKPOINT:  # before the limits: importing takes more address space than a checkpoint
        import_module("safetensors.torch")
    limit_resources(order["memory"], order["seconds"], order["output"])
    gc.disable()  # valid files are millions of small objects without cycles; others meet the memory limit
    try:
        if order["kind"] == CHECKPOINT:
            import_module("safetensors.torch").save_file(_attempt(read_checkpoint), OUTPUT[CHECKPOINT])
        else:
            np.savez(OUTPUT[DATA], **_attempt(read_data))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # at once, because memory is still full


def _attempt(read: Callable[[IO[bytes]], dict[str, Any]]) -> dict[str, Any]:
    try:
        return read(sys.stdin.buffer)
    except MemoryError:
        raise
    except RefusedError as refusal:
        reason = str(refusal)
    except Exception as error:  # damaged or hostile pickles can raise nearly anything
        if _NO_MEMORY in str(error):
            raise MemoryError from None
        reason = f"is damaged or not a pickle ({type(error).__name__}: {str(error)[:200]})"
    print(" ".join(reason.split()), file=sys.stderr, flush=True)
    os._exit(REFUSED)  # at once, so that this stays the last line


if __name__ == "__main__":
    main()
