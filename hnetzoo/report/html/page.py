"""Templates -> the text of a page; whatever is put into them is escaped."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

TEMPLATES = "report/templates"


def render_page(template: str, **values: Any) -> str:
    """Return the text of a page.

    Args:
        template: The name of a file in `hnetzoo/report/templates`.
        values: What it refers to; texts are escaped, Markup is not.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("hnetzoo", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
