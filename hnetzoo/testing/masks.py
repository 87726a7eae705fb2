"""Checks of pairs that do not count: slots outside the masks, and forbidden pairs, whose distance is +inf."""

from collections.abc import Iterator

import torch
from torch import nn

from hnetzoo.registry.specs import FIXED_SIZE, ModelSpec
from hnetzoo.testing.outcome import Check, CheckFailure, Settings
from hnetzoo.testing.problems import SQUARE, UNEVEN, Inputs, draw, draw_forbidden, draw_masked
from hnetzoo.testing.subjects import (
    answer,
    attempt,
    build_model,
    first_difference,
    models,
    require_finite,
    require_shape,
)

GARBAGE = (torch.nan, torch.inf, -1e9)  # values tried in masked slots


def check_masks_respected(spec: ModelSpec, settings: Settings = None) -> None:
    """Values outside the masks, NaN included, do not change the logits inside."""
    require_shape(spec, settings)
    for model, inputs in _masked(spec, settings):
        clean = inputs.fill(0.0)
        expected = attempt(model, clean)
        for value in GARBAGE:
            filled = inputs.fill(value)
            wrong = first_difference(attempt(model, filled), expected, inputs.cells)
            if wrong is not None:
                raise CheckFailure(f"{value} outside the masks changes logits inside", filled.problem(wrong))


def check_masked_output_finite(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits are finite outside the masks too, whatever the distances there: 0 times NaN is NaN in a loss."""
    for model, inputs in _masked(spec, settings):
        for value in GARBAGE:
            filled = inputs.fill(value)
            require_finite(answer(model, filled), filled)


def check_masks_default_to_true(spec: ModelSpec, settings: Settings = None) -> None:
    """Masks of all True give the same logits as no masks."""
    for model, inputs in models(spec, settings):
        b, n, m = inputs.distance.shape
        row_mask, col_mask = torch.ones(b, n, dtype=torch.bool), torch.ones(b, m, dtype=torch.bool)
        masked = Inputs(inputs.distance, row_mask, col_mask)
        wrong = first_difference(answer(model, masked), answer(model, inputs))
        if wrong is not None:
            raise CheckFailure("masks of all True and no masks give different logits", masked.problem(wrong))


def check_padding_invariance(spec: ModelSpec, settings: Settings = None) -> None:
    """Appending masked slots to a problem does not change its logits."""
    for n, m in SQUARE:
        inputs = draw((n, m))
        padded = Inputs(
            torch.nn.functional.pad(inputs.distance, (0, 1, 0, 1), value=1.0),
            (torch.arange(n + 1) < n).expand(len(inputs.distance), -1),
            (torch.arange(m + 1) < m).expand(len(inputs.distance), -1),
        )
        model = build_model(spec, settings, (n, m))
        wrong = first_difference(answer(model, padded)[:, :n, :m], answer(model, inputs))
        if wrong is not None:
            raise CheckFailure("appending a masked row and column changes the logits", padded.problem(wrong))


def check_all_masked(spec: ModelSpec, settings: Settings = None) -> None:
    """Problems whose rows or columns are all masked give finite logits, of any value."""
    require_shape(spec, settings)
    for rows, columns in ((False, False), (False, True), (True, False)):
        inputs = Inputs(
            torch.full((2, 2, 2), torch.nan),
            torch.full((2, 2), rows, dtype=torch.bool),
            torch.full((2, 2), columns, dtype=torch.bool),
        )
        require_finite(attempt(build_model(spec, settings, (2, 2)), inputs), inputs)


def check_forbidden_pairs(spec: ModelSpec, settings: Settings = None) -> None:
    """A distance of +inf forbids a pair: all logits are finite, and that of the pair is negative."""
    for shape in SQUARE:
        model, inputs = build_model(spec, settings, shape), draw_forbidden(shape)
        answer(model, draw(shape))
        logits = attempt(model, inputs)
        require_finite(logits, inputs)
        allowed = (logits >= 0) & inputs.distance.isposinf()
        wrong = allowed.flatten(1).any(1).nonzero()
        if len(wrong):
            reason = "the logit of a pair at distance +inf is not negative; hnetzoo.AssociationModel fills such pairs"
            raise CheckFailure(reason, inputs.problem(int(wrong[0])))


def _masked(spec: ModelSpec, settings: Settings) -> Iterator[tuple[nn.Module, Inputs]]:
    """Yield a model and masked problems for each size, from small to large."""
    yield from models(spec, settings, masked=True)
    if FIXED_SIZE not in spec.tags:
        for shape in UNEVEN:
            model = build_model(spec, settings, shape)
            answer(model, draw(shape))
            yield model, draw_masked(shape)


MODEL = (
    Check(check_masks_respected),
    Check(check_masked_output_finite),
    Check(check_masks_default_to_true),
    Check(check_padding_invariance, unless=(FIXED_SIZE,)),
    Check(check_all_masked, unless=(FIXED_SIZE,)),
    Check(check_forbidden_pairs),
)
