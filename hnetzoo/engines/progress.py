"""How far the items are that workers work on, by the last lines of their logs."""

import time
from collections.abc import Callable, Iterable

from hnetzoo.engines.items import Item, Workplace
from hnetzoo.engines.logs import BEGUN, ENDED, last_line

PROGRESS_S = 20.0
MOST_LINES = 10

Tell = Callable[[str], None]


class Progress:
    """Tell what is new in the logs of running items, every `PROGRESS_S` seconds.

    Args:
        place: Where the workers work.
        tell: Takes a line for the user.
        clock: Returns the time [seconds].
    """

    def __init__(self, place: Workplace, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self.place, self.tell, self.clock = place, tell, clock
        self._told: dict[int, str] = {}
        self._last = clock()

    def show(self, running: Iterable[Item]) -> None:
        """Tell how far the running items are, unless that was told a short time ago."""
        if self.clock() - self._last < PROGRESS_S:
            return
        self._last = self.clock()
        lines = []
        for item in running:
            log = self.place.log_of(item)
            line = last_line(log) if log else ""
            if line not in ("", ENDED, self._told.get(item.index)):
                self._told[item.index] = line
                worker = "" if line.startswith(BEGUN) else f", {self.place.workers_of(item)}"
                lines.append(f"{item.title}{worker}: {line}")
        for line in lines[:MOST_LINES]:
            self.tell(line)
        if len(lines) > MOST_LINES:
            self.tell(f"and {len(lines) - MOST_LINES} others")
