"""Elements of drawings, as trees, so that texts are escaped and every drawing says what it shows."""

from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

LINE = 14.0  # units from one line of text to the next
LETTER = 6.6  # units that a letter of a label takes on average


def figure(name: str, title: str, description: str, width: float, height: float) -> Element:
    """Return an empty drawing that screen readers announce as one image.

    Args:
        name: Unique in the page; ids start with it.
        title: What it shows, short.
        description: What it shows, in a sentence.
        width: Of the drawing, in units of about a pixel.
        height: Likewise.
    """
    root = Element("svg", {"viewBox": f"0 0 {number(width)} {number(height)}", "role": "img"})
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    SubElement(root, "title", id=f"{name}-title").text = title
    SubElement(root, "desc", id=f"{name}-desc").text = description
    return root


def add(parent: Element, tag: str, style: str = "", text: str = "", **attributes: float | str) -> Element:
    """Return a new element inside another; `style` is its class, and an underscore in a name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    texts = {name: number(value) if isinstance(value, float | int) else value for name, value in named.items()}
    element = SubElement(parent, tag, {"class": style, **texts} if style else texts)
    element.text = text or None
    return element


def finished(root: Element) -> Markup:
    """Return the text of a drawing, escaped."""
    return Markup(tostring(root, encoding="unicode"))


def number(value: float) -> str:
    """Return a coordinate with at most one decimal, which is finer than a screen.

    Example:
        >>> number(2.0), number(1 / 3)
        ('2', '0.3')
    """
    return f"{value:.1f}".removesuffix(".0")
