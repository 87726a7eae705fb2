"""hnetzoo: the zoo and the honest benchmark of differentiable association.

Names that need torch are resolved on first use, so importing hnetzoo is cheap.

    import hnetzoo

    model = hnetzoo.load_model("hnetgru")        # pretrained, eval mode
    logits = model(distance)                     # float [b, n, m]
    association = hnetzoo.decode(logits)         # bool [b, n, m]
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from hnetzoo.config import Config, TrainerConfig
from hnetzoo.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergenceError,
    HnetzooError,
    PluginConflictError,
    PluginLoadError,
    ResourceError,
    ShapeError,
    UnknownNameError,
)
from hnetzoo.hookspecs import hookimpl
from hnetzoo.registry import Plugin, Registry, discover
from hnetzoo.specs import Citation, DatasetSpec, ModelSpec, Pretrained, TrainerSpec

if TYPE_CHECKING:
    from hnetzoo import losses, tracking_metrics
    from hnetzoo.assignment import allowed_pairs, assign, check_problem_shapes, decode
    from hnetzoo.evaluation import label_shares
    from hnetzoo.interfaces import AssociationBatch, Optimization, Split, full_masks, valid_cells
    from hnetzoo.optimization import one_cycle
    from hnetzoo.problems import read_distances, read_problems, write_problems
    from hnetzoo.zoo import load_dataset, load_model

_LAZY = {
    "AssociationBatch": "interfaces",
    "Optimization": "interfaces",
    "Split": "interfaces",
    "allowed_pairs": "assignment",
    "assign": "assignment",
    "check_problem_shapes": "assignment",
    "decode": "assignment",
    "full_masks": "interfaces",
    "label_shares": "evaluation",
    "load_dataset": "zoo",
    "load_model": "zoo",
    "one_cycle": "optimization",
    "read_distances": "problems",
    "read_problems": "problems",
    "valid_cells": "interfaces",
    "write_problems": "problems",
}
_LAZY_MODULES = ("losses", "tracking_metrics")

__all__ = [
    "AssociationBatch",
    "CheckpointError",
    "Citation",
    "Config",
    "ConfigError",
    "DataError",
    "DatasetSpec",
    "DivergenceError",
    "HnetzooError",
    "ModelSpec",
    "Optimization",
    "Plugin",
    "PluginConflictError",
    "PluginLoadError",
    "Pretrained",
    "Registry",
    "ResourceError",
    "ShapeError",
    "Split",
    "TrainerConfig",
    "TrainerSpec",
    "UnknownNameError",
    "allowed_pairs",
    "assign",
    "check_problem_shapes",
    "decode",
    "discover",
    "full_masks",
    "hookimpl",
    "label_shares",
    "load_dataset",
    "load_model",
    "losses",
    "one_cycle",
    "read_distances",
    "read_problems",
    "tracking_metrics",
    "valid_cells",
    "write_problems",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("hnetzoo")
    if name in _LAZY_MODULES:
        return import_module(f"hnetzoo.{name}")
    if name in _LAZY:
        return getattr(import_module(f"hnetzoo.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'hnetzoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
