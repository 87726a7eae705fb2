"""Models as ONNX files, which are written only after onnxruntime has answered as torch does."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.errors import ConfigError, ExportError, HnetzooError
from hnetzoo.export.agreement import TOLERANCE, Answer, compare
from hnetzoo.export.operators import translations
from hnetzoo.export.programs import PROBLEM, free_sizes, program, reason
from hnetzoo.files import write_file
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.resolution import ResolvedModel, resolve_model

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OUTPUT = "logits"
TALKATIVE = ("torch.onnx", "onnxscript", "onnx_ir")  # loggers


def write_onnx(name: str, out: str | Path, *, registry: Registry | None = None, **settings: Any) -> dict[str, Any]:
    """Write a model as an ONNX file, if onnxruntime agrees with torch on all problems of the grid.

    Args:
        name: A registered name, "name@variant", or "run:PATH" for a run directory.
        out: The file; one that is there is replaced.
        registry: Where to look; None discovers the installed plugins.
        settings: Settings of the model by name, in place of those that the weights were trained with.

    Returns:
        What the metadata of the file say, in which all but texts are JSON: model, settings, weights, sha256, scope,
        shape (null for any), hnetzoo, torch, tolerance, and how far the answers agreed: problems, largest_difference,
        ties.

    Raises:
        ConfigError: If the extra `onnx` is not installed.
        HnetzooError: As of `hnetzoo.load_model`.
        ExportError: If the model cannot be exported, or its exported form answers otherwise. Nothing is written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     facts = write_onnx("hnetgru", Path(folder, "model.onnx"))
        >>> facts["shape"], facts["problems"], facts["largest_difference"] < 1e-3
        ((2, 2), 100, True)
    """
    check_installed()
    resolved = resolve_model(name, registry or discover(), settings)
    model = resolved.load(watch=False)
    written = _convert(program(model, resolved.size), resolved.size, name)
    with _refused(name, "be run by onnxruntime"):
        agreement = compare(model, onnx_answer(written.SerializeToString()), shape=resolved.size, name=name)
    weightless = bool(getattr(model, "ignores_weights", False))
    facts = {**_facts(resolved, weightless), "tolerance": TOLERANCE, **agreement.to_json()}
    for key, value in facts.items():
        written.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    write_file(Path(out), written.SerializeToString())
    return facts


def check_installed() -> None:
    """Raise ConfigError unless the packages of the extra `onnx` are installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"ONNX needs {' and '.join(missing)}; run pip install 'hnetzoo[onnx]'")


def onnx_answer(content: bytes) -> Answer:
    """Return a function that asks onnxruntime, on the CPU, for the logits of a batch by the content of a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def answer(batch: AssociationBatch) -> Tensor:
        given = {**dict(zip(PROBLEM, batch.problems, strict=True)), **batch.features}
        (logits,) = session.run([OUTPUT], {name: tensor.numpy() for name, tensor in given.items()})
        return torch.from_numpy(logits)

    return answer


def _convert(exported: ExportedProgram, shape: tuple[int, int] | None, name: str) -> Any:
    """Return the ONNX model of a program, an onnx.ModelProto without the places in source code that torch notes."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    inputs = (*PROBLEM, *exported.example_inputs[1])
    with _refused(name, "be exported to ONNX"), _quiet():
        converted = torch.onnx.export(
            exported,
            dynamo=True,
            verbose=False,
            input_names=inputs,
            output_names=[OUTPUT],
            dynamic_shapes=free_sizes(inputs, shape, ("b", "n", "m")),
            custom_translation_table=translations(),
        )
        assert converted is not None, "torch returns a program where no file is named"
        ClearMetadataAndDocStringPass()(converted.model)
        return converted.model_proto


@contextmanager
def _refused(name: str, what: str) -> Iterator[None]:
    """Raise ExportError in place of whatever the exporter or the runtime raises, but for expected errors."""
    try:
        yield
    except (HnetzooError, MemoryError):
        raise
    except Exception as error:
        raise ExportError(f"'{name}' cannot {what}: {reason(error)}; nothing was written") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep notes and warnings of the exporter about itself from the user."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _facts(resolved: ResolvedModel, weightless: bool) -> dict[str, Any]:
    """Return what is exported, as plain values; weightless models have weights that their answers do not depend on."""
    weights = None if weightless else resolved.weights
    scope = weights.scope if weights else None
    return {
        "model": resolved.spec.name,
        "settings": resolved.component.settings,
        "weights": weights.name if weights else "none",
        "sha256": weights.sha256 if weights else "",
        "scope": scope.to_json() if scope else None,
        "shape": resolved.size,
        "hnetzoo": version("hnetzoo"),
        "torch": torch.__version__,
    }
