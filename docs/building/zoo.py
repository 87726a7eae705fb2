"""The pages of the zoo: one for every shipped model, dataset and trainer, from the registry."""

import json
from collections.abc import Mapping
from typing import Any

from docs.building.markdown import cited, table, toctree
from hnetzoo.registry.cards import resource
from hnetzoo.registry.descriptions import describe
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import NON_LEARNED, ModelSpec, Spec

KINDS = ("model", "dataset", "trainer")
OURS = "hnetzoo"
"""The distribution whose plugins have pages; others may be installed where the site is built."""


def pages() -> dict[str, str]:
    """Return the pages of the folder zoo by name, as "model-hnetgru"."""
    registry = discover()
    return {f"{spec.kind}-{spec.name}": page(spec, registry) for kind in KINDS for spec in shipped(registry, kind)}


def shipped(registry: Registry, kind: str) -> list[Spec]:
    """Return the declarations of a kind that come with hnetzoo itself."""
    specs: Mapping[str, Spec] = getattr(registry, f"{kind}s")
    return [spec for spec in specs.values() if registry.provider(spec).distribution == OURS]


def overview() -> str:
    """Return the tables of all pages, one for each kind, and their table of contents."""
    shown = {kind: shipped(discover(), kind) for kind in KINDS}
    parts = []
    for kind, specs in shown.items():
        rows = [(f"[{spec.name}](zoo/{kind}-{spec.name}.md)", _tags(spec.tags), spec.summary) for spec in specs]
        parts += [f"## {kind.capitalize()}s", table((kind, "tags", "what it is"), rows)]
    names = [f"{titled(spec)} <zoo/{kind}-{spec.name}>" for kind, specs in shown.items() for spec in specs]
    return "\n\n".join([*parts, toctree(names)])


def titled(spec: Spec) -> str:
    """Return the name of a declaration, with its kind if that is not a model: names of kinds may be the same."""
    return spec.name if spec.kind == ModelSpec.kind else f"{spec.name} ({spec.kind})"


def page(spec: Spec, registry: Registry) -> str:
    """Return the page of a declaration: what it is, how it is asked for, its settings, and its weights."""
    known = describe(spec, registry)
    parts = [f"# {spec.name}", spec.summary, _facts(known), _example(known, registry), *_settings(known)]
    if isinstance(spec, ModelSpec):
        parts += _weights(spec, known)
    return "\n\n".join([*parts, ""])


def _facts(known: Mapping[str, Any]) -> str:
    """Return the table of what a declaration states."""
    rows = [("kind", known["kind"]), ("code", f"`{known['target']}`")]
    if known["tags"]:
        rows.append(("tags", _tags(known["tags"])))
    if known.get("trainer"):
        rows.append(("trained by default with", f"`{known['trainer']}` on `{known['dataset']}`"))
    if known.get("extent"):
        extent = known["extent"]
        sizes = ", ".join(f"{extent[split]:,} {split}" for split in ("train", "validation", "test"))
        rows += [("unit", extent["unit"]), ("problems", f"{' x '.join(map(str, extent['shape']))}: {sizes}")]
    if known["citation"]:
        rows.append(("paper", cited(known["citation"])))
    return table(("what", "value"), rows)


def _tags(tags: Any) -> str:
    return ", ".join(f"`{tag}`" for tag in sorted(tags))


def _example(known: Mapping[str, Any], registry: Registry) -> str:
    """Return the lines that use it, in Python where defaults are enough, else on the command line."""
    name, kind = known["name"], known["kind"]
    if kind == "trainer":
        trained = next((spec.name for spec in registry.models.values() if spec.trainer == name), "hnetgru")
        return f"```console\nhnetzoo train {trained} --trainer {name}\n```"
    needed = [entry["key"] for entry in known["settings"] if entry["required"]]
    if kind == "dataset" and needed:
        given = " ".join(f"--set {key}=..." for key in needed)
        return f"```console\nhnetzoo train exchangeable --dataset {name} {given}\n```"
    if kind == "model" and not known["pretrained"] and NON_LEARNED not in known["tags"]:
        return f"```console\nhnetzoo train {name}\n```"
    line = {
        "model": f'model = hnetzoo.load_model("{name}")',
        "dataset": f'problems = hnetzoo.load_dataset("{name}").load("test", seed=0)',
    }
    return f"```python\nimport hnetzoo\n\n{line[kind]}\n```"


def _settings(known: Mapping[str, Any]) -> list[str]:
    if not known["settings"]:
        return ["It has no settings."]
    rows = [(f"`{entry['key']}`", f"`{entry['type']}`", _default(entry), entry["help"]) for entry in known["settings"]]
    return ["## Settings", table(("setting", "type", "default", "what it is"), rows)]


def _default(entry: Mapping[str, Any]) -> str:
    return "required" if entry["required"] else f"`{entry['default']!r}`"


def _weights(spec: ModelSpec, known: Mapping[str, Any]) -> list[str]:
    """Return the sets of weights: what they are for, and the command that made them."""
    if not spec.pretrained:
        return []
    parts = ["## Weights"]
    for entry, shown in zip(spec.pretrained, known["pretrained"], strict=True):
        parts.append(f"### {spec.name if entry.variant == 'default' else f'{spec.name}@{entry.variant}'}")
        if entry.retired:
            parts.append(f"Retired; {entry.retired}.")
            continue
        card = json.loads(resource(entry.card).read_text())
        parts += [f"For {shown['scope']}. Trained with", f"```console\n{card['command']}\n```"]
    return parts
