"""Whether built pages ask anything of other hosts; links that a reader may follow are none of it."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from re import compile as pattern

FETCHING = {"src", "srcset", "poster", "data", "background"}
_FOREIGN = pattern(r"^\s*(https?:)?//")
_CSS = pattern(r"""(?:url\(\s*|@import\s+)["']?\s*((?:https?:)?//[^"')\s]+)""")


class _Requests(HTMLParser):
    """Collects the addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        addresses = [value for name, value in given.items() if name in FETCHING]
        if tag == "link" and "canonical" not in given.get("rel", ""):
            addresses.append(given.get("href", ""))
        self.found += [address for address in addresses if _FOREIGN.match(address)]
        self.found += _CSS.findall(given.get("style", ""))


def foreign_requests(folder: Path) -> Iterator[str]:
    """Yield "page: address" for what the pages and styles of a folder would load from other hosts."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            parser = _Requests()
            text = path.read_text()
            parser.feed(text)
            found = [*parser.found, *_CSS.findall(text)]
        elif path.suffix in (".css", ".svg"):
            found = _CSS.findall(path.read_text())
        else:
            continue
        yield from (f"{path.relative_to(folder)}: {address}" for address in dict.fromkeys(found))
