"""Commands that answer a question write their answer as a page."""

import re
from pathlib import Path

from tests.cli.outcome import Run


def test_compare_and_advise_write_pages(run: Run, tmp_path: Path) -> None:
    small = ["--dataset", "doa", "--set", "dataset.samples=300", "--outcomes"]
    for name, model in (("a", "hungarian"), ("b", "hungarian-gated")):
        assert run("benchmark", "--model", model, *small, "--json", f"{name}.json").code == 0
    assert run("compare", "a.json", "b.json", "--html", "c.html").code == 0
    page = (tmp_path / "c.html").read_text()
    assert "side by side</h1>" in page
    assert "http" not in re.sub(r"http://www.w3.org/\d+/svg", "", page).replace("http-equiv", "")
    assert (
        run("generate", "lsap", "--set", "dataset.samples=300", "--set", "dataset.max_size=3", "--out", "p.npz").code
        == 0
    )
    assert run("advise", "p.npz", "--html", "d.html").code == 0
    page = (tmp_path / "d.html").read_text()
    assert "there is nothing to learn" in page
    assert "Next: <code>hnetzoo associate hungarian p.npz</code>" in page
