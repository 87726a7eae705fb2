"""Checks of models that take features of references and predictions, beside the checks of every model.

Every other check calls them without features, which are optional.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from hnetzoo.registry.specs import FEATURES, ModelSpec
from hnetzoo.testing.masks import GARBAGE
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, Settings
from hnetzoo.testing.problems import SQUARE, Inputs, draw, draw_masked
from hnetzoo.testing.subjects import answer, build_model, first_difference


def check_features_count(spec: ModelSpec, settings: Settings = None) -> None:
    """The model says in `feature_count` how many features of a slot it takes."""
    for model in (build_model(spec, settings, shape) for shape in SQUARE):
        _count(model)


def check_features_used(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits depend on the features."""
    for model, inputs in _models(spec, settings):
        others = {name: given.flip(0) + 0.5 for name, given in inputs.features.items()}
        if first_difference(answer(model, replace(inputs, features=others)), answer(model, inputs)) is None:
            raise CheckFailure("other features give the same logits; leave out the tag 'features'", inputs.problem())


def check_features_masked(spec: ModelSpec, settings: Settings = None) -> None:
    """Features outside the masks, NaN included, do not change the logits inside."""
    for model, inputs in _models(spec, settings, masked=True):
        expected = answer(model, inputs)
        for value in GARBAGE:
            wrong = first_difference(answer(model, _fill(inputs, value)), expected, inputs.cells)
            if wrong is not None:
                raise CheckFailure(f"features of {value} outside the masks change logits inside", inputs.problem(wrong))


def check_features_permuted(spec: ModelSpec, settings: Settings = None) -> None:
    """Permuting the rows or columns with their features permutes the logits in the same way."""
    for model, inputs in _models(spec, settings):
        for dim, name in ((1, "row_features"), (2, "col_features")):
            order = torch.arange(inputs.distance.shape[dim]).flip(0)
            features = {**inputs.features, name: inputs.features[name].index_select(1, order)}
            moved = Inputs(inputs.distance.index_select(dim, order), features=features)
            wrong = first_difference(answer(model, moved), answer(model, inputs).index_select(dim, order))
            if wrong is not None:
                raise CheckFailure(
                    f"slots in reverse order, with their {name}, give other logits", inputs.problem(wrong)
                )


def _models(spec: ModelSpec, settings: Settings, *, masked: bool = False) -> Iterator[tuple[nn.Module, Inputs]]:
    for shape in SQUARE:
        model = build_model(spec, settings, shape)
        yield model, (draw_masked(shape) if masked else draw(shape)).with_features(_count(model))


def _count(model: nn.Module) -> int:
    """Return the number of features that a model takes; raises Blocked if it does not say."""
    count = getattr(model, "feature_count", None)
    if not isinstance(count, int) or count < 1:
        raise Blocked("check_features_count", f"feature_count is {count!r}; set it to the number of features of a slot")
    return count


def _fill(inputs: Inputs, value: float) -> Inputs:
    """Return inputs with a value in place of the features of masked slots."""
    masks: Mapping[str, Tensor | None] = {"row_features": inputs.row_mask, "col_features": inputs.col_mask}
    filled = {}
    for name, given in inputs.features.items():
        mask = masks[name]
        filled[name] = given if mask is None else given.masked_fill(~mask.unsqueeze(-1), value)
    return replace(inputs, features=filled)


MODEL = (
    Check(check_features_count, only=(FEATURES,)),
    Check(check_features_used, only=(FEATURES,)),
    Check(check_features_masked, only=(FEATURES,)),
    Check(check_features_permuted, unless=("order-dependent",), only=(FEATURES,)),
)
