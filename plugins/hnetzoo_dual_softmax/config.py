"""Settings of dual-softmax."""

from pydantic import PositiveFloat

import hnetzoo


class DualSoftmaxConfig(hnetzoo.Config):
    """Settings of DualSoftmax; loaded weights replace the temperature and the unmatched distance."""

    temperature: PositiveFloat = 0.1
    """Divides the distances [unit of distance]; the initial value if learned. Smaller is harder."""
    unmatched_distance: PositiveFloat = 2.5
    """Distance of the unmatched option of each row and column [unit of distance]; the initial value if learned. A pair
    without competitors is made if nearer than this minus 0.88 temperatures."""
    learnable: bool = True
    """Learn both; if False they are fixed, and there is nothing to train or load (use weights=None)."""
