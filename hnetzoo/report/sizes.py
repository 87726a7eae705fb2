"""Join the cells of large problems, of which there are more kinds than a table has columns."""

from hnetzoo.benchmark.results import Groups


def by_size(cells: Groups) -> dict[str, dict[str, float]]:
    """Join cells by the lesser number of active slots: 0, 1, 2, 3-4, 5-8, 9-16 and so on.

    Args:
        cells: {"exact", "problems", ...} by "2x3".

    Returns:
        {"exact", "problems"} by size, the shares weighed by the problems.

    Example:
        >>> by_size({"3x9": {"exact": 1.0, "problems": 1}, "5x4": {"exact": 0.0, "problems": 3}})
        {'3-4': {'exact': 0.25, 'problems': 4}}
    """
    joined: dict[str, dict[str, float]] = {}
    for name, cell in cells.items():
        group = joined.setdefault(_size(min(map(int, name.split("x")))), {"exact": 0.0, "problems": 0})
        group["problems"] += cell["problems"]
        group["exact"] += cell["exact"] * cell["problems"]
    for group in joined.values():
        group["exact"] /= max(1, group["problems"])
    return joined


def _size(active: int) -> str:
    if active <= 2:
        return str(active)
    most = 1 << (active - 1).bit_length()  # the power of two that is not less
    return f"{most // 2 + 1}-{most}"
