"""Operators whose stock translation to ONNX overflows: log(exp(a) + exp(b)) and log(sigmoid(a)) for large numbers."""

import math
from collections.abc import Callable
from typing import Any

import torch


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return the translations by operator of torch, as torch.onnx takes them."""
    from onnxscript import opset18 as op

    def log_of_one_plus_exp(exponent: Any) -> Any:
        return op.Log(op.Add(op.Exp(exponent), 1.0))  # of an exponent of at most 0

    def log_sigmoid(self: Any) -> Any:
        return op.Sub(op.Neg(op.Relu(op.Neg(self))), log_of_one_plus_exp(op.Neg(op.Abs(self))))

    def logaddexp(self: Any, other: Any) -> Any:
        apart = op.Neg(op.Abs(op.Sub(self, other)))
        added = op.Add(op.Max(self, other), log_of_one_plus_exp(apart))
        return op.Where(op.Equal(self, other), op.Add(self, math.log(2)), added)  # also of two infinities

    aten = torch.ops.aten
    return {aten.log_sigmoid.default: log_sigmoid, aten.logaddexp.default: logaddexp}
