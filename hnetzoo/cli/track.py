"""`hnetzoo track DETECTIONS --model MODEL --out FILE`: give the boxes of a MOTChallenge file identities."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from hnetzoo.cli.options import JsonOption, SetOption
from hnetzoo.cli.output import check_writable, note, print_json, scope_warnings
from hnetzoo.config import read_values, validate
from hnetzoo.errors import ConfigError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import FEATURES
from hnetzoo.registry.stdout import stdout_to_stderr
from hnetzoo.tracking.counts import SCORE_NAMES
from hnetzoo.tracking.settings import BoxDistance, TrackerConfig

if TYPE_CHECKING:
    from hnetzoo.tracking.box_files import Boxes
    from hnetzoo.tracking.tracker import Tracker

DEFAULT = TrackerConfig()


def track(
    detections: Annotated[
        Path,
        typer.Argument(
            metavar="DETECTIONS", help="MOTChallenge file; identities in it are not used.", show_default=False
        ),
    ],
    model: Annotated[str, typer.Option(help="Matcher: a name, name@variant or run:PATH.", show_default=False)],
    out: Annotated[Path, typer.Option(help="MOTChallenge file to write.", show_default=False)],
    truth: Annotated[Path | None, typer.Option(help="Ground truth; the scores of the tracks are printed.")] = None,
    distance: Annotated[
        str, typer.Option(help=f"Distance that the matcher sees: {', '.join(get_args(BoxDistance))}.")
    ] = DEFAULT.distance,
    patience: Annotated[int, typer.Option(help="Frames after which a track that is not seen ends.")] = DEFAULT.patience,
    history: Annotated[int, typer.Option(help="Frames over which a velocity is measured at most.")] = DEFAULT.history,
    min_confidence: Annotated[float | None, typer.Option(help="Leave out detections of lower confidence.")] = None,
    birth_confidence: Annotated[
        float | None, typer.Option(help="Let detections of lower confidence begin no track.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Use every so many frames, from the first.")] = 1,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse problems outside the scope of the weights.")] = False,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Track boxes: only the matcher is chosen, births and deaths follow fixed rules."""
    check_writable(out)
    values = read_values(overrides=settings or ())
    if values["trainer"] or values["dataset"]:
        raise ConfigError("track takes settings of the model alone; use --set model.KEY=VALUE")
    rules = {"distance": distance, "patience": patience, "history": history, "birth_confidence": birth_confidence}
    config = validate(TrackerConfig, rules, "the tracker's options")
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.tracking.box_files import check_identities, read_boxes, write_tracks

    boxes = read_boxes(detections)
    reference = read_boxes(truth) if truth else None
    if reference is not None:
        check_identities(reference)
    kept = (boxes.frame - 1) % every == 0
    if min_confidence is not None:
        kept &= boxes.confidence >= min_confidence
    boxes = boxes.select(kept)
    with stdout_to_stderr(), scope_warnings(strict=strict):
        identity = _tracker(model, registry, values["model"], config, boxes).run(boxes)
    boxes = boxes._replace(identity=identity).select(identity >= 0)
    write_tracks(out, boxes, boxes.identity)
    facts = _facts(boxes, reference, every)
    if json:
        print_json({"model": model, "tracker": config.model_dump(), **facts})
    else:
        typer.echo(f"wrote {facts['boxes']:,} boxes of {facts['tracks']:,} tracks to {out}")
        if reference is not None:
            note(_summary(facts["scores"]))


def _tracker(
    name: str, registry: Registry, settings: dict[str, Any], config: TrackerConfig, boxes: "Boxes"
) -> "Tracker":
    import numpy as np

    from hnetzoo.registry.resolution import resolve_model
    from hnetzoo.tracking.tracker import Tracker

    resolved = resolve_model(name, registry, settings)
    most = max(1, int(np.bincount(boxes.frame).max(initial=1)))
    return Tracker(resolved.load((most, most)), config, features=FEATURES in resolved.spec.tags)


def _facts(boxes: "Boxes", reference: "Boxes | None", every: int) -> dict[str, Any]:
    """Return how many boxes and tracks there are, and with ground truth their scores."""
    facts: dict[str, Any] = {"boxes": len(boxes.frame), "tracks": len(set(boxes.identity.tolist()))}
    if reference is not None:
        from hnetzoo.tracking.track_scores import score_tracks

        facts["scores"] = score_tracks(reference, boxes, every=every).values()
    return facts


def _summary(scores: dict[str, float]) -> str:
    shares = ", ".join(f"{name} {scores[key]:.4f}" for key, name in SCORE_NAMES.items())
    return f"{shares}, IDSW {scores['switches']}"
