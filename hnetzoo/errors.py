"""Expected errors, one class per kind of remedy.

A message says what was given, what is accepted, where it came from and what to do. Attributes hold the same facts, so
that no text needs to be parsed. The command line prints the message on one line and exits with `exit_code`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HnetzooError(Exception):
    """The base class of expected errors, with a message for the user.

    Example:
        >>> HnetzooError("what was given; what to do").exit_code
        2
    """

    exit_code = 2


class Terminated(SystemExit):
    """The system asked the process to end (SIGTERM); unlike other SystemExits, never that of a plugin."""


def one_line(error: BaseException) -> str:
    """Return any exception as "Type: text" on one line, even if its text cannot be produced.

    Example:
        >>> one_line(ValueError("many   words")), one_line(AssertionError())
        ('ValueError: many words', 'AssertionError')
    """
    try:
        text = " ".join(str(error).split())
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException:  # str() of a plugin's exception runs code of the plugin
        text = "its text cannot be printed"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class UnknownNameError(HnetzooError, LookupError):
    """A name that is not registered; attributes `kind`, `name` and `choices`.

    Example:
        >>> print(UnknownNameError("model", "hnet-gru", ["hnetgru", "hungarian"], "run 'hnetzoo list'"))
        unknown model 'hnet-gru'; did you mean 'hnetgru'? (available: hnetgru, hungarian; run 'hnetzoo list')
    """

    def __init__(self, kind: str, name: str, choices: Iterable[str], remedy: str = "") -> None:
        self.kind, self.name, self.choices = kind, name, tuple(sorted(choices))
        close = get_close_matches(name, self.choices, n=1)
        guess = f"; did you mean '{close[0]}'?" if close else ""
        hints = [f"available: {', '.join(self.choices) or 'none'}", *([remedy] if remedy else [])]
        super().__init__(f"unknown {kind} '{name}'{guess} ({'; '.join(hints)})")


class ConfigError(HnetzooError, ValueError):
    """A setting, option or combination of them that is not accepted."""


class PluginLoadError(HnetzooError):
    """A plugin that cannot be imported or whose declarations are invalid."""

    exit_code = 3


class ModelError(HnetzooError):
    """A model that returns wrong shapes or non-finite logits, or changes data or state that is not its own."""

    exit_code = 3


class PluginConflictError(HnetzooError):
    """One name registered by several providers, listed in `providers`."""

    exit_code = 3

    def __init__(self, kind: str, name: str, providers: Iterable[str]) -> None:
        self.kind, self.name, self.providers = kind, name, tuple(sorted(providers))
        super().__init__(
            f"{kind} '{name}' is registered by {' and by '.join(self.providers)}; "
            "uninstall one of them or choose with HNETZOO_PLUGINS=<distribution:entrypoint>,..."
        )


class ShapeError(HnetzooError, ValueError):
    """A tensor or array of a shape that is not accepted."""

    exit_code = 4


class DataError(HnetzooError, ValueError):
    """A data file or array whose contents are not accepted."""

    exit_code = 4


class CheckpointError(HnetzooError):
    """A checkpoint, weight file or run directory that is missing, damaged or belongs to another model."""

    exit_code = 4


class ResourceError(HnetzooError):
    """Not enough disk space or memory."""

    exit_code = 5


class DivergenceError(HnetzooError):
    """A training run whose loss is no longer finite."""

    exit_code = 1


class ExportError(HnetzooError):
    """A model that cannot be exported, or that answers otherwise when it is."""

    exit_code = 1


class HnetzooWarning(UserWarning):
    """Base class of warnings; commands print them as one line."""


class ScopeWarning(HnetzooWarning):
    """Problems are unlike those that the weights of a model were trained on."""


class RetiredWarning(HnetzooWarning):
    """A set of weights was replaced by another one, to which its name now leads."""
