"""Sound or object classes in the distance of a pair: pairs of different classes are forbidden or cost more."""

import math

import torch
from torch import Tensor

from hnetzoo.association.masking import checks_values
from hnetzoo.errors import ConfigError, DataError, ShapeError


def class_distance(
    distance: Tensor,
    reference_class: Tensor,
    prediction_class: Tensor,
    reference_mask: Tensor | None = None,
    *,
    class_cost: float = math.inf,
) -> Tensor:
    """Return distances to which the price of a wrong class is added.

    A pair of the same class costs its distance, one of different classes `class_cost` more. If the predictions have
    probabilities p of classes, a pair costs class_cost * (1 - p of the class of the reference) more, with a gradient.

    Args:
        distance: Float [b, t, n, m].
        reference_class: Integer [b, t, n], from 0.
        prediction_class: Integer [b, t, m], or probabilities, float [b, t, m, c] for c classes.
        reference_mask: Bool [b, t, n]; classes outside may be anything. None means all True.
        class_cost: Price of a wrong class [unit of distance]; infinite forbids pairs of different classes.

    Returns:
        Float [b, t, n, m].

    Raises:
        ShapeError: If the classes do not fit the distances.
        DataError: If a class inside the mask is not among those that have a probability.
        ConfigError: If the price is negative or NaN, or infinite although the classes are probabilities.

    Example:
        >>> distance, speech, music = torch.zeros(1, 1, 1, 2), torch.tensor([[[0]]]), torch.tensor([[[0, 1]]])
        >>> class_distance(distance, speech, music).tolist()
        [[[[0.0, inf]]]]
        >>> class_distance(distance, speech, torch.tensor([[[[1.0, 0.0], [0.75, 0.25]]]]), class_cost=2.0).tolist()
        [[[[0.0, 0.5]]]]
    """
    check_class_cost(class_cost)
    _check_shapes(distance, reference_class, prediction_class)
    if not prediction_class.is_floating_point():
        differ = reference_class.unsqueeze(-1) != prediction_class.unsqueeze(-2)
        return distance.masked_fill(differ, math.inf) if math.isinf(class_cost) else distance + class_cost * differ
    if math.isinf(class_cost):
        raise ConfigError("class_cost is inf; probabilities of classes need a finite one: give class_cost=...")
    if reference_mask is not None:
        reference_class = torch.where(reference_mask, reference_class, 0)
    probable = _probability(reference_class.long(), prediction_class)
    return distance + class_cost * (1 - probable).to(distance.dtype)


def with_classes(
    distance: Tensor,
    reference_class: Tensor | None,
    prediction_class: Tensor | None,
    reference_mask: Tensor | None,
    class_cost: float,
) -> Tensor:
    """Return `class_distance` if classes are given, and the distances as they are if not.

    Raises:
        ConfigError: If only the references or only the predictions have classes, or as in `class_distance`.
    """
    if reference_class is None and prediction_class is None:
        return distance
    if reference_class is None or prediction_class is None:
        missing = "reference_class" if reference_class is None else "prediction_class"
        raise ConfigError(f"{missing} is missing; give the classes of both sides, or of neither")
    return class_distance(distance, reference_class, prediction_class, reference_mask, class_cost=class_cost)


def check_class_cost(class_cost: float) -> None:
    """Raise ConfigError unless the price of a wrong class is a number of at least 0, or infinite."""
    if not class_cost >= 0:
        raise ConfigError(f"class_cost is {class_cost}; it must be at least 0 (inf forbids pairs of different classes)")


def _check_shapes(distance: Tensor, reference_class: Tensor, prediction_class: Tensor) -> None:
    if distance.ndim != 4:
        raise ShapeError(f"expected sequences [b, t, n, m], got {list(distance.shape)}; add the missing axes")
    b, t, n, m = distance.shape
    soft = prediction_class.is_floating_point()
    wanted: tuple[tuple[str, Tensor, list[int], str], ...] = (
        ("reference_class", reference_class, [b, t, n], f"integers {[b, t, n]}"),
        ("prediction_class", prediction_class, [b, t, m], f"integers {[b, t, m]}, or floats with one more axis"),
    )
    for name, classes, shape, needed in wanted:
        probabilities = soft and classes is prediction_class
        found = list(classes.shape[:-1] if probabilities else classes.shape)
        if found != shape or (classes.is_floating_point() and not probabilities):
            given = f"{classes.dtype} {list(classes.shape)}".removeprefix("torch.")
            raise ShapeError(f"{name} is {given}; sequences {[b, t, n, m]} need {needed}")


def _probability(reference_class: Tensor, probability: Tensor) -> Tensor:
    """Return the probability [b, t, n, m] that a prediction is of the class of a reference."""
    b, t, m, classes = probability.shape
    if checks_values() and bool(((reference_class < 0) | (reference_class >= classes)).any()):
        wrong = reference_class[(reference_class < 0) | (reference_class >= classes)][0].item()
        raise DataError(f"reference_class holds {wrong}; prediction_class has probabilities of 0 to {classes - 1}")
    index = reference_class.unsqueeze(2).expand(b, t, m, -1)
    return probability.gather(-1, index).transpose(-1, -2)
