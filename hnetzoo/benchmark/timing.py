"""Forward times of models, and the conditions that they were measured under."""

import time
import warnings
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.prediction import EVALUATION_BATCH, evaluating
from hnetzoo.registry.environment import processor

WARM_UP_BATCHES = 10
TIMED_BATCHES = 5


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a time depends on beside model and problems.

    `jobs` is how many models ran at once, 0 if nobody knows, and `compiled` whether torch.compile compiled the model.
    """

    device: str
    processor: str
    threads: int
    batch_size: int
    jobs: int = 1
    warm_up_batches: int = WARM_UP_BATCHES
    timed_batches: int = TIMED_BATCHES
    compiled: bool = False

    @classmethod
    def here(cls, problems: int, device: str, jobs: int = 1, *, compiled: bool = False) -> "Conditions":
        """Return the conditions of a measurement in this process."""
        name = torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else processor()
        return cls(
            device=torch.device(device).type,
            processor=name,
            threads=torch.get_num_threads(),
            batch_size=min(problems, EVALUATION_BATCH),
            jobs=jobs,
            compiled=compiled,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values; those of models that are not compiled do not say so, as in older documents."""
        plain = asdict(self)
        return plain if self.compiled else {name: value for name, value in plain.items() if name != "compiled"}


def time_model(model: nn.Module, problems: AssociationBatch, conditions: Conditions, device: str) -> float:
    """Return the forward time per problem, the median over batches [microseconds]; 0 without problems.

    Args:
        model: An association model, on `device`.
        problems: The first batch of them is answered repeatedly.
        conditions: Batch size and numbers of batches.
        device: Where the model runs.
    """
    batch = problems.select(slice(0, conditions.batch_size)).to(device)
    if not conditions.batch_size:
        return 0.0
    seconds = []
    model = torch.compile(model) if conditions.compiled else model  # type: ignore[assignment]
    with evaluating(model), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"torch\._dynamo")  # about code that it does not compile
        for _ in range(conditions.warm_up_batches + conditions.timed_batches):
            _wait(device)
            start = time.perf_counter()
            model(*batch.problems, **batch.features)
            _wait(device)
            seconds.append(time.perf_counter() - start)
    return 1e6 * median(seconds[conditions.warm_up_batches :]) / conditions.batch_size


def _wait(device: str) -> None:
    """Wait until the device is idle."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
