"""Expected failures: one class per thing that the caller can do about it.

Every message reads: what arrived, what is accepted, where it came from, what to do. Fields carry the same facts as
data, so nobody has to parse text. The command line prints the message as one line and ends with `exit_code`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HnetzooError(Exception):
    """An expected failure with a message for the user.

    Example:
        >>> HnetzooError("what arrived; what to do").exit_code
        2
    """

    exit_code = 2


def one_line(error: BaseException) -> str:
    """Write a foreign exception as "Type: text" on one line, even if its text cannot be had.

    Example:
        >>> one_line(ValueError("many   words")), one_line(AssertionError())
        ('ValueError: many words', 'AssertionError')
    """
    try:
        text = " ".join(str(error).split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # an exception of a plugin is a plugin's code
        text = "its text cannot be printed"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class UnknownNameError(HnetzooError, LookupError):
    """A name that nobody registered; `kind`, `name` and `choices` hold the facts.

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
    """A plugin that could not be imported or declared something unusable."""

    exit_code = 3


class ModelError(HnetzooError):
    """A model that breaks its contract: answers that are no numbers, or changes to what is not its own."""

    exit_code = 3


class PluginConflictError(HnetzooError):
    """One name registered by two providers; `providers` lists both."""

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
    """A checkpoint, weight file or run directory that is missing, damaged or of another model."""

    exit_code = 4


class ResourceError(HnetzooError):
    """Disk or memory ran out."""

    exit_code = 5


class DivergenceError(HnetzooError):
    """A training whose loss is no longer a number."""

    exit_code = 1
