"""Run the checks of a declaration, chosen by its kind and tags."""

import sys
import traceback
from collections.abc import Mapping
from contextlib import redirect_stdout
from types import MappingProxyType

from hnetzoo.errors import UnknownNameError, one_line
from hnetzoo.registry.specs import DatasetSpec, ModelSpec, Spec, TrainerSpec
from hnetzoo.testing import (
    answers,
    cards,
    datasets,
    declarations,
    deployment,
    extensions,
    features,
    fitting,
    gradients,
    learning,
    masks,
    repetition,
    side_effects,
    sizes,
    trainers,
)
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, CheckSkipped, Report, Result, Settings
from hnetzoo.training.determinism import preserved_state

CHECKS: Mapping[str, tuple[Check, ...]] = MappingProxyType(
    {
        ModelSpec.kind: (
            *declarations.ANY,
            *declarations.MODEL,
            *cards.MODEL,
            *answers.MODEL,
            *sizes.MODEL,
            *masks.MODEL,
            *side_effects.MODEL,
            *gradients.MODEL,
            *deployment.MODEL,
            *features.MODEL,
            *fitting.MODEL,
        ),
        DatasetSpec.kind: declarations.ANY + datasets.DATASET + repetition.DATASET,
        TrainerSpec.kind: declarations.ANY + trainers.TRAINER + learning.TRAINER + extensions.TRAINER,
    }
)
"""All checks, by the kind of declaration that they apply to."""


def check(spec: Spec, settings: Settings = None, only: str | None = None) -> Report:
    """Return a report of all checks of a declaration, or of one.

    Args:
        spec: A model, dataset or trainer; its tags decide which checks apply.
        settings: Its settings by name; None leaves all at their defaults.
        only: The name of a check, with or without its prefix; None runs all that apply.

    Returns:
        The report; its `failures` are empty if every check passed or was skipped. What plugins print goes to stderr.

    Raises:
        UnknownNameError: If there is no check `only` of this kind of declaration.

    Example:
        >>> import hnetzoo
        >>> report = check(hnetzoo.discover().model("hungarian"))
        >>> report.failures, report.count("passed") > 20
        ((), True)
    """
    rules = CHECKS[spec.kind] if only is None else (named_check(only, spec.kind),)
    # keep plugins' output off stdout, and the caller's generators and threads unchanged
    with redirect_stdout(sys.stderr), preserved_state():
        ended = [_run(rule, spec, settings) for rule in rules]
    causes = {result.check: by for result, by in ended if result.outcome == "failed"}
    return Report(spec=spec, results=tuple(_excused(result, causes) for result, _ in ended))


def named_check(name: str, kind: str) -> Check:
    """Return the check of a name, with or without "check_"; raises UnknownNameError if the kind has no such check."""
    rules = {rule.name: rule for rule in CHECKS[kind]}
    full = f"check_{name.removeprefix('check_').replace('-', '_')}"
    if full not in rules:
        raise UnknownNameError(f"check of a {kind}", full, tuple(rules))
    return rules[full]


def _run(check: Check, spec: Spec, settings: Settings) -> tuple[Result, str | None]:
    """Return the result of a check, and the more basic check that blocked it, None if no other did."""
    excuse = check.excuse(spec.tags)
    if excuse:
        return Result(check=check.name, outcome="skipped", reason=excuse), None
    try:
        check.function(spec, settings)
    except CheckSkipped as skipped:
        return Result(check=check.name, outcome="skipped", reason=str(skipped)), None
    except Blocked as failure:
        return _failed(check, failure), failure.by if failure.by != check.name else None
    except CheckFailure as failure:
        return _failed(check, failure), None
    except (Exception, SystemExit) as error:  # raised by the plugin's code
        details = "".join(traceback.format_exception(error))
        return Result(check=check.name, outcome="failed", reason=f"raised {one_line(error)}", details=details), None
    return Result(check=check.name, outcome="passed"), None


def _failed(check: Check, failure: CheckFailure) -> Result:
    details = "" if failure.__cause__ is None else "".join(traceback.format_exception(failure.__cause__))
    return Result(check=check.name, outcome="failed", reason=failure.reason, problem=failure.problem, details=details)


def _excused(result: Result, causes: Mapping[str, str | None]) -> Result:
    """Return the result, or one that is skipped if another failed check explains this failure.

    `causes` maps each failed check to the more basic check that blocked it, None if no other did.
    """
    root = result.check
    while causes.get(root) in causes:
        root = str(causes[root])
    return result if root == result.check else Result(check=result.check, outcome="skipped", reason=f"needs {root}")
