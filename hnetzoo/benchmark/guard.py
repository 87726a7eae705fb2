"""Keep what one model does from changing another's numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import ModelError
from hnetzoo.training.determinism import GlobalState, preserved_state


@contextmanager
def guarded(model: str, problems: AssociationBatch, digest: str) -> Iterator[AssociationBatch]:
    """Hand out a copy of problems for a `with` block, and see that nothing global has changed after it.

    Random states and the number of threads are set back in any case.

    Args:
        model: What errors call the model that is run in the block.
        problems: Those that others will see too.
        digest: Of their tensors.

    Raises:
        ModelError: If the copy was written into, or a global random state or the number of threads changed.
    """
    copy = problems.clone()
    with preserved_state():
        before = GlobalState.now()
        yield copy
        changed = before.differences(GlobalState.now())
    if digest_tensors(copy.tensors) != digest:
        changed.append("the problems that it was given")
    if changed:
        raise ModelError(
            f"model '{model}' changed {' and '.join(changed)}; clone what is to be changed, and draw from "
            "a generator of its own"
        )
