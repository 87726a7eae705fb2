"""Test problems on which the best models of a benchmark differ, found by asking them again."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

from torch import Tensor

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.decoding import decode
from hnetzoo.benchmark.entrants import enter
from hnetzoo.benchmark.guard import guarded_predict
from hnetzoo.benchmark.jobs import Options, Outcome, failure
from hnetzoo.benchmark.plan import Job
from hnetzoo.benchmark.problems import Problems
from hnetzoo.benchmark.results import BenchmarkRow, Disagreement, Failed, Matrix, Pairs
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import CheckpointError, Terminated
from hnetzoo.registry.specs import BASELINE
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.observer import NullObserver
from hnetzoo.training.runs import read_run

MOST_ASKED = 2000  # test problems of a task
MOST_SHOWN = 12  # problems of a task
LARGEST_SHOWN = 12  # slots a side of a problem that is shown
COMPARED = 2  # models beside the baseline
TRAINED, TUNED = "trained: ", "tuned: "  # in the weights of a row


@dataclass(frozen=True, kw_only=True)
class Found:
    """Problems on which models differ, by task, and sentences on each task and on models that were not asked."""

    problems: tuple[Disagreement, ...] = ()
    notes: tuple[str, ...] = ()


class _Entry(NamedTuple):
    """A model of a task as it was run."""

    job: Job
    row: BenchmarkRow

    @property
    def is_baseline(self) -> bool:
        return BASELINE in self.job.entrant.spec.tags


def find_disagreements(outcomes: Iterable[Outcome], options: Options) -> Found:
    """Return problems of each task on which its two best models differ, with the answers of the baseline beside them.

    Of each task, the first `MOST_ASKED` test problems of the first seed are drawn and answered again, and at most
    `MOST_SHOWN` are returned. A model that cannot be asked again is left out, with a note, and the next one asked.

    Args:
        outcomes: What a benchmark made, in any order.
        options: Those that it was run with.
    """
    by_task: dict[str, list[_Entry]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.job.index):
        if isinstance(outcome.result, BenchmarkRow):
            by_task.setdefault(outcome.job.task.title, []).append(_Entry(outcome.job, outcome.result))
    with preserved_state():
        found = [_of_task(_ranked(entries), options) for entries in by_task.values()]
    return Found(
        problems=tuple(problem for each in found for problem in each.problems),
        notes=tuple(note for each in found for note in each.notes),
    )


def _ranked(entries: Sequence[_Entry]) -> list[_Entry]:
    """Return the models of the first seed: the best of all seeds first, the baseline last."""
    f1: dict[str, list[float]] = {}
    for entry in entries:
        f1.setdefault(entry.row.model, []).append(entry.row.f1)
    first = [entry for entry in entries if entry.job.seed == entries[0].job.seed]
    return sorted(first, key=lambda entry: (entry.is_baseline, -fmean(f1[entry.row.model])))


def _of_task(ranked: Sequence[_Entry], options: Options) -> Found:
    """Return the problems of a task."""
    job = ranked[0].job
    try:
        problems = Problems(job.task, job.seed)
        batch = problems.split("test").select(slice(MOST_ASKED))
    except Exception as error:
        return Found(notes=(f"{job.task.title}: its problems were not drawn again: {_reason(job, error, options)}.",))
    answers, notes = _answers(ranked, problems, batch, options)
    if len(answers) < COMPARED:
        return Found(notes=(*notes, f"{job.task.title}: no two models could be asked again."))
    return _compared(job, problems, batch, answers, notes)


def _answers(
    ranked: Sequence[_Entry], problems: Problems, batch: AssociationBatch, options: Options
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the pairs, bool [b, n, m], that the best models and the baseline make, and why others were not asked."""
    answers: dict[str, Tensor] = {}
    notes = []
    for entry in ranked:
        if len(answers) == COMPARED and not entry.is_baseline:
            continue
        try:
            answers[entry.row.model] = _answer(entry, problems, batch, options)
        except (KeyboardInterrupt, Terminated):
            raise
        except BaseException as error:  # a model must not end the program; the report is worth having without it
            why = _reason(entry.job, error, options)
            notes.append(f"{entry.job.task.title}: {entry.row.model} was not asked again: {why}.")
    return answers, notes


def _answer(entry: _Entry, problems: Problems, batch: AssociationBatch, options: Options) -> Tensor:
    """Return the pairs that a model makes, bool [b, n, m]; raises CheckpointError if its weights are not at hand."""
    job = _as_ranked(entry)
    if job.entrant.trainer is not None and not _is_trained(entry.row, options):
        raise CheckpointError("its trained weights are not at hand; run the benchmark again with --fresh")
    training = replace(options.training, resume=True, fresh=False)
    with ExitStack() as held:
        model = enter(job, problems, training, options.device, NullObserver(), held).model
        digest, features = digest_tensors(batch.tensors), job.entrant.takes_features
        logits = guarded_predict(entry.row.model, model, batch, digest, options.device, features=features)
    return decode(logits, batch.row_mask, batch.col_mask)


def _as_ranked(entry: _Entry) -> Job:
    """Return the job with the choice of settings that its row was made with, so that nothing is tuned again."""
    entrant = entry.job.entrant
    tuned = entry.row.weights.rpartition(TUNED)[2]
    if len(entrant.choices) < 2 or tuned not in entrant.tuned:
        return entry.job
    index = entrant.tuned.index(tuned)
    chosen = replace(entrant, choices=entrant.choices[index : index + 1], tuned=entrant.tuned[index : index + 1])
    return replace(entry.job, entrant=chosen)


def _is_trained(row: BenchmarkRow, options: Options) -> bool:
    """Return whether the weights of a row's training are in its run directory, so that nothing is trained again."""
    if options.training.runs is None:
        return False
    try:
        return bool(read_run(options.training.runs / row.weights.removeprefix(TRAINED)).weights)
    except CheckpointError:
        return False


def _compared(
    job: Job, problems: Problems, batch: AssociationBatch, answers: Mapping[str, Tensor], notes: Sequence[str]
) -> Found:
    """Return the problems on which the first two of the answers differ."""
    first, second, *_ = answers
    differ = (answers[first] != answers[second]).any(2).any(1).nonzero().squeeze(1).tolist()
    shown = [index for index in differ if _is_small(batch, index)][:MOST_SHOWN]
    what = f"{first} and {second} differ on {len(differ):,} of the first {len(batch.distance):,} test problems"
    if len(shown) < len(differ):
        what += f"; {len(shown)} of them are shown, with at most {LARGEST_SHOWN} slots a side"
    return Found(
        problems=tuple(_disagreement(job, problems, batch, index, answers) for index in shown),
        notes=(*notes, f"{job.task.title}: {what}."),
    )


def _is_small(batch: AssociationBatch, index: int) -> bool:
    return max(int(batch.row_mask[index].sum()), int(batch.col_mask[index].sum())) <= LARGEST_SHOWN


def _disagreement(
    job: Job, problems: Problems, batch: AssociationBatch, index: int, answers: Mapping[str, Tensor]
) -> Disagreement:
    """Return a problem as plain data, without masked slots."""
    one = batch.select(slice(index, index + 1)).map(lambda field: field[0])
    rows, columns = one.row_mask, one.col_mask
    row_active, col_active = one.activity
    return Disagreement(
        task=job.task.title,
        seed=job.seed,
        index=index,
        distance=_matrix(one.distance[rows][:, columns]),
        row_active=tuple(row_active[rows].tolist()),
        col_active=tuple(col_active[columns].tolist()),
        truth=_pairs(one.association[rows][:, columns]),
        answers={model: _pairs(pairs[index][rows][:, columns]) for model, pairs in answers.items()},
        unit=problems.dataset.unit,
        features=tuple(getattr(problems.dataset, "features", ())),
        row_features=None if one.row_features is None else _matrix(one.row_features[rows]),
        col_features=None if one.col_features is None else _matrix(one.col_features[columns]),
    )


def _matrix(values: Tensor) -> Matrix:
    return tuple(map(tuple, values.tolist()))


def _pairs(association: Tensor) -> Pairs:
    return tuple((row, column) for row, column in association.nonzero().tolist())


def _reason(job: Job, error: BaseException, options: Options) -> str:
    """Return an error as one line that names no folder of this machine."""
    result = failure(job, error, options).result
    assert isinstance(result, Failed), "of an error"
    return result.reason
