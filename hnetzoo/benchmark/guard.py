"""Run a model so that nothing it does changes another's numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.prediction import predict
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import ModelError
from hnetzoo.training.determinism import GlobalState, preserved_state


def guarded_predict(
    name: str, model: nn.Module, problems: AssociationBatch, digest: str, device: str, *, features: bool
) -> Tensor:
    """Return a model's logits, float [b, n, m] on the CPU; arguments and errors as of `guarded` and `predict`."""
    with guarded(name, problems, digest, features=features) as batch:
        return predict(model, *batch.problems, features=batch.features, name=name, device=device)


@contextmanager
def guarded(model: str, problems: AssociationBatch, digest: str, *, features: bool) -> Iterator[AssociationBatch]:
    """Yield a copy of problems for a `with` block, and check after it that nothing else has changed.

    Random states, the number of threads and the working directory are restored in any case.

    Args:
        model: Name of the model that is run in the block, for errors.
        problems: The problems that all models get.
        digest: Digest of their tensors.
        features: Whether the model takes features; otherwise it does not see them.

    Raises:
        ModelError: If the copy was written into, or a part of `GlobalState` changed.
    """
    copy = problems.clone()
    with preserved_state():
        before = GlobalState.now()
        yield copy if features else copy.without_features()
        changed = before.differences(GlobalState.now())
    if digest_tensors(copy.tensors) != digest:
        changed.append("the problems that it was given")
    if changed:
        raise ModelError(
            f"model '{model}' changed {' and '.join(changed)}; clone tensors before changing them, and "
            "draw from a generator of its own"
        )
