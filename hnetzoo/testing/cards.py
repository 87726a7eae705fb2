"""Checks of the cards of shipped weights."""

from hnetzoo.errors import HnetzooError, one_line
from hnetzoo.registry.cards import Card, read_card
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.specs import FIXED_SIZE, ModelSpec, Pretrained
from hnetzoo.testing.declarations import check_pretrained
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, CheckSkipped, Settings

_RATIOS = ("f1", "exact")


def check_card(spec: ModelSpec, settings: Settings = None) -> None:
    """The card of shipped weights is complete, and says of the model what its declaration says."""
    if not spec.pretrained:
        raise CheckSkipped("ships no weights")
    for pretrained in spec.pretrained:
        try:
            wrong = _problem(spec, pretrained)
        except (HnetzooError, OSError) as error:  # the weights cannot be used
            raise Blocked(check_pretrained.__name__, f"variant '{pretrained.variant}': {one_line(error)}") from error
        if wrong:
            raise CheckFailure(f"variant '{pretrained.variant}': {wrong}")


def _problem(spec: ModelSpec, pretrained: Pretrained) -> str:
    """Return what is wrong with a card; "" if nothing."""
    card = read_card(pretrained)
    if card.missing:
        return (
            f"the card lacks {', '.join(card.missing)}; 'hnetzoo publish' writes all of it "
            "(hnetzoo.Card says what each is)"
        )
    scope = Scope.from_json(card.scope, pretrained.card)
    assert scope is not None, "it is not missing"
    return _contradiction(card, spec, pretrained) or _wrong_scope(card, scope, spec, pretrained)


def _contradiction(card: Card, spec: ModelSpec, pretrained: Pretrained) -> str:
    """Return where a card and a declaration differ, or a score is none; "" if nowhere."""
    if card.model != spec.name:
        return f"the card is of model '{card.model}'"
    if card.variant != pretrained.variant and not pretrained.retired:
        return f"the card is of variant '{card.variant}'"
    if list(card.limits) != sorted(spec.tags):
        return f"the card's limits are {list(card.limits)}, and the model's tags {sorted(spec.tags)}"
    for row in card.test:
        for name in _RATIOS:
            if not isinstance(row[name], int | float) or not 0 <= row[name] <= 1:
                return f"{name} on {row['dataset']} is {row[name]!r} instead of a share from 0 to 1"
    return ""


def _wrong_scope(card: Card, scope: Scope, spec: ModelSpec, pretrained: Pretrained) -> str:
    """Return what is wrong with the scope of a card; "" if nothing."""
    low, high = scope.slots
    if not 0 <= low <= high:
        return f"the scope's slots {[low, high]} are not the fewest and the most"
    if not all(least <= most for least, most in scope.distances):
        return f"the scope's distances {[list(pair) for pair in scope.distances]} are not ranges from low to high"
    if card.data["dataset"] not in scope.tasks:
        return f"the scope's tasks {list(scope.tasks)} are without the dataset of the training, {card.data['dataset']}"
    shape = pretrained.shape or card.shape
    if FIXED_SIZE in spec.tags and shape is None:
        return "neither the card nor the declaration gives the shape, and the model is tagged 'fixed-size'"
    if FIXED_SIZE in spec.tags and shape is not None and high > max(shape):
        return f"the scope goes to {high} slots a side, and the weights are for {shape[0]} x {shape[1]}"
    return ""


MODEL = (Check(check_card),)
