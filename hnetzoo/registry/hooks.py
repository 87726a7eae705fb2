"""The plugin interface: three hooks, each returning specs.

A plugin is a module listed under the entry-point group `hnetzoo` that implements any of them:

    import hnetzoo

    @hnetzoo.hookimpl
    def hnetzoo_models():
        return [hnetzoo.ModelSpec(name="acme-net", summary="...", target="acme_net.model:AcmeNet",
                                  config="acme_net.config:AcmeNetConfig")]
"""

from collections.abc import Iterable

import pluggy

from hnetzoo.registry.specs import DatasetSpec, ModelSpec, TrainerSpec

PROJECT = "hnetzoo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks the functions `hnetzoo_models`, `hnetzoo_datasets` and `hnetzoo_trainers` of a plugin. Each takes no argument
and returns an iterable of specs."""


@hookspec
def hnetzoo_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Return the declarations of association models and solvers."""


@hookspec
def hnetzoo_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Return the declarations of datasets."""


@hookspec
def hnetzoo_trainers() -> Iterable[TrainerSpec]:  # type: ignore[empty-body]
    """Return the declarations of trainers."""
