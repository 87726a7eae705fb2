"""Choose the checks of a declaration by its kind and tags, run them, and report."""

import sys
import traceback
from collections.abc import Mapping
from contextlib import redirect_stdout
from types import MappingProxyType

import torch

from hnetzoo.errors import one_line
from hnetzoo.registry.specs import DatasetSpec, ModelSpec, Spec, TrainerSpec
from hnetzoo.testing import answers, datasets, declarations, gradients, trainers
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, CheckSkipped, Report, Result, Settings

CHECKS: Mapping[str, tuple[Check, ...]] = MappingProxyType(
    {
        ModelSpec.kind: declarations.ANY + declarations.MODEL + answers.MODEL + gradients.MODEL,
        DatasetSpec.kind: declarations.ANY + datasets.DATASET,
        TrainerSpec.kind: declarations.ANY + trainers.TRAINER,
    }
)
"""Every check, by the kind of declaration that it is for."""


def check(spec: Spec, settings: Settings = None) -> Report:
    """Run every check of a declaration.

    Args:
        spec: A model, dataset or trainer; its tags decide which checks apply.
        settings: Its settings by name; None leaves all at their defaults.

    Returns:
        The report; all is well if it has no `failures`. What plugins print goes to stderr.

    Example:
        >>> import hnetzoo
        >>> report = check(hnetzoo.discover().model("hungarian"))
        >>> report.failures, report.count("passed") > 20
        ((), True)
    """
    # stdout belongs to the command's own document, and the generator to the caller
    with redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
        ended = [_run(rule, spec, settings) for rule in CHECKS[spec.kind]]
    causes = {result.check: by for result, by in ended if result.outcome == "failed"}
    return Report(spec=spec, results=tuple(_excused(result, causes) for result, _ in ended))


def _run(check: Check, spec: Spec, settings: Settings) -> tuple[Result, str | None]:
    """Run one check -> how it ended, and the check that the cause is meant for, if it is another."""
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
    except (Exception, SystemExit) as error:  # of the plugin's code
        details = "".join(traceback.format_exception(error))
        return Result(check=check.name, outcome="failed", reason=f"raised {one_line(error)}", details=details), None
    return Result(check=check.name, outcome="passed"), None


def _failed(check: Check, failure: CheckFailure) -> Result:
    details = "" if failure.__cause__ is None else "".join(traceback.format_exception(failure.__cause__))
    return Result(check=check.name, outcome="failed", reason=failure.reason, problem=failure.problem, details=details)


def _excused(result: Result, causes: Mapping[str, str | None]) -> Result:
    """Skip what another failed check explains; what none explains stays a failure.

    `causes` names, for each failed check, the check that its cause is meant for, if it is another.
    """
    root = result.check
    while causes.get(root) in causes:
        root = str(causes[root])
    return result if root == result.check else Result(check=result.check, outcome="skipped", reason=f"needs {root}")
