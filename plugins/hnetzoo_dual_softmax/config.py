"""Settings of dual-softmax."""

from pydantic import PositiveFloat

import hnetzoo


class DualSoftmaxConfig(hnetzoo.Config):
    """Settings of DualSoftmax; loaded weights replace the temperature and the unmatched distance."""

    temperature: PositiveFloat = 0.1
    """Divides the distances [unit of distance]; the initial one, where it is learned. Smaller is harder."""
    unmatched_distance: PositiveFloat = 2.5
    """Distance at which being unmatched stands among the candidates of each row and column [unit of distance]; the
    initial one, where it is learned. A lone pair is made if nearer than this less 0.88 temperatures."""
    learnable: bool = True
    """Learn both; False fixes them, and leaves nothing to train or to load (use weights=None)."""
