"""What one command writes for a foreign model is accepted, and any change of it is refused with the reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.submissions.acceptance import RefusedError, accepted, refusals
from benchmarks.submissions.document import MOST_BYTES
from hnetzoo.association.counts import Outcomes
from hnetzoo.benchmark.outcomes import pack_outcomes, unpack_outcomes
from hnetzoo.errors import DataError
from hnetzoo.files import write_json
from hnetzoo.registry.lookup import Registry

Document = dict[str, Any]


def row(document: Document, model: str = "acme-gate", task: str = "doa", seed: int = 0) -> Document:
    """Return a row of a document."""
    found = [(entry["model"], entry["dataset"], entry["seed"]) for entry in document["rows"]]
    return document["rows"][found.index((model, task, seed))]


def weights(document: Document) -> Document:
    return document["models"]["acme-gate"]["weights"]


def plugin(document: Document) -> Document:
    return document["environment"]["plugins"]["acme-gate:acme"]


def rename(document: Document, name: str, label: str = "") -> None:
    """Give the submitted model another name everywhere."""
    document["models"][label or name] = {**document["models"].pop("acme-gate"), "model": name}
    for entry in (*document["rows"], *document["failed"]):
        if entry["model"] == "acme-gate":
            entry["model"] = label or name


def move_plugin(document: Document, identity: str) -> None:
    plugins = document["environment"]["plugins"]
    plugins[identity] = plugins.pop("acme-gate:acme")
    document["models"]["acme-gate"]["plugin"] = identity
    for entry in document["rows"]:
        if entry["model"] == "acme-gate":
            entry["plugin"] = identity


def keep(document: Document, wanted: Callable[[Document], bool]) -> None:
    document["rows"] = [entry for entry in document["rows"] if wanted(entry)]


def perfect(document: Document, invented: int = 0) -> None:
    """Claim that all pairs of a row are found, and the shares that follow; some problems get a pair too many."""
    mine = row(document)
    counts = torch.tensor(unpack_outcomes(mine["outcomes"]))
    right, none = counts[:, 0] + counts[:, 2], torch.zeros(len(counts), dtype=torch.int64)
    right[:invented] += 1
    mine["outcomes"] = pack_outcomes(Outcomes(right, none, none, none.bool(), none.bool()))
    mine["delta_f1"] += 1.0 - mine["f1"]
    mine |= dict.fromkeys(("f1", "precision", "recall", "exact", "validity"), 1.0)
    for group in (*mine["cells"].values(), *mine["layouts"].values()):
        group["exact"] = 1.0


def drop_seed(document: Document) -> None:
    keep(document, lambda entry: entry["seed"] == 0)
    document["failed"] = [entry for entry in document["failed"] if entry["seed"] == 0]
    for task in document["tasks"].values():
        del task["sha256"]["1"]


def other_seed(document: Document) -> None:
    for entry in (*document["rows"], *document["failed"]):
        entry["seed"] += 5
    for task in document["tasks"].values():
        task["sha256"] = {str(int(seed) + 5): digest for seed, digest in task["sha256"].items()}


def shift_exact(document: Document) -> None:
    mine = row(document)
    mine["exact"] += 0.01
    mine["validity"] = 1.0


EDITS: dict[str, tuple[Callable[[Document], object], str]] = {
    "f1": (lambda d: row(d).update(f1=row(d)["f1"] + 1e-4), r"doa, seed 0: f1 is 0\.\d+, and its outcomes give"),
    "precision": (lambda d: row(d).update(precision=0.99), "precision is 0.990000"),
    "recall": (lambda d: row(d).update(recall=0.99), "recall is 0.990000"),
    "exact": (shift_exact, "exact is .* and its outcomes give"),
    "exact of a cell": (lambda d: row(d)["cells"]["1x1"].update(exact=1.0), "and its cells give"),
    "exact of a layout": (lambda d: row(d)["layouts"]["11x11"].update(exact=1.0), "and its layouts give"),
    "problems of a cell": (
        lambda d: row(d)["cells"]["1x1"].update(problems=30),
        "cells have other numbers of problems",
    ),
    "cells left out": (lambda d: row(d).update(cells={}), "cells have other numbers of problems"),
    "claims beyond the truth": (lambda d: perfect(d, invented=9), "other true pairs than the baseline's on 9 problems"),
    "torn outcomes": (lambda d: row(d).update(outcomes=row(d)["outcomes"][:9]), "cannot be read"),
    "no outcomes": (lambda d: row(d).update(outcomes=""), "outcomes"),
    "problems": (lambda d: row(d).update(problems=39), "39 problems and outcomes of 40"),
    "delta": (lambda d: row(d).update(delta_f1=0.9), "delta_f1 is against a baseline of"),
    "validity": (lambda d: row(d).update(validity=0.0), "validity 0.000000 is below exact"),
    "gap": (lambda d: row(d).update(cost_gap=0.5, proven_gap=0.1), "proven_gap 0.1 is below cost_gap 0.5"),
    "weighted F1": (lambda d: row(d).update(weighted_f1=0.5), "weighted_f1 has a meaning there"),
    "calibration": (lambda d: row(d)["calibration"][0].update(pairs=1), "calibration has .* pairs, and"),
    "true pairs": (lambda d: row(d)["calibration"][-1].update(true=0.0), "calibration has .* true pairs, and"),
    "baseline": (
        lambda d: row(d, "hungarian").update(f1_one_to_one=0.9),
        "hungarian on doa, seed 0: f1_one_to_one of the baseline is 0.9",
    ),
    "digest": (lambda d: d["tasks"]["doa"]["sha256"].update({"0": "f" * 64}), "other test problems than ours for seed"),
    "settings": (lambda d: d["tasks"]["doa"]["settings"].update(samples=300), "other settings than in the suite"),
    "block": (lambda d: d["tasks"]["doa"].update(block=9), "joins 9 neighbours, and ours 1"),
    "redrawn": (
        lambda d: d["tasks"]["doa"].update(redrawn=False),
        "has the same problems for every seed, and ours has",
    ),
    "row deleted": (lambda d: d["rows"].remove(row(d)), "acme-gate on doa, seed 0, has no result"),
    "failure deleted": (lambda d: d["failed"].pop(), "acme-gate on doa-3, seed 1, has no result"),
    "row twice": (lambda d: d["rows"].append(row(d)), "has 2 results"),
    "baseline deleted": (
        lambda d: keep(d, lambda entry: entry["model"] != "hungarian"),
        "hungarian on doa, seed 0, has no result",
    ),
    "baseline renamed": (lambda d: d.update(baseline="acme-gate"), "no model|the baseline is 'acme-gate'|is of"),
    "seed left out": (drop_seed, "has the seeds 0, and in the suite 0, 1"),
    "other seeds": (other_seed, "has the seeds 5, 6, and in the suite 0, 1"),
    "task left out": (
        lambda d: (keep(d, lambda entry: entry["dataset"] == "doa"), d["tasks"].pop("doa-3"), d["failed"].clear()),
        "the task 'doa-3' of the suite is missing",
    ),
    "task of its own": (lambda d: d["tasks"].update(own=d["tasks"]["doa"]), "the task 'own' is not in the suite"),
    "nothing works": (
        lambda d: (
            d["failed"].extend(
                {"model": "acme-gate", "dataset": "doa", "seed": seed, "reason": "died"} for seed in (0, 1)
            ),
            keep(d, lambda entry: entry["model"] == "hungarian"),
        ),
        "acme-gate has no row at all",
    ),
    "our distribution": (lambda d: move_plugin(d, "HNetZoo:acme"), "distribution HNetZoo, which is ours"),
    "no plugin": (lambda d: d["environment"]["plugins"].pop("acme-gate:acme"), "version and origin of the plugin"),
    "dirty plugin": (lambda d: plugin(d).update(origin="checkout at ab-dirty"), "was a changed checkout"),
    "plugin of nowhere": (lambda d: plugin(d).update(origin="folder"), "nobody can get the plugin"),
    "plugin of a row": (lambda d: row(d).update(plugin="b:b"), "its plugin is b:b"),
    "dirty core": (lambda d: d["environment"].update(commit="a" * 40 + "-dirty"), "a changed checkout of hnetzoo"),
    "no versions": (lambda d: d["environment"].update(versions={}), "the version of hnetzoo is missing"),
    "our name": (lambda d: rename(d, "hnetgru"), "the name hnetgru is one of ours"),
    "a name like ours": (lambda d: rename(d, "hnet-gru"), "the name hnet-gru is one of ours, or reads like one"),
    "a label": (lambda d: rename(d, "acme-gate", "best"), "best is a label for acme-gate"),
    "no digest of weights": (lambda d: weights(d).update(sha256=""), "does not name the sha256"),
    "no weights": (lambda d: d["models"]["acme-gate"].update(weights=None), "learns, and has no weights"),
    "weights of a run": (lambda d: weights(d).update(name="run:acme"), "are in no plugin"),
    "other weights in a row": (lambda d: row(d).update(weights="pretrained:b"), "its weights are 'pretrained:b'"),
    "no scope": (lambda d: weights(d).update(scope=None), "does not declare in its scope the tasks and seeds"),
    "no training seeds": (lambda d: weights(d)["scope"].update(seeds=[]), "does not declare in its scope"),
    "trained on the test": (
        lambda d: weights(d)["data"].update(train=d["tasks"]["doa"]["sha256"]["1"]),
        "the train problems of acme-gate are the test problems of doa, seed 1",
    ),
    "trained there": (lambda d: d["models"]["acme-gate"].update(trained=True), "was trained where it ran"),
    "said to learn nothing": (
        lambda d: d["models"]["acme-gate"].update(learned=False),
        "has weights and is said to learn nothing",
    ),
    "small scope": (lambda d: weights(d)["scope"].update(slots=[1, 1]), "up to 2 slots are outside its scope"),
    "parameters": (lambda d: row(d).update(parameters=2), "has 2 parameters in one row and 1 in another"),
    "suite": (lambda d: d.update(suite="other"), "no suite 'other' is stored"),
}
UNREADABLE: dict[str, tuple[Callable[[Document], object], str]] = {
    "schema": (lambda d: d.update(schema=2), "schema = 2"),
    "unknown key": (lambda d: row(d).update(rank=1), r"rank = 1: Extra inputs"),
    "missing key": (lambda d: row(d).pop("f1"), r"f1: Field required"),
    "text for a number": (lambda d: row(d).update(f1="0.9"), r"f1 = '0.9'"),
    "above 1": (lambda d: row(d).update(f1=1.5), r"f1 = 1.5: Input should be less than or equal to 1"),
    "negative time": (lambda d: row(d).update(microseconds_per_problem=-1.0), "should be greater than 0"),
    "time of nothing": (lambda d: row(d).update(microseconds_per_problem=0), "should be greater than 0"),
    "nan": (lambda d: row(d).update(f1=float("nan")), "NaN is no number"),
    "infinity": (lambda d: row(d).update(cost_gap=float("inf")), "Infinity is no number"),
    "path as suite": (lambda d: d.update(suite="../results/tiny"), "suite = "),
    "markup in a name": (lambda d: rename(d, "acme-gate", "<b>x</b>"), "<b>x</b>"),
    "bar in a name": (lambda d: rename(d, "acme-gate", "a|b"), r"a\|b"),
    "mark in a name": (lambda d: rename(d, "acme-gate", "acme‡"), "acme‡"),
    "markup in a version": (lambda d: plugin(d).update(version="1](x)"), "version = "),
    "line break": (lambda d: d["environment"].update(processor="a\nb"), "cannot be printed"),
    "reversed text": (lambda d: d["failed"][0].update(reason="a\u202eb"), "cannot be printed"),
    "long text": (lambda d: d["environment"].update(processor="a" * 501), "at most 500 characters"),
    "reason of a skip": (
        lambda d: d["skipped"].append({"model": "acme-gate", "dataset": "doa", "reason": "<i>no</i>"}),
        "reason = ",
    ),
    "every model failed": (
        lambda d: d["failed"].append({"model": "*", "dataset": "doa", "seed": 0, "reason": ""}),
        r"model = '\*'",
    ),
    "row of an unknown model": (lambda d: row(d).update(model="acme-other"), "'acme-other' has results and is not"),
}


@pytest.fixture
def refused(root: Path, registry: Registry, tmp_path: Path) -> Callable[..., None]:
    """Return a function that asserts with which words a document, or what stands in a file, is refused."""

    def call(kind: type[Exception], content: Document | bytes, words: str) -> None:
        path = tmp_path / "acme.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            write_json(path, content)
        with pytest.raises(kind, match=words) as raised:
            accepted(path, registry, root)
        assert len(str(raised.value).splitlines()) == 1
        assert len(str(raised.value)) < 600

    return call


def test_what_the_command_writes_is_accepted(root: Path, registry: Registry) -> None:
    found = accepted(root / "acme.json", registry, root)
    assert list(found.submitted) == ["acme-gate"]
    assert [(entry.model, entry.dataset, entry.seed) for entry in found.rows if entry.dataset == "doa-3"] == [
        ("hungarian", "doa-3", 0),
        ("hungarian", "doa-3", 1),
    ]
    assert [(entry.model, entry.dataset, entry.seed) for entry in found.failed] == [
        ("acme-gate", "doa-3", 0),
        ("acme-gate", "doa-3", 1),
    ]
    assert found.submitted["acme-gate"].weights is not None
    assert found.submitted["acme-gate"].weights.data == {"train": "a" * 64, "validation": "b" * 64}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_document_is_refused_with_the_reason(
    edit: str, document: Document, refused: Callable[..., None]
) -> None:
    change, words = EDITS[edit]
    change(document)
    refused(RefusedError, document, words)


@pytest.mark.parametrize("edit", UNREADABLE)
def test_what_is_no_such_document_is_refused_with_the_place(
    edit: str, document: Document, refused: Callable[..., None]
) -> None:
    change, words = UNREADABLE[edit]
    change(document)
    refused(DataError, document, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"[]", "Input should be an object"),
        (b"\xff\xfe{", "not a document to submit"),
        (b'{"schema": 1, "schema": 1}', "'schema' is given twice in one object"),
        (b'{"schema": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"schema": 1' + b"0" * 5000 + b"}", "not a document to submit"),
        (b'{"a\\u001b": 1e999}', "not a document to submit"),
        (b" " * (MOST_BYTES + 1), "at most 8,388,608 are accepted"),
    ],
    ids=["empty", "list", "binary", "key twice", "deep", "long number", "control characters", "huge"],
)
def test_hostile_files_are_refused_in_one_line(content: bytes, words: str, refused: Callable[..., None]) -> None:
    refused(DataError, content, words)


def test_what_validation_cannot_prove_is_that_consistent_numbers_are_true(
    root: Path, document: Document, registry: Registry, tmp_path: Path
) -> None:
    perfect(document)
    write_json(tmp_path / "acme.json", document)
    assert accepted(tmp_path / "acme.json", registry, root).rows[1].f1 == 1.0


def test_a_name_is_submitted_once_and_its_file_can_be_replaced(
    root: Path, document: Document, registry: Registry, tmp_path: Path
) -> None:
    write_json(root / "results" / "submitted" / "acme.json", document)
    accepted(root / "acme.json", registry, root)
    write_json(tmp_path / "second.json", document)
    with pytest.raises(RefusedError, match=r"acme-gate was submitted before, in acme\.json"):
        accepted(tmp_path / "second.json", registry, root)


def test_a_refused_file_among_the_submissions_is_named(root: Path, document: Document) -> None:
    folder = root / "results" / "submitted"
    write_json(folder / "acme.json", document)
    assert list(refusals(root)) == []
    row(document)["f1"] = 0.99
    write_json(folder / "acme.json", document)
    (folder / "torn.json").write_text(json.dumps(document)[:99])
    assert [reason.partition(" is ")[0] for reason in refusals(root)] == ["'torn.json'", "'torn.json'"]
    (folder / "torn.json").unlink()
    assert [reason.partition(":")[0] for reason in refusals(root)] == ["'acme.json' is refused"]


def test_all_submissions_of_the_leaderboard_are_accepted() -> None:
    assert list(refusals()) == []
