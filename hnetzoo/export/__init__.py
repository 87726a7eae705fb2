"""Models as `torch.export` programs and ONNX files, for any number of problems, references and predictions.

Exported models take `distance` float32 [b, n, m], `row_mask` bool [b, n] and `col_mask` bool [b, m], those that take
features also `row_features` [b, n, k] and `col_features` [b, m, k], and return `logits` float32 [b, n, m]. They do not
check values: a NaN inside the masks counts as a forbidden pair.
"""

from hnetzoo.export.agreement import Agreement, compare
from hnetzoo.export.onnx_files import write_onnx
from hnetzoo.export.programs import program

__all__ = ["Agreement", "compare", "program", "write_onnx"]
