"""hnetzoo: the zoo and the honest benchmark of differentiable association.

Names are imported on first use, so `import hnetzoo` alone is fast and does not import torch.

    import hnetzoo

    model = hnetzoo.load_model("hnetgru")        # pretrained, eval mode
    logits = model(distance)                     # float [b, n, m]
    association = hnetzoo.decode(logits)         # bool [b, n, m]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hnetzoo import boxes, export, losses, tracking_metrics
    from hnetzoo.association.assignment import assign
    from hnetzoo.association.batch import SPLITS, TRUTHS, AssociationBatch, Split, full_masks, valid_cells
    from hnetzoo.association.certificate import optimality_gap
    from hnetzoo.association.contracts import Optimization
    from hnetzoo.association.decoding import decode
    from hnetzoo.association.masking import (
        ABSENT,
        CERTAIN,
        IMPOSSIBLE,
        allowed_pairs,
        check_problem_shapes,
        compress_logits,
        log_odds,
        logsumexp_of_others,
        mask_value,
        masked_softmax,
        skip_value_checks,
    )
    from hnetzoo.association.model import AssociationModel, FeatureModel, unwrapped
    from hnetzoo.association.number_lines import NumberLines, read_number_lines, repeated, spread_over_frames
    from hnetzoo.association.problem_files import read_distances, read_problems, write_problems
    from hnetzoo.association.problem_folders import ProblemFolder, read_problem_folder
    from hnetzoo.association.problem_writer import write_problem_folder
    from hnetzoo.association.recurrent import GRU
    from hnetzoo.association.scale import problem_scale, typical_distance
    from hnetzoo.association.sightings import earlier_sightings
    from hnetzoo.association.splits import label_shares, split_generator, split_seed, split_slice
    from hnetzoo.association.stacking import stack
    from hnetzoo.association.transport import Annealing, transport_logits, unmatched_costs
    from hnetzoo.benchmark.scoring import weighted_f1
    from hnetzoo.config import Config, OneCycleConfig, Share, SplitShares, TrainerConfig, check_cells
    from hnetzoo.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        DivergenceError,
        ExportError,
        HnetzooError,
        ModelError,
        PluginConflictError,
        PluginLoadError,
        ResourceError,
        ShapeError,
        UnknownNameError,
    )
    from hnetzoo.registry.cards import Card, pretrained_in
    from hnetzoo.registry.discovery import discover
    from hnetzoo.registry.hooks import hookimpl
    from hnetzoo.registry.loading import load_dataset, load_model
    from hnetzoo.registry.lookup import Plugin, Registry
    from hnetzoo.registry.specs import Citation, DatasetSpec, ModelSpec, Pretrained, TrainerSpec
    from hnetzoo.tracking.directions import DIRECTION_FEATURES, angular_velocity, direction_features
    from hnetzoo.tracking.settings import BoxDistance, box_unit
    from hnetzoo.training.optimization import one_cycle

_MODULE_OF = {
    "ABSENT": "association.masking",
    "Annealing": "association.transport",
    "AssociationBatch": "association.batch",
    "AssociationModel": "association.model",
    "BoxDistance": "tracking.settings",
    "CERTAIN": "association.masking",
    "Card": "registry.cards",
    "CheckpointError": "errors",
    "Citation": "registry.specs",
    "Config": "config",
    "ConfigError": "errors",
    "DIRECTION_FEATURES": "tracking.directions",
    "DataError": "errors",
    "DatasetSpec": "registry.specs",
    "DivergenceError": "errors",
    "ExportError": "errors",
    "Extent": "config",
    "FeatureModel": "association.model",
    "GRU": "association.recurrent",
    "HnetzooError": "errors",
    "IMPOSSIBLE": "association.masking",
    "ModelError": "errors",
    "ModelSpec": "registry.specs",
    "NumberLines": "association.number_lines",
    "OneCycleConfig": "config",
    "Optimization": "association.contracts",
    "Plugin": "registry.lookup",
    "PluginConflictError": "errors",
    "PluginLoadError": "errors",
    "Pretrained": "registry.specs",
    "ProblemFolder": "association.problem_folders",
    "Registry": "registry.lookup",
    "ResourceError": "errors",
    "SPLITS": "association.batch",
    "TRUTHS": "association.batch",
    "ShapeError": "errors",
    "Share": "config",
    "Split": "association.batch",
    "SplitShares": "config",
    "TrainerConfig": "config",
    "TrainerSpec": "registry.specs",
    "UnknownNameError": "errors",
    "allowed_pairs": "association.masking",
    "angular_velocity": "tracking.directions",
    "assign": "association.assignment",
    "box_unit": "tracking.settings",
    "check_cells": "config",
    "check_problem_shapes": "association.masking",
    "compress_logits": "association.masking",
    "decode": "association.decoding",
    "direction_features": "tracking.directions",
    "discover": "registry.discovery",
    "earlier_sightings": "association.sightings",
    "full_masks": "association.batch",
    "hookimpl": "registry.hooks",
    "label_shares": "association.splits",
    "load_dataset": "registry.loading",
    "load_model": "registry.loading",
    "log_odds": "association.masking",
    "logsumexp_of_others": "association.masking",
    "mask_value": "association.masking",
    "masked_softmax": "association.masking",
    "one_cycle": "training.optimization",
    "optimality_gap": "association.certificate",
    "pretrained_in": "registry.cards",
    "problem_scale": "association.scale",
    "read_distances": "association.problem_files",
    "read_number_lines": "association.number_lines",
    "read_problem_folder": "association.problem_folders",
    "read_problems": "association.problem_files",
    "repeated": "association.number_lines",
    "skip_value_checks": "association.masking",
    "split_generator": "association.splits",
    "split_seed": "association.splits",
    "split_size": "config",
    "split_slice": "association.splits",
    "spread_over_frames": "association.number_lines",
    "stack": "association.stacking",
    "transport_logits": "association.transport",
    "typical_distance": "association.scale",
    "unmatched_costs": "association.transport",
    "unwrapped": "association.model",
    "valid_cells": "association.batch",
    "weighted_f1": "benchmark.scoring",
    "write_problem_folder": "association.problem_writer",
    "write_problems": "association.problem_files",
}
_MODULES = ("boxes", "errors", "export", "losses", "testing", "tracking_metrics")

__all__ = [
    "ABSENT",
    "CERTAIN",
    "DIRECTION_FEATURES",
    "GRU",
    "IMPOSSIBLE",
    "SPLITS",
    "TRUTHS",
    "Annealing",
    "AssociationBatch",
    "AssociationModel",
    "BoxDistance",
    "Card",
    "CheckpointError",
    "Citation",
    "Config",
    "ConfigError",
    "DataError",
    "DatasetSpec",
    "DivergenceError",
    "ExportError",
    "Extent",
    "FeatureModel",
    "HnetzooError",
    "ModelError",
    "ModelSpec",
    "NumberLines",
    "OneCycleConfig",
    "Optimization",
    "Plugin",
    "PluginConflictError",
    "PluginLoadError",
    "Pretrained",
    "ProblemFolder",
    "Registry",
    "ResourceError",
    "ShapeError",
    "Share",
    "Split",
    "SplitShares",
    "TrainerConfig",
    "TrainerSpec",
    "UnknownNameError",
    "allowed_pairs",
    "angular_velocity",
    "assign",
    "box_unit",
    "boxes",
    "check_cells",
    "check_problem_shapes",
    "compress_logits",
    "decode",
    "direction_features",
    "discover",
    "earlier_sightings",
    "export",
    "full_masks",
    "hookimpl",
    "label_shares",
    "load_dataset",
    "load_model",
    "log_odds",
    "logsumexp_of_others",
    "losses",
    "mask_value",
    "masked_softmax",
    "one_cycle",
    "optimality_gap",
    "pretrained_in",
    "problem_scale",
    "read_distances",
    "read_number_lines",
    "read_problem_folder",
    "read_problems",
    "repeated",
    "skip_value_checks",
    "split_generator",
    "split_seed",
    "split_size",
    "split_slice",
    "spread_over_frames",
    "stack",
    "tracking_metrics",
    "transport_logits",
    "typical_distance",
    "unmatched_costs",
    "unwrapped",
    "valid_cells",
    "weighted_f1",
    "write_problem_folder",
    "write_problems",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("hnetzoo")
    if name in _MODULES:
        return import_module(f"hnetzoo.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'hnetzoo' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"hnetzoo.{_MODULE_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
