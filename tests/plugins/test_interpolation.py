"""Fine-tuning keeps weights between the first and the learned ones, by share, and resumes to the same bits."""

from pathlib import Path
from typing import Any

import pytest
import torch

import hnetzoo
from hnetzoo.registry.components import configure
from hnetzoo_exchangeable.config import ExchangeableTrainerConfig
from hnetzoo_exchangeable.trainer import ExchangeableTrainer
from tests.training.train import REGISTRY, Recorder, final_state, metrics, train, weights


def settings(share: float) -> dict[str, Any]:
    return {
        "model": configure(REGISTRY.model("exchangeable"), {"channels": 8, "layers": 1}),
        "trainer": configure(REGISTRY.trainer("exchangeable"), {"epochs": 3, "batch_size": 50, "learned_share": share}),
        "dataset": configure(REGISTRY.dataset("doa"), {"samples": 200}),
    }


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_kept_weights_are_the_share_of_the_way_from_the_first_to_the_learned_ones(share: float) -> None:
    model = hnetzoo.load_model("exchangeable", channels=8, layers=1, weights=None)
    trainer = ExchangeableTrainer(ExchangeableTrainerConfig(learned_share=share))
    optimization = trainer.configure(model, 5)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    batch = hnetzoo.load_dataset("doa", samples=50).load("train", seed=0)
    for _ in range(5):
        trainer.losses(model, batch)["cell"].backward()
        optimization.step()
    learned = {name: value.clone() for name, value in model.state_dict().items()}
    kept = trainer.averaged(model).state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, learned[name])
        expected = first[name].double() * (1 - share) + learned[name].double() * share
        torch.testing.assert_close(kept[name].double(), expected, atol=1e-6, rtol=1e-5)
    assert any(not torch.equal(first[name], kept[name]) for name in kept)


def test_an_interrupted_training_goes_on_from_the_same_first_weights(tmp_path: Path) -> None:
    train(tmp_path / "whole", **settings(0.5))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after=1), **settings(0.5))
    train(tmp_path / "cut", resume=True, **settings(0.5))
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(hnetzoo.ConfigError, match="learned_share"):
        configure(REGISTRY.trainer("exchangeable"), {"learned_share": share})
