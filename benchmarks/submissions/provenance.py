"""Rules on who made the models of a submission, with what, and what they were trained on."""

import re
from collections.abc import Iterator

from benchmarks.submissions.document import Document, Model, Row, Weights
from benchmarks.submissions.stored import Stored, spoken
from hnetzoo.registry.provenance import CORE

NEEDED = ("hnetzoo", "torch", "numpy", "scipy")


def provenance(document: Document, stored: Stored) -> Iterator[str]:
    """Yield what is wrong with the models of a submission; nothing if all of it can be accepted."""
    if not document.submitted:
        yield "it has no model beside the baseline; name yours with --model"
    if missing := [name for name in NEEDED if name not in document.environment.versions]:
        yield f"the version of {missing[0]} is missing"
    if (document.environment.commit or "").endswith("-dirty"):
        yield "it was made with a changed checkout of hnetzoo; commit, or use a release"
    for title, model in document.submitted.items():
        yield from _plugin(document, title)
        yield from _name(title, model, stored)
        yield from _weights(title, model, stored)
    for row in document.rows:
        yield from _row(row, document.models[row.model])


def _plugin(document: Document, title: str) -> Iterator[str]:
    distribution, installed = document.installed(title)
    if re.sub(r"[-_.]+", "-", distribution).lower() == CORE:
        yield f"{title} is of the distribution {distribution}, which is ours; a submission is of a plugin of your own"
    if installed is None:
        yield f"version and origin of the plugin of {title}, {document.models[title].plugin}, are missing"
    elif installed.origin.endswith("-dirty"):
        yield f"the plugin of {title} was a changed checkout; commit, and run it again"
    elif installed.origin in ("unknown", "folder", ""):
        yield f"nobody can get the plugin of {title} from its origin, '{installed.origin}'; publish or commit it"


def _name(title: str, model: Model, stored: Stored) -> Iterator[str]:
    if title.partition("@")[0] != model.model:
        yield f"{title} is a label for {model.model}; submit it under its name"
    if spoken(title) in stored.names:
        yield f"the name {title} is one of ours, or reads like one; choose another"
    if title in stored.taken:
        yield f"{title} was submitted before, in {stored.taken[title]}; replace that file, or choose another name"


def _weights(title: str, model: Model, stored: Stored) -> Iterator[str]:
    if model.trained or model.tuned:
        what = "trained" if model.trained else "tuned"
        yield f"{title} was {what} where it ran, and its weights are in no plugin; ship them (hnetzoo show {title})"
    elif not model.learned:
        if model.weights:
            yield f"{title} has weights and is said to learn nothing"
    elif model.weights is None:
        yield f"{title} learns, and has no weights; ship them in the plugin"
    else:
        yield from _trained_on(title, model.weights, stored)


def _trained_on(title: str, weights: Weights, stored: Stored) -> Iterator[str]:
    if not weights.name.startswith("pretrained:"):
        yield f"the weights of {title} are in no plugin ('{weights.name}'); ship them"
    if not weights.sha256:
        yield f"the card of {title} does not name the sha256 of its weights"
    if weights.scope is None or not weights.scope.tasks or not weights.scope.seeds:
        yield f"the card of {title} does not declare in its scope the tasks and seeds that it was trained on"
    for split, digest in weights.data.items():
        if digest in stored.digests:
            yield f"the {split} problems of {title} are the test problems of {stored.digests[digest]}"


def _row(row: Row, model: Model) -> Iterator[str]:
    where = f"{row.model} on {row.dataset}, seed {row.seed}"
    if row.plugin != model.plugin:
        yield f"{where}: its plugin is {row.plugin}, and that of the model {model.plugin}"
    named = model.weights.name if model.weights else "none"
    if row.weights != named:
        yield f"{where}: its weights are '{row.weights}', and those of the model '{named}'"
    if row.parameters and not model.learned:
        yield f"{where}: {row.parameters:,} parameters, and it is said to learn nothing"
    if model.weights and model.weights.scope and "slots" not in row.outside:
        largest = max((max(map(int, counts.split("x"))) for counts in row.cells), default=0)
        if largest > model.weights.scope.slots[1]:
            yield f"{where}: up to {largest} slots are outside its scope, and it does not say so"
