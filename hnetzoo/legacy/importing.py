"""Import files of the original Hnet: checkpoints written by `torch.save`, and pickles of association data.

Such files can run code. `hnetzoo.legacy.reader` reads them in a child process with limited resources and a list of
allowed names; it writes safetensors or .npz, which are read here without unpickling. Output is complete or not
written at all.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.problem_files import read_problems, write_problems
from hnetzoo.errors import CheckpointError, ConfigError, DataError, HnetzooError
from hnetzoo.legacy import reader
from hnetzoo.legacy.reader import CHECKPOINT, DATA, OUT_OF_MEMORY, OUTPUT, REFUSED
from hnetzoo.registry.components import Component
from hnetzoo.registry.environment import environment
from hnetzoo.registry.resolution import FALLBACK_SHAPE
from hnetzoo.registry.specs import ModelSpec
from hnetzoo.training.runs import BEST, RunRecord, write_run
from hnetzoo.training.weights import fill, load_tensors, save_tensors

# Data of the original Hnet, 405,000 problems (114 to 219 MB), take up to 8 bytes of memory per byte and 6 s in all.
MEMORY = 1 << 30
MEMORY_PER_BYTE = 16
SECONDS = 20
BYTES_PER_SECOND = 4 << 20
OUTPUT_MARGIN = 1 << 24
OUTPUT_PER_BYTE = 8
PATIENCE = 4  # wall-clock seconds per second of processor time, for busy machines
MAX_SLOTS = 4096  # a model is built for the shape that the file's weights imply
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")  # without them libraries may not be found

_ZIP = b"PK\x03\x04"
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")  # in files that torch.save wrote before version 1.6
_HEAD = 64  # bytes; the magic number is the first object
_MESSAGE = 400  # characters of the reader's message that are shown

_FAILURES: Mapping[str, tuple[type[HnetzooError], str]] = {
    CHECKPOINT: (CheckpointError, "give a file of torch.save with the state dict of a model"),
    DATA: (DataError, "give a pickle of {index: [n_ref, n_pred, D, A, ref_xyz, pred_xyz]} with numpy arrays"),
}


@dataclass(frozen=True)
class Order:
    """The kind of file for the reader, and its limits: memory and output in bytes, processor time in seconds."""

    kind: str
    memory: int
    seconds: int
    output: int

    @classmethod
    def for_file(cls, kind: str, size: int) -> "Order":
        """Return limits that a valid file of `size` bytes stays below."""
        return cls(
            kind=kind,
            memory=MEMORY + MEMORY_PER_BYTE * size,
            seconds=SECONDS + size // BYTES_PER_SECOND,
            output=OUTPUT_MARGIN + OUTPUT_PER_BYTE * size,
        )


def kind_of(source: Path) -> str:
    """Return "checkpoint" or "data", judged by the first bytes.

    Raises:
        DataError: If there is no such file, or it is empty.
    """
    head = _head(source)
    return CHECKPOINT if head.startswith(_ZIP) or _TORCH_MAGIC in head else DATA


def import_checkpoint(source: Path, out: Path, component: Component[ModelSpec]) -> RunRecord:
    """Return the record of a new run directory, converted from a `torch.save` of a state dict.

    Args:
        source: Old or new format; tensors of any device; the state dict itself or under "state_dict".
        out: The run directory; it must not exist, or be empty.
        component: The model with the settings that the weights were trained with; `infer_shape(state) -> (n, m)` of
            its class returns the problems' numbers of slots.

    Raises:
        ConfigError: If `out` exists and is not an empty folder, or the model cannot infer a shape.
        CheckpointError: If the file cannot be read safely, or the weights do not fit the model.
        DataError: If there is no such file, or it is empty.
    """
    infer = getattr(component.spec.load_target(), "infer_shape", None)
    if infer is None:
        raise ConfigError(
            f"model '{component.spec.name}' cannot tell the size of its problems from weights (no infer_shape); "
            "give the --model of the checkpoint, hnetgru for the original Hnet"
        )
    _check_free(out, empty_is_free=True)
    with TemporaryDirectory() as workspace:
        tensors = load_tensors(_read(source, CHECKPOINT, Path(workspace)))
    shape = _shape(source, tensors, component, infer)
    fill(component.build(shape), tensors, str(source))
    record = RunRecord(
        model=component.spec.name,
        shape=shape,
        settings={"model": component.config.model_dump(mode="json")},
        source={"file": source.name, "sha256": _sha256(source), "kind": "torch checkpoint"},
        environment=environment(),
    )
    _write_whole_run(out, record, tensors)
    return record


def import_data(source: Path, out: Path) -> AssociationBatch:
    """Return the problems of a pickle of association data, written to a .npz file; every slot exists.

    Raises:
        ConfigError: If `out` exists or does not end in .npz.
        DataError: If the file cannot be read safely, or an entry is not as described; names the entry.
    """
    if out.suffix != ".npz":
        raise ConfigError(f"--out '{out}' does not end in .npz; problems are written in that format")
    _check_free(out)
    with TemporaryDirectory() as workspace:
        stored = read_problems(_read(source, DATA, Path(workspace)))
    if stored.association is None:
        raise DataError(f"'{source}' holds distances without associations")
    batch = AssociationBatch.with_full_masks(stored.distance, stored.association)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_problems(out, batch)
    return batch


def _head(source: Path) -> bytes:
    """Return the first bytes; raises DataError if the file is missing, unreadable or empty."""
    remedy = "give a torch checkpoint or a data pickle"
    try:
        if source.exists() and not source.is_file():
            raise DataError(f"'{source}' is not a file; {remedy}")
        with source.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise DataError(f"cannot read '{source}' ({error.strerror}); {remedy}") from None
    if not head:
        raise DataError(f"'{source}' is empty; {remedy}")
    return head


def _check_free(out: Path, *, empty_is_free: bool = False) -> None:
    if os.path.lexists(out) and not (empty_is_free and out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"'{out}' already exists and is not overwritten; choose another --out or remove it first")
    folder = next(parent for parent in out.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigError(f"cannot write '{out}': '{folder}' is not a folder to write in; choose another --out")


def _read(source: Path, kind: str, workspace: Path) -> Path:
    """Return the path of the file that the reader wrote; raises the error of the kind if it fails."""
    _head(source)
    command = [sys.executable, "-P", "-s", "-m", reader.__name__]
    failure, remedy = _FAILURES[kind]
    with source.open("rb") as file, (workspace / "stderr").open("w+b") as errors:
        order = Order.for_file(kind, os.fstat(file.fileno()).st_size)
        try:
            code = subprocess.run(
                [*command, json.dumps(asdict(order))],
                stdin=file,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=workspace,
                env=_environment(),
                timeout=PATIENCE * order.seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise failure(f"'{source}' was given up after {error.timeout:.0f} s; {remedy}") from None
    if code != 0:
        said = (workspace / "stderr").read_text(errors="replace").strip().splitlines()
        raise failure(f"'{source}' {_reason(code, said[-1] if said else '', order)}; {remedy}")
    return workspace / OUTPUT[kind]


def _environment() -> dict[str, str]:
    """Return the reader's environment: what libraries need, the paths of packages, and one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return {**kept, **threads, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _reason(code: int, said: str, order: Order) -> str:
    if code == REFUSED:
        return _printable(said)
    if code == OUT_OF_MEMORY:
        return f"asks for more memory than the {order.memory >> 20} MiB that a file of its size may take"
    if code == -getattr(signal, "SIGXCPU", code + 1):
        return f"was given up after {order.seconds} s of processor time"
    ended = f"signal {-code}" if code < 0 else f"code {code}"
    return f"could not be read (the reader ended with {ended}: {_printable(said) or 'no message'})"


def _printable(text: str) -> str:
    """Return a message cut short and without control characters, since its text may come from the file."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_MESSAGE])


def _shape(
    source: Path,
    tensors: Mapping[str, Tensor],
    component: Component[ModelSpec],
    infer: Callable[[Mapping[str, Tensor]], tuple[int, int]],
) -> tuple[int, int]:
    try:
        n, m = infer(tensors)
    except (LookupError, TypeError, ValueError):
        expected = ", ".join(component.build(FALLBACK_SHAPE).state_dict())
        raise CheckpointError(
            f"'{source}' does not hold weights of {component.spec.name} (expected: {expected}; found: "
            f"{_printable(', '.join(tensors))}); give the --model of the checkpoint"
        ) from None
    if not (1 <= n <= MAX_SLOTS and 1 <= m <= MAX_SLOTS):
        raise CheckpointError(f"'{source}' is for problems of {n} x {m}; accepted are 1 to {MAX_SLOTS} slots a side")
    return n, m


def _write_whole_run(out: Path, record: RunRecord, tensors: Mapping[str, Tensor]) -> None:
    target = out.resolve()
    staging = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        write_run(staging, record)
        save_tensors(staging / BEST, tensors)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
