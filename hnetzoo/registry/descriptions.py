"""What is known of a declaration, as plain data: for `hnetzoo show` and the pages of the zoo."""

from dataclasses import asdict
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hnetzoo.registry.cards import scope_of
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import DatasetSpec, ModelSpec, Spec


def describe(spec: Spec, registry: Registry) -> dict[str, Any]:
    """Return what `hnetzoo show NAME --json` prints: names, citation, tags, weights and settings.

    Example:
        >>> from hnetzoo.registry.discovery import discover
        >>> describe(discover().model("greedy"), discover())["kind"]
        'model'
    """
    plugin = registry.provider(spec)
    document: dict[str, Any] = {
        "name": spec.name,
        "kind": spec.kind,
        "summary": spec.summary,
        "target": spec.target,
        "plugin": plugin.id,
        "distribution": f"{plugin.distribution} {plugin.version}",
        "tags": sorted(spec.tags),
        "citation": asdict(spec.citation) if spec.citation else None,
        "settings": _settings(spec),
    }
    if isinstance(spec, DatasetSpec):
        document["extent"] = _extent(spec)
    if isinstance(spec, ModelSpec):
        document |= {"trainer": spec.trainer, "dataset": spec.dataset}
        document["pretrained"] = [{**asdict(entry), "scope": scope_of(entry)} for entry in spec.pretrained]
    return document


def _extent(spec: DatasetSpec) -> dict[str, Any] | None:
    """Return what a dataset holds with its default settings; None where these do not tell."""
    config_class = spec.load_config()
    if any(field.is_required() for field in config_class.model_fields.values()):
        return None
    extent = getattr(config_class(), "extent", None)
    return extent._asdict() if extent else None


def _settings(spec: Spec) -> list[dict[str, Any]]:
    """Return the fields of the settings class, one dict per field."""
    fields = spec.load_config().model_fields.items()
    return [
        {
            "key": f"{spec.kind}.{name}",
            "type": _type_name(field.annotation),
            "default": None if field.is_required() else field.get_default(call_default_factory=True),
            "required": field.is_required(),
            "help": " ".join((field.description or "").split()),
        }
        for name, field in fields
    ]


def _type_name(annotation: Any) -> str:
    """Return a type as written in Python, without the constraints that pydantic attaches to it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin is Literal:
        return " | ".join(map(repr, arguments))
    if origin in (Union, UnionType):
        return " | ".join(map(_type_name, arguments))
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(_type_name, arguments))}]"
    return {NoneType: "None", Ellipsis: "..."}.get(annotation) or str(getattr(annotation, "__name__", annotation))
