"""The checks as pytest tests, one per declaration and rule."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from hnetzoo.registry.specs import Spec
from hnetzoo.testing.outcome import Check, CheckSkipped, Settings
from hnetzoo.testing.runner import CHECKS

if TYPE_CHECKING:
    import pytest


def parametrize_with_checks(specs: Iterable[Spec], settings: Settings = None) -> "pytest.MarkDecorator":
    """Return a decorator that runs a test for every declaration and check; ids read "acme-net-check_gradients".

    Args:
        specs: The declarations to check, for instance what a plugin's hook returns.
        settings: Settings by name, the same for all of `specs`.

    Returns:
        A decorator of a test that takes `spec` and `check` and calls `check(spec)`.

    Example:
        >>> import hnetzoo
        >>> decorate = parametrize_with_checks([hnetzoo.discover().model("hungarian")])
        >>> decorate.args[1][0].id
        'hungarian-check_summary'
    """
    import pytest  # imported here, so that the command line does not need it

    cases = [
        pytest.param(spec, partial(_run, check, settings), id=f"{spec.name}-{check.name}", marks=_marks(check, spec))
        for spec in specs
        for check in CHECKS[spec.kind]
    ]
    return pytest.mark.parametrize(("spec", "check"), cases)


def _marks(check: Check, spec: Spec) -> tuple[Any, ...]:
    import pytest

    excuse = check.excuse(spec.tags)
    return (pytest.mark.skip(reason=excuse),) if excuse else ()


def _run(check: Check, settings: Settings, spec: Spec) -> None:
    import pytest

    try:
        check.function(spec, settings)
    except CheckSkipped as skipped:
        pytest.skip(str(skipped))
