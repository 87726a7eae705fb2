"""What became of every single problem, as a short text that rows keep, so that models can be compared pair by pair.

Torch-free; numpy is imported where it is needed.
"""

import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from hnetzoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hnetzoo.association.counts import Outcomes

_TYPE = "<u4"
_KINDS = 3  # true positives, false positives, false negatives
MOST_PROBLEMS = 1 << 22  # of a row; a short text can unpack to far more


def pack_outcomes(outcomes: "Outcomes") -> str:
    """Return the true positives, false positives and false negatives of each problem as text, a few bits for each.

    Example:
        >>> import torch
        >>> from hnetzoo.association.counts import Outcomes
        >>> ones, none = torch.ones(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
        >>> unpack_outcomes(pack_outcomes(Outcomes(ones, none, none, ones.bool(), ones.bool()))).tolist()
        [[1, 0, 0], [1, 0, 0]]
    """
    import numpy as np

    counts = np.stack([field.numpy() for field in outcomes[:_KINDS]], 1).astype(_TYPE)
    return b64encode(zlib.compress(counts.tobytes(), 9)).decode()


def unpack_outcomes(text: str) -> "NDArray[np.int64]":
    """Return the counts of each problem, int64 [b, 3]; raises DataError if the text is not of `pack_outcomes`."""
    import numpy as np

    most = MOST_PROBLEMS * _KINDS * np.dtype(_TYPE).itemsize
    try:
        reader = zlib.decompressobj()
        content = reader.decompress(b64decode(text, validate=True), most)
        if not reader.eof:
            raise ValueError(f"more than {MOST_PROBLEMS:,} problems, or cut off")
        return np.frombuffer(content, _TYPE).reshape(-1, _KINDS).astype(np.int64)
    except (ValueError, zlib.error) as error:
        raise DataError(f"outcomes of problems cannot be read ({error}); run the benchmark again") from None
