"""The documentation is executed, complete, and its links lead somewhere."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

import hnetzoo
from docs.follow import Block, Ended, NotAsWrittenError, Page, follow_pages, forget_modules, read_blocks
from hnetzoo.cli import main
from hnetzoo.registry import scope_check
from hnetzoo.registry.components import configure
from hnetzoo.registry.specs import API_VERSION

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
AUTHORS = ROOT / "docs" / "authors"
GALLERY = AUTHORS / "gallery.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md")), *sorted(AUTHORS.glob("*.md"))]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "plugins/README.md", ROOT / "benchmarks/README.md"]
WRAPPED = ("scipy", "lap", "ot")  # modules that the gallery wraps


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Offline"]:
    monkeypatch.setattr(scope_check, "_warned", set())  # a page is read in a process of its own
    yield Offline(tmp_path / "site", monkeypatch)
    forget_modules(tmp_path)


class Offline:
    """Runs commands of pages in this process where they are hnetzoo's; pip installs into a folder, without network."""

    def __init__(self, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        site.mkdir()
        monkeypatch.syspath_prepend(str(site))
        installed = {"PIP_TARGET": str(site), "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
        for name, value in installed.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        monkeypatch.setenv("COLUMNS", "200")
        self.monkeypatch = monkeypatch

    def __call__(self, line: str) -> Ended:
        program, *arguments = shlex.split(line)
        if program == "python":
            done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
            return Ended(done.returncode, done.stdout + done.stderr)
        assert program == "hnetzoo", line
        self.monkeypatch.setattr(sys, "argv", [program, *arguments])
        handler, printed = signal.getsignal(signal.SIGTERM), StringIO()
        with redirect_stdout(printed), redirect_stderr(printed), pytest.raises(SystemExit) as ended:
            main()
        signal.signal(signal.SIGTERM, handler)
        return Ended(int(ended.value.code or 0), printed.getvalue())


def without_network(block: Block) -> str | None:
    return "no network" if "network" in block.options else None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("page", [page for page in PAGES if page != GALLERY], ids=lambda page: page.stem)
def test_page_works_as_written(page: Path, command: Offline, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    list(Page(page, command, without_network).follow(tmp_path / "page"))


@pytest.mark.parametrize("module", WRAPPED)
def test_wrapper_in_the_gallery_passes_the_checks(module: str, command: Offline, tmp_path: Path) -> None:
    pytest.importorskip(module)
    (tmp_path / "page").mkdir()

    def left_out(block: Block) -> str | None:
        other = block.options.get("needs", module) != module
        return "another wrapper" if other else without_network(block)

    list(Page(GALLERY, command, left_out).follow(tmp_path / "page"))


def package_lengths(page: Path) -> dict[str, int]:
    """Return the lines of each package that a page writes."""
    lengths: dict[str, int] = {}
    for block in read_blocks(page.read_text()):
        folder, _, name = block.options.get("file", "").partition("/")
        if name:
            lengths[folder] = lengths.get(folder, 0) + sum(bool(line.strip()) for line in block.code.splitlines())
    return lengths


def test_every_wrapper_in_the_gallery_is_checked() -> None:
    blocks = read_blocks(GALLERY.read_text())
    assert {block.options["needs"] for block in blocks if "needs" in block.options} == set(WRAPPED)


@pytest.mark.parametrize(("page", "packages"), [(GALLERY, 3), (AUTHORS / "extensions.md", 4)])
def test_packages_of_others_take_at_most_40_lines(page: Path, packages: int) -> None:
    lengths = package_lengths(page)
    assert len(lengths) == packages
    assert max(lengths.values()) <= 40


WRONG = {
    "```python\n1 / 0\n```\n": r":2: ZeroDivisionError: division by zero",
    "```python\nprint(1)\n```\n\n```text\n2\n```\n": r":5: expected\n2\nbut this was printed\n1\n",
    "```console\nhnetzoo show nothing\n```\n": r":2: 'hnetzoo show nothing' ended with exit code 2\n.*unknown",
    "```python\nimport warnings\nwarnings.warn('old')\n```\n": r":3: UserWarning: old",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_block_that_does_something_else_is_named_with_its_line(text: str, command: Offline, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(NotAsWrittenError, match=f"(?s)page.md{WRONG[text]}"):
        list(Page(page, command).follow(tmp_path))


def test_files_are_written_extended_and_imported_and_names_are_shared(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    parts = ("a = 1\n", "b = 2\n")
    files = "".join(f"```python file=followed/parts.py\n{part}```\n" for part in parts)
    page.write_text(
        f"{files}```python\nfrom followed.parts import a, b\n```\n```python\nprint(a + b)\n```\n```text\n3\n```\n"
    )
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        assert list(Page(page).follow(folder)) == []
        assert (folder / "followed" / "parts.py").read_text() == "a = 1\n\n\nb = 2\n"
    assert "followed.parts" not in sys.modules


def test_what_is_left_out_is_reported(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python needs=nothing_of_that_name\nraise\n```\n\n```text\nnot compared\n```\n")
    assert list(Page(page).follow(tmp_path)) == [f"{page}:1: left out, nothing_of_that_name not installed"]


def test_pages_are_followed_one_by_one_and_failures_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [tmp_path / "wrong.md", tmp_path / "right.md"]
    for page, code in zip(pages, ("print(1)", "print(2)"), strict=True):
        page.write_text(f"```python\n{code}\n```\n\n```text\n2\n```\n")
    assert follow_pages(pages) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"FAILED {pages[0]}:5: expected"
    assert last == f"{pages[1]}: as written"


def test_first_example_for_authors_is_short() -> None:
    blocks = read_blocks((AUTHORS / "index.md").read_text())
    code = [block.code for block in blocks if block.options.get("file", "").startswith("acme_net/")]
    assert len(code) == 3
    assert sum(bool(line.strip()) for text in code for line in text.splitlines()) <= 25


def test_readme_is_short_and_its_example_is_of_five_lines() -> None:
    assert len(README.splitlines()) <= 150
    first = next(block for block in read_blocks(README) if block.language == "python")
    assert len([line for line in first.code.splitlines() if line.strip() and not line.startswith("import")]) <= 5


def test_every_hook_is_documented_with_its_signature() -> None:
    from hnetzoo.registry import hooks as hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("hnetzoo_")]
    assert hooks
    for name in hooks:
        assert f"### `{name}()`" in (AUTHORS / "index.md").read_text()


def test_every_tag_in_use_is_documented() -> None:
    documented = "".join(page.read_text() for page in AUTHORS.glob("*.md"))
    registry = hnetzoo.discover()
    specs = [*registry.models.values(), *registry.datasets.values(), *registry.trainers.values()]
    for tag in {tag for spec in specs for tag in spec.tags}:
        assert f"| `{tag}` |" in documented


def test_the_version_of_the_interface_is_documented() -> None:
    assert f"The number is whole, now {API_VERSION}," in (AUTHORS / "versions.md").read_text()


def test_every_learned_model_cites_its_source() -> None:
    for spec in hnetzoo.discover().models.values():
        assert spec.citation is not None, spec.name
        assert spec.citation.title
        assert spec.citation.year > 1900


def test_every_setting_has_a_help_text() -> None:
    registry = hnetzoo.discover()
    for spec in [*registry.models.values(), *registry.datasets.values(), *registry.trainers.values()]:
        for name, field in spec.load_config().model_fields.items():
            assert field.description, f"{spec.kind} {spec.name}: {name}"


def test_default_settings_build_every_component_that_needs_no_file() -> None:
    registry = hnetzoo.discover()
    for spec in [*registry.datasets.values(), *registry.trainers.values()]:
        if not any(field.is_required() for field in spec.load_config().model_fields.values()):
            assert configure(spec).build()


def test_every_module_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = [name for name in re.findall(r"`([\w/]+\.py)`", text) if "/" in name]
    assert len(modules) > 20
    for name in modules:
        assert (ROOT / name).exists() or (ROOT / "hnetzoo" / name).exists(), name


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        repeated = sum(re.fullmatch(rf"{re.escape(plain)}(-\d+)?", name) is not None for name in found)
        found.append(f"{plain}-{repeated}" if repeated else plain)
    return set(found)


LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


@pytest.mark.parametrize("page", sorted(DOCUMENTS), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for found in LINK.findall(prose):
        target, _, anchor = "".join(found).partition("#")
        if ":" in target:
            continue  # https:, mailto:
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.relative_to(ROOT)} links to {target}"
        assert not anchor or anchor in anchors(path.read_text()), f"{page.relative_to(ROOT)} links to {target}#{anchor}"


def test_docs_name_no_machine() -> None:
    for path in [*DOCUMENTS, *ROOT.glob("benchmarks/results/*.json")]:
        assert not re.search(r"/(home|root|work|opt|tmp)/", path.read_text()), path
