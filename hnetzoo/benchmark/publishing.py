"""Publishing: the weights of a finished run and a card that says all of them, written into a plugin package."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hnetzoo.benchmark.jobs import Options, Outcome
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.run_cards import run_card, training_command
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite
from hnetzoo.errors import CheckpointError, ConfigError, ModelError
from hnetzoo.files import read_file, record_content, write_together
from hnetzoo.registry.cards import DEFAULT_VARIANT, FOLDER, Card, pretrained_at
from hnetzoo.registry.components import Component
from hnetzoo.registry.discovery import discover, forget
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.projects import check_project, is_installed, licence_of, package_folder
from hnetzoo.registry.resolution import resolve_model
from hnetzoo.registry.scope import Scope
from hnetzoo.registry.specs import SYNTHETIC, DatasetSpec, ModelSpec
from hnetzoo.training.runs import BEST, RUN, RUN_PREFIX, RunRecord, last_epoch, read_run
from hnetzoo.training.weights import LARGEST

SEEDS = (0, 1, 2)  # of test splits that are drawn
_VARIANT = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What to publish where.

    Fields:
        run: A finished run directory.
        folder: The project of a plugin package, or the package itself.
        variant: The name of the set of weights.
        name: The model of the package that they are of; "" means that of the run.
        licence: Of the weights, an SPDX expression; "" takes that of the project.
        notes: What users must know, a sentence each.
        config: The file of settings that the training was given, for the command in the card.
        most_slots: The scope ends at so many slots a side; None leaves it as trained.
        datasets: What the model is tested on besides the dataset that it was trained on; () is its default dataset.
        data: The folder that relative paths of datasets start from.
        force: Replace weights of the same name.
    """

    run: Path
    folder: Path
    variant: str = DEFAULT_VARIANT
    name: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    config: Path | None = None
    most_slots: int | None = None
    datasets: tuple[str, ...] = ()
    data: Path = Path()
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Published:
    """What was written.

    Fields:
        card: The card.
        weights: The path of the weights.
        card_path: The path of the card.
        installed: Whether Python imports the package from this folder.
        declared: Whether the plugin declares the weights; True where another copy is imported, which cannot tell.
        line: What the declaration of the model needs otherwise.
    """

    card: Card
    weights: Path
    card_path: Path
    installed: bool
    declared: bool
    line: str


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """A publication whose names, files and settings were checked."""

    record: RunRecord
    spec: ModelSpec
    licence: str
    package: Path
    weights: Path
    card: Path
    command: str
    trained_on: Component[DatasetSpec]


def publish(
    publication: Publication, registry: Registry, on_result: Callable[[Outcome], None] = lambda outcome: None
) -> Published:
    """Write the best weights of a finished run and their card into a plugin package.

    The model is tested on the dataset that it was trained on, with its settings, and on its default dataset: three
    draws of each, or the split of the run where the former cannot be redrawn.
    Weights and card are both there afterwards, or as before.

    Args:
        publication: What to publish where.
        registry: Where names are looked up.
        on_result: Called with the outcome of each test.

    Raises:
        CheckpointError: If the run has not ended, is damaged, or was not trained here.
        ConfigError: If the folder is no package of the model, the variant exists, or no licence is stated.
        ModelError: If the model fails on a test.
        HnetzooError: As of `run_benchmark`.
    """
    prepared = _prepare(publication, registry)
    suite, options = _suite(publication, prepared), Options(data=publication.data)
    report = run_benchmark(suite, registry, options=options, on_result=on_result)
    if report.failed:
        first = report.failed[0]
        raise ModelError(f"{prepared.spec.name} failed on {first.dataset} ({first.reason}); nothing was published")
    content = read_file(publication.run / BEST, LARGEST)
    if hashlib.sha256(content).hexdigest() != prepared.record.weights:
        raise CheckpointError(f"'{publication.run / BEST}' has changed meanwhile; nothing was published: try again")
    card = run_card(
        publication.run,
        prepared.spec,
        report,
        registry,
        variant=publication.variant,
        licence=prepared.licence,
        notes=publication.notes,
        command=prepared.command,
        most_slots=publication.most_slots,
    )
    for path in (prepared.weights, prepared.card):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_together({prepared.weights: content, prepared.card: record_content(card.model_dump(mode="json"))})
    return _published(card, prepared)


def _prepare(publication: Publication, registry: Registry) -> _Prepared:
    """Return a publication with its names looked up, before anything runs."""
    record = _finished(publication.run)
    check_project(publication.folder)
    trained = registry.model(record.model)
    spec = registry.model(publication.name) if publication.name else trained
    if spec.targets != trained.targets:
        raise ConfigError(
            f"'{publication.run}' holds weights of {record.model} ({trained.target}), and model '{spec.name}' is "
            f"{spec.target}; publish them under a model of the same target and config"
        )
    package = package_folder(publication.folder, spec, registry.provider(spec))
    fewest, most = record.scope["slots"][0], publication.most_slots
    if most is not None and most < fewest:
        raise ConfigError(f"--most-slots {most} leaves no scope: the problems of the training have {fewest} and more")
    licence = publication.licence or licence_of(package)
    if not licence:
        raise ConfigError("the project states no licence; state that of the weights, as in --licence Apache-2.0")
    weights, card = _place(publication, package, spec)
    resolve_model(f"{RUN_PREFIX}{publication.run}", registry).load(watch=False)  # they are whole, and fit
    return _Prepared(
        record=record,
        spec=spec,
        licence=licence,
        package=package,
        weights=weights,
        card=card,
        command=training_command(record, registry, publication.config),
        trained_on=registry.configure(DatasetSpec, record.dataset, record.settings["dataset"]),
    )


def _finished(path: Path) -> RunRecord:
    """Return the record of a run whose training has ended."""
    record = read_run(path)
    if not record.trainer:
        raise CheckpointError(
            f"'{path}' was imported and not trained here, so that nothing can be said of its training; publish a run "
            "of 'hnetzoo train', which can start from these weights (--init run:PATH)"
        )
    if not record.weights:
        raise CheckpointError(
            f"the training in '{path}' has not ended; give its command again with --resume, and publish then"
        )
    if Scope.from_json(record.scope, str(path / RUN)) is None:
        raise CheckpointError(f"'{path / RUN}' is of an earlier version and has no scope; train again and publish then")
    last_epoch(path)  # it can be read
    return record


def _place(publication: Publication, package: Path, spec: ModelSpec) -> tuple[Path, Path]:
    """Return where weights and card go: where the model declares them, or weights/MODEL/VARIANT."""
    variant, name = publication.variant, package.resolve().name
    if not _VARIANT.fullmatch(variant):
        raise ConfigError(f"variant '{variant}' is not accepted; use a-z, 0-9, '-', '_' and '.', as in 'default'")
    usual = pretrained_at(name, f"{FOLDER}/{spec.name}/{variant}", variant)
    entry = next((entry for entry in spec.pretrained if entry.variant == variant), usual)
    (of_weights, _, weights), (of_card, _, card) = entry.weights.partition(":"), entry.card.partition(":")
    if entry.retired or {of_weights, of_card} != {name}:
        why = "is retired" if entry.retired else f"lies in {of_weights} and not in {name}"
        raise ConfigError(f"variant '{variant}' of '{spec.name}' {why}; choose another --variant")
    if (package / card).exists() and not publication.force:
        raise ConfigError(
            f"variant '{variant}' of '{spec.name}' exists in '{(package / card).parent}'; choose another --variant, or "
            "replace it with --force"
        )
    for path in (package / weights, package / card):
        _check_writable(path.parent)
    return package / weights, package / card


def _check_writable(folder: Path) -> None:
    """Raise ConfigError if no files can be written into a folder, which may not exist yet, before work is done."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ConfigError(f"cannot write into '{folder}' ('{existing}' is read-only or a file); correct it first")


def _suite(publication: Publication, prepared: _Prepared) -> Suite:
    """Return what the model is tested on."""
    trained_on, given = prepared.trained_on, prepared.record.settings["dataset"]
    name, changed = trained_on.spec.name, trained_on.config.model_dump(exclude_defaults=True)
    own = Entry(name=name, label=f"{name}, as trained", settings=given) if changed else Entry(name=name)
    others = publication.datasets or (prepared.spec.dataset,)
    return Suite(
        models=(ModelEntry(name=f"{RUN_PREFIX}{publication.run}"),),
        datasets=(
            own,
            *(
                Entry(name=other, optional=not publication.datasets)
                for other in dict.fromkeys(others)
                if changed or other != name
            ),
        ),
        seeds=SEEDS if SYNTHETIC in trained_on.spec.tags else (prepared.record.seed,),  # or it may know the problems
    )


def _published(card: Card, prepared: _Prepared) -> Published:
    """Return what was written, and whether the plugin declares it."""
    forget()
    installed = is_installed(prepared.package)
    model = discover().models.get(card.model) if installed else None
    declared = model is None or card.variant in {entry.variant for entry in model.pretrained}
    package = prepared.package.resolve().name
    return Published(
        card=card,
        weights=prepared.weights,
        card_path=prepared.card,
        installed=installed,
        declared=declared,
        line=f'pretrained=hnetzoo.pretrained_in("{package}", "{card.model}")',
    )
