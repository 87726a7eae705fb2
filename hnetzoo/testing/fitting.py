"""Checks of models that learn by a method `fit`. All other checks see them fitted to a few problems."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.errors import one_line
from hnetzoo.registry.specs import FITTED, NON_LEARNED, ModelSpec
from hnetzoo.testing.outcome import Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import Inputs, easy_problems
from hnetzoo.testing.subjects import answer, build_unfitted, fit_to, same_bits
from hnetzoo.testing.trial import shown
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.fitting import fit_model, is_fitted
from hnetzoo.training.weights import misfit

SHAPE = (3, 3)


def check_fit_declared(spec: ModelSpec, settings: Settings = None) -> None:
    """A model has a method `fit` if it is tagged "fitted", and only then; it is not tagged "non-learned" too."""
    has = is_fitted(build_unfitted(spec, settings, SHAPE))
    if has != (FITTED in spec.tags):
        reason = "has a method fit, by which it is trained; tag it 'fitted', or rename the method"
        raise CheckFailure(f"the model {reason}" if has else "the model is tagged 'fitted' and has no method fit")
    if has and NON_LEARNED in spec.tags:
        raise CheckFailure("the model is tagged 'fitted' and 'non-learned'; it learns, so leave out the latter")


def check_fit(spec: ModelSpec, settings: Settings = None) -> None:
    """Fitting changes weights but not their names, shapes and types, and logits of true pairs are then above others."""
    model, training = _fittable(spec, settings), easy_problems()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        with preserved_state(seed=0):
            fit_model(model, training)
    except Exception as error:
        raise CheckFailure(f"fit raised {one_line(error)}", shown(training)) from error
    after = model.state_dict()
    problem = misfit(before, after)
    if problem:
        raise CheckFailure(f"fit changes weights ({problem}); fill buffers whose shapes depend on settings alone")
    if all(torch.equal(tensor, after[name]) for name, tensor in before.items()):
        raise CheckFailure("fit changes no weight; keep what is learned in parameters and buffers", shown(training))
    if not (margin := _margin(model.eval(), training)) > 0:
        reason = f"after fitting, the mean logit of true pairs exceeds that of others by {margin:.4g}"
        raise CheckFailure(reason, shown(training))


def check_fit_deterministic(spec: ModelSpec, settings: Settings = None) -> None:
    """The same problems give the same weights and answers under the same seed, with one thread and with two."""
    training, found = easy_problems(), []
    for threads in (1, 1, 2):
        with preserved_state(threads=threads):
            model = _fitted(spec, settings, training)
        found.append({**model.state_dict(), "the logits": answer(model.eval(), _inputs(training))})
    for again in found[1:]:
        _require_equal(found[0], again, "fitting again under the same seed")


def check_fit_batch_not_mutated(spec: ModelSpec, settings: Settings = None) -> None:
    """Fitting writes into none of the training problems."""
    training, kept = easy_problems(), easy_problems()
    _fitted(spec, settings, training)
    for name, before in kept.tensors.items():
        if not same_bits(before, training.tensors[name]):
            raise CheckFailure(f"fit writes into {name}", shown(kept))


def check_fit_respects_masks(spec: ModelSpec, settings: Settings = None) -> None:
    """What stands outside the masks of the training problems, NaN included, does not change what is learned."""
    training = easy_problems()
    expected = _fitted(spec, settings, training).state_dict()
    for value in (torch.nan, -1e9):
        filled = training._replace(distance=training.distance.masked_fill(~training.cells, value))
        _require_equal(expected, _fitted(spec, settings, filled).state_dict(), f"{value} outside the masks")


def check_fit_forbidden_pairs(spec: ModelSpec, settings: Settings = None) -> None:
    """Training problems may forbid pairs by +inf; the fitted model still gives finite logits."""
    training = easy_problems()
    distance = training.distance.masked_fill(~training.association & (training.distance > 1.5), torch.inf)
    distance[0] = torch.inf
    truth = training.association & distance.isfinite()
    model = _fitted(spec, settings, training._replace(distance=distance, association=truth))
    if not bool(answer(model.eval(), _inputs(training)).isfinite().all()):
        raise CheckFailure("fitted to problems with distances of +inf, the model gives logits that are not finite")


def check_fit_of_one_kind(spec: ModelSpec, settings: Settings = None) -> None:
    """Training problems without a true pair, and with true pairs alone, give models with finite logits."""
    training = easy_problems()
    nothing = training._replace(association=torch.zeros_like(training.association))
    single = training.select(slice(0, 8))
    cells = single.association
    alone = single._replace(row_mask=cells.any(2), distance=single.distance.masked_fill(~cells, torch.inf))
    for what, problems in (("without a true pair", nothing), ("of true pairs alone", alone)):
        model = _fitted(spec, settings, problems)
        if not bool(answer(model.eval(), _inputs(training)).isfinite().all()):
            raise CheckFailure(f"fitted to problems {what}, the model gives logits that are not finite")


def _fittable(spec: ModelSpec, settings: Settings) -> nn.Module:
    model = build_unfitted(spec, settings, SHAPE)
    if not is_fitted(model):
        raise CheckSkipped("no method fit (see check_fit_declared)")
    return model


def _fitted(spec: ModelSpec, settings: Settings, training: AssociationBatch) -> nn.Module:
    """Return a model that is fitted to problems under a fixed seed."""
    model = _fittable(spec, settings)
    fit_to(model, training)
    return model


def _require_equal(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], what: str) -> None:
    different = [name for name, tensor in expected.items() if not same_bits(tensor, found[name])]
    if different:
        raise CheckFailure(f"{what} changes {', '.join(different)}")


def _inputs(batch: AssociationBatch) -> Inputs:
    return Inputs(batch.distance, batch.row_mask, batch.col_mask)


def _margin(model: nn.Module, batch: AssociationBatch) -> float:
    """Return by how much the mean logit of true pairs exceeds that of other pairs."""
    logits = answer(model, _inputs(batch))
    return float(logits[batch.association].mean() - logits[batch.cells & ~batch.association].mean())


MODEL = (
    Check(check_fit_declared),
    Check(check_fit, only=(FITTED,)),
    Check(check_fit_deterministic, only=(FITTED,)),
    Check(check_fit_batch_not_mutated, only=(FITTED,)),
    Check(check_fit_respects_masks, only=(FITTED,)),
    Check(check_fit_forbidden_pairs, only=(FITTED,)),
    Check(check_fit_of_one_kind, only=(FITTED,)),
)
