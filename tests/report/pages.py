"""Pages read by the standard library's parser, and problems to show on them."""

from html.parser import HTMLParser

from hnetzoo.benchmark.results import Disagreement

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """The elements of a page, in order: tag, attributes and text; raises ValueError if one is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()
        if self._open:
            raise ValueError(f"{self.elements[self._open[-1]][0]} is not closed")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        opened = self.elements[self._open.pop()][0]
        if opened != tag:
            raise ValueError(f"{opened} is closed by {tag}")

    def handle_data(self, data: str) -> None:
        for index in self._open:
            self.elements[index][2].append(data)

    def texts(self, tag: str, **attributes: str) -> list[str]:
        """Return the texts of the elements of a tag with some attributes, blanks joined."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            " ".join("".join(texts).split())
            for found, attrs, texts in self.elements
            if found == tag and wanted.items() <= attrs.items()
        ]

    def attributes(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [attrs[name] or "" for _, attrs, _ in self.elements if name in attrs]


def disagreement(**fields: object) -> Disagreement:
    known: dict[str, object] = {
        "task": "doa",
        "seed": 0,
        "index": 17,
        "distance": ((0.1, 0.9), (0.8, float("inf"))),
        "row_active": (True, False),
        "col_active": (True, True),
        "truth": ((0, 0),),
        "answers": {"good": ((0, 0),), "bad": ((0, 1), (1, 0))},
        "unit": "chord",
    }
    return Disagreement(**{**known, **fields})


def boxes(**fields: object) -> Disagreement:
    """Return a problem with boxes."""
    places = ((10.0, 10.0, 4.0, 8.0), (30.0, 10.0, 4.0, 8.0))
    features = ("x", "y", "width", "height")
    return disagreement(features=features, row_features=places, col_features=places, **fields)
