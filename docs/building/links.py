"""Links of pages to documents of the repository that are outside the site, which has its own pages in their place."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

PAGE_OF: Mapping[str, str] = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "leaderboard.md",
    "plugins/README.md": "authors/index.md",
}
_LINK = re.compile(r"\]\(([\w./-]+\.md)(#[\w-]+)?\)")


def within_site(text: str, page: str) -> str:
    """Return the Markdown of a page with its links to such documents leading to the pages in their place.

    Args:
        text: The page, as it is read outside the site too.
        page: Its name, as "guides/training".

    Example:
        >>> within_site("[plugins](../../plugins/README.md#tags), [models](model.md#masks)", "guides/training")
        '[plugins](../authors/index.md), [models](model.md#masks)'
    """
    folder = Path("docs", page).parent

    def changed(link: re.Match[str]) -> str:
        target = os.path.normpath(folder / link[1])
        found = PAGE_OF.get(Path(target).as_posix())
        return link[0] if found is None else f"]({Path(os.path.relpath(Path('docs', found), folder)).as_posix()})"

    return _LINK.sub(changed, text)
