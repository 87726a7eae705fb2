"""Compare onnxruntime with eager torch, model by model, for single problems and for batches of 4096.

    python benchmarks/speed/onnx_models.py

Every model is exported first, which checks its answers. Both ways use one thread and check no values.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime
import torch
import typer
from measure import Repeats, Seconds, compare, store

import hnetzoo
from hnetzoo import AssociationBatch
from hnetzoo.export import write_onnx
from hnetzoo.export.onnx_files import onnx_answer

MODELS = ("hnetgru", "dhn", "transformer", "exchangeable", "motion", "dual-softmax", "sinkhorn")
SHAPE = (4, 4)  # of models that take any
PASSES = {1: 200, 4096: 2}  # by problems of a batch

Answer = Callable[[AssociationBatch], object]


def problems(b: int, shape: tuple[int, int], feature_count: int | None) -> AssociationBatch:
    """Return random problems without masked slots, with features where their number is given."""
    generator = torch.Generator().manual_seed(0)
    distance = 2 * torch.rand(b, *shape, generator=generator)
    batch = AssociationBatch.with_full_masks(distance, torch.zeros_like(distance, dtype=torch.bool))
    if feature_count is None:
        return batch
    rows, columns = (torch.rand(b, slots, feature_count, generator=generator) for slots in shape)
    return batch._replace(row_features=rows, col_features=columns)


def passes(answer: Answer, batch: AssociationBatch) -> Iterator[None]:
    """Yield after each forward pass."""
    for _ in range(PASSES[len(batch.distance)]):
        with torch.inference_mode(), hnetzoo.skip_value_checks():
            answer(batch)
        yield


def measure(name: str, path: Path, repeats: int) -> dict[str, Seconds]:
    """Return the seconds of both ways for a model, by case; its file is written to the path."""
    model, facts = hnetzoo.load_model(name), write_onnx(name, path)
    exported = onnx_answer(path.read_bytes())
    cases: dict[str, Seconds] = {}
    for b in PASSES:
        batch = problems(b, facts["shape"] or SHAPE, getattr(model, "feature_count", None))
        ways: dict[str, Answer] = {
            "onnxruntime": exported,
            "torch": lambda batch: model(*batch.problems, **batch.features),
        }
        case = f"{name}, batches of {b:,}"
        print(case)
        cases[case] = compare({way: partial(passes, answer, batch) for way, answer in ways.items()}, repeats)
    return cases


def main(repeats: Repeats = 7) -> None:
    """Time all models, and store the result."""
    torch.set_num_threads(1)
    cases: dict[str, Seconds] = {}
    with TemporaryDirectory() as folder:
        for name in MODELS:
            cases |= measure(name, Path(folder, f"{name}.onnx"), repeats)
    n, m = SHAPE
    single, large = PASSES.values()
    what = f"{n} x {m} problems (hnetgru: its own size), {single} passes of one and {large} of {max(PASSES):,},"
    store("onnx", f"onnxruntime {onnxruntime.__version__} and torch", what, cases)


if __name__ == "__main__":
    typer.run(main)
