"""Group results by size, for problems with more different counts than a table has columns."""

from hnetzoo.benchmark.results import Groups


def by_size(cells: Groups) -> dict[str, dict[str, float]]:
    """Return results by size, the smaller of the two counts: 0, 1, 2, 3-4, 5-8, 9-16 and so on.

    Args:
        cells: {"exact", "problems", ...} by counts, as "2x3".

    Returns:
        {"exact", "problems"} by size; exact shares are means weighted by the problems.

    Example:
        >>> by_size({"3x9": {"exact": 1.0, "problems": 1}, "5x4": {"exact": 0.0, "problems": 3}})
        {'3-4': {'exact': 0.25, 'problems': 4}}
    """
    joined: dict[str, dict[str, float]] = {}
    for name, counted in cells.items():
        group = joined.setdefault(_size(min(map(int, name.split("x")))), {"exact": 0.0, "problems": 0})
        group["problems"] += counted["problems"]
        group["exact"] += counted["exact"] * counted["problems"]
    for group in joined.values():
        group["exact"] /= max(1, group["problems"])
    return joined


def _size(active: int) -> str:
    if active <= 2:
        return str(active)
    most = 1 << (active - 1).bit_length()  # the smallest power of two that is not smaller
    return f"{most // 2 + 1}-{most}"
