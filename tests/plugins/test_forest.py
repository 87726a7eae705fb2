"""The forest: its tensors answer as scikit-learn does, it holds for any unit and size, and it beats a tuned gate."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

import hnetzoo
from hnetzoo.benchmark.scoring import f1_score
from hnetzoo.registry.components import configure
from hnetzoo_forest.config import ForestConfig
from hnetzoo_forest.features import FEATURES, pair_features
from hnetzoo_forest.model import LEAST_PROBABILITY, Forest
from hnetzoo_forest.trees import Trees
from tests.training.train import REGISTRY, train

TRACKS = configure(REGISTRY.dataset("doa-tracks"), {"samples": 1500})


def tracks(split: hnetzoo.Split = "train", seed: int = 0) -> hnetzoo.AssociationBatch:
    batch: hnetzoo.AssociationBatch = TRACKS.build().load(split, seed)
    return batch


def fitted(training: hnetzoo.AssociationBatch, seed: int = 0, **settings: int) -> Forest:
    torch.manual_seed(seed)
    model = Forest(ForestConfig(**settings), (2, 2))
    model.fit(training)
    return model


def gated_f1(problems: hnetzoo.AssociationBatch, gate: float) -> float:
    found = hnetzoo.assign(problems.distance, problems.row_mask, problems.col_mask, gate=gate)
    return f1_score(found.float() - 0.5, problems)


@pytest.mark.parametrize("labels", ["both", "none", "all"])
@pytest.mark.parametrize("settings", [{}, {"max_leaf_nodes": 5}, {"max_depth": 1}, {"min_samples_leaf": 400}], ids=str)
def test_trees_answer_as_predict_proba_does(settings: dict[str, int], labels: str) -> None:
    """Thresholds lie between neighbouring float32 numbers here, where rounding them would send some to other leaves."""
    generator = np.random.default_rng(0)
    steps = np.float32(1) + generator.integers(0, 40, (600, 3)).astype(np.float32) * np.float32(2**-23)
    wide = generator.normal(size=(600, 3)).astype(np.float32) * np.float32(1e3)
    features = np.concatenate([steps, wide], 1)
    noisy = (features[:, 0] > np.median(steps)) ^ (features[:, 4] > 0) ^ (generator.random(600) < 0.1)
    truth = {"both": noisy, "none": np.zeros(600, bool), "all": np.ones(600, bool)}[labels]
    forest = RandomForestClassifier(7, random_state=0, **settings).fit(features, truth)
    deepest = max(tree.get_depth() for tree in forest.estimators_)
    places = max(tree.tree_.node_count for tree in forest.estimators_)
    found = Trees.of(forest, places + 4).probability(torch.from_numpy(features), depth=deepest + 2)
    classes = list(forest.classes_)
    expected = forest.predict_proba(features)[:, classes.index(True)] if True in classes else np.zeros(600)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_logits_are_the_log_odds_of_predict_proba(monkeypatch: pytest.MonkeyPatch) -> None:
    grown: list[RandomForestClassifier] = []
    fit = RandomForestClassifier.fit
    monkeypatch.setattr(RandomForestClassifier, "fit", lambda self, *data: grown.append(fit(self, *data)))
    training, test = tracks(), tracks("test")
    model = fitted(training, trees=9)
    clean, allowed = model.clean(*test.problems)
    features = pair_features(clean, allowed, training.distance[training.cells].mean())[allowed]
    expected = grown[0].predict_proba(features.numpy())[:, 1]
    assert features.shape[1] == len(FEATURES)
    assert expected.std() > 0.2, "the forest tells pairs apart"
    found = model(*test.problems)[allowed].sigmoid()
    np.testing.assert_allclose(found.numpy(), expected.clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY), atol=2e-6)


def test_it_beats_the_exact_solver_with_a_tuned_gate_on_other_scenes(tmp_path: Path) -> None:
    """The gate is tuned on the problems that the forest learns from; both are scored on 4,500 of other seeds."""
    training = tracks()
    gate = max(np.linspace(0.3, 2.0, 18).tolist(), key=lambda gate: gated_f1(training, gate))
    train(tmp_path / "run", model=configure(REGISTRY.model("forest")), dataset=TRACKS)
    model = hnetzoo.load_model(f"run:{tmp_path / 'run'}")
    unseen = hnetzoo.AssociationBatch.concatenate([tracks("train", seed) for seed in (7, 8, 9)])
    assert f1_score(model(*unseen.problems), unseen) > gated_f1(unseen, gate) + 0.005


def test_the_unit_of_the_distances_does_not_matter() -> None:
    training, test = tracks().select(slice(0, 300)), tracks("test")
    chords, parsecs = fitted(training), fitted(training._replace(distance=training.distance * 1024))
    assert torch.equal(chords(*test.problems), parsecs(test.distance * 1024, test.row_mask, test.col_mask))


def test_it_answers_problems_of_other_sizes_than_it_has_seen() -> None:
    model = fitted(tracks().select(slice(0, 300)))
    far = torch.full((1, 6, 9), 1.9)
    far[0, torch.arange(6), torch.arange(6)] = 0.05
    found = hnetzoo.decode(model(far), method="one-to-one")
    assert found.sum() > 0
    assert not (found & (far > 1)).any()


def test_a_larger_split_is_drawn_from_and_an_impossible_one_refused() -> None:
    training = tracks()
    some = fitted(training, most_problems=200)
    assert not torch.equal(some.scale, fitted(training).scale)
    assert torch.equal(some.value, fitted(training, most_problems=200).value)
    absent = training._replace(row_mask=torch.zeros_like(training.row_mask))
    with pytest.raises(hnetzoo.DataError, match="no pair of the training problems is possible"):
        fitted(absent)


def test_features_of_a_pair_ignore_impossible_pairs() -> None:
    distance = torch.tensor([[[1.0, 2.0, 8.0], [4.0, 1.0, 0.0]]])
    allowed = torch.tensor([[[True, True, False], [True, True, False]]])
    small = pair_features(distance[..., :2], allowed[..., :2], torch.tensor(2.0))
    assert torch.equal(pair_features(distance, allowed, torch.tensor(2.0))[..., :2, :], small)
    names = dict(zip(FEATURES, small[0, 0, 1].tolist(), strict=True))
    assert names == {
        "distance": 1.0,
        "distance, in typical distances of the problem": 1.0,
        "how much nearer than the best other pair of the row": -0.5,
        "pairs of the row that are nearer": 1.0,
        "possible pairs of the row": 2.0,
        "how much nearer than the best other pair of the column": -0.5,
        "pairs of the column that are nearer": 1.0,
        "possible pairs of the column": 2.0,
        "whether the pair is in the exact assignment": 0.0,
        "mean distance of the other pairs of the exact assignment": 0.5,
        "how much farther than these": 0.5,
        "largest distance in the exact assignment": 0.5,
    }


def test_an_unfitted_forest_knows_nothing() -> None:
    assert not hnetzoo.load_model("forest", weights=None)(torch.rand(2, 3, 4)).any()
