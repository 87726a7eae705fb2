"""Features of the localizer: values, symmetries and cached examples."""

from pathlib import Path

import pytest
import torch

from benchmarks.localizer.augmentation import apply
from benchmarks.localizer.features import BANDS, HOP, WINDOW, Examples, draw_examples, extract, load_examples, mel_bands
from benchmarks.localizer.scenes import LABEL_HOP, diffuse_noise, draw_sources, encode, label, played, sample_times
from benchmarks.localizer.settings import SceneSettings
from benchmarks.localizer.signals import draw_signals

SETTINGS = SceneSettings(train=3, validation=2, test=2, frames=20)


def test_intensity_of_a_single_source_is_its_unit_vector_in_every_band(generator: torch.Generator) -> None:
    sources = draw_sources(SETTINGS, (8, 1), generator)
    signals = draw_signals(tuple(sources.birth.shape), sample_times(20), generator)
    intensity = extract(encode(sources, 100 * played(sources, signals, 20)))[:, 4:].permute(
        0, 2, 3, 1
    )  # [b, t, bands, 3]
    labels = label(sources, 20)
    inside = labels.active[..., 0].clone()  # windows reach into the neighbouring frames
    inside[:, 1:] &= labels.active[:, :-1, 0]
    inside[:, :-1] &= labels.active[:, 1:, 0]
    cosine = (intensity[inside] * labels.directions[inside]).sum(-1)
    assert cosine.numel() > 1000
    assert cosine.mean() > 0.995
    assert (intensity.norm(dim=-1) <= 1 + 1e-5).all()


def test_intensity_of_diffuse_noise_is_small_and_has_no_direction(generator: torch.Generator) -> None:
    intensity = extract(diffuse_noise(50, 20 * LABEL_HOP, generator))[:, 4:]
    assert intensity.mean((0, 2, 3)).abs().max() < 0.02
    assert intensity[..., -1].norm(dim=1).mean() < 0.15  # the widest band averages most


def test_doubling_the_sound_adds_log_4_to_the_spectra_and_leaves_the_intensity(generator: torch.Generator) -> None:
    audio = diffuse_noise(2, 20 * LABEL_HOP, generator)
    once, twice = extract(audio), extract(2 * audio)
    assert torch.allclose(twice[:, :4] - once[:, :4], torch.tensor(4.0).log().expand(2, 4, 20, BANDS), atol=1e-4)
    assert torch.allclose(twice[:, 4:], once[:, 4:], atol=1e-4)


def test_silence_is_finite_and_has_no_direction() -> None:
    features = extract(torch.zeros(1, 4, 5 * LABEL_HOP))
    assert features.isfinite().all()
    assert features[:, 4:].abs().max() == 0


def test_a_click_is_in_its_frame(generator: torch.Generator) -> None:
    audio = torch.zeros(1, 4, 10 * LABEL_HOP)
    audio[0, 0, 6 * LABEL_HOP + LABEL_HOP // 2] = 1.0
    assert extract(audio)[0, 0].sum(-1).argmax() == 6


def test_weights_of_a_bin_between_band_centres_sum_to_one() -> None:
    bands = mel_bands()
    assert bands.shape == (WINDOW // 2 + 1, BANDS)
    first, last = bands[:, 0].argmax() + 1, bands[:, -1].argmax()
    assert torch.allclose(bands[first:last].sum(1), torch.ones(()), atol=1e-4)
    assert (bands.sum(0) > 0).all()
    assert LABEL_HOP % HOP == 0


@pytest.mark.parametrize("axes", [[0, 1, 2], [2, 0, 1], [1, 0, 2]])
def test_turned_features_are_those_of_the_turned_scene(generator: torch.Generator, axes: list[int]) -> None:
    signs = torch.tensor([1.0, -1.0, -1.0])
    sources = draw_sources(SETTINGS, (2, 2), generator)
    signals = draw_signals(tuple(sources.birth.shape), sample_times(20), generator)
    audio = encode(sources, played(sources, signals, 20)) + diffuse_noise(2, 20 * LABEL_HOP, generator)
    seen = Examples(extract(audio), *label(sources, 20))
    turned = apply(seen, torch.tensor([axes, axes]), signs.expand(2, 3))
    other = sources._replace(start=sources.start[..., axes] * signs, heading=sources.heading[..., axes] * signs)
    sound = torch.cat((audio[:, :1], audio[:, 1:][:, axes] * signs.unsqueeze(-1)), 1)
    assert torch.allclose(turned.features, extract(sound), atol=1e-4)
    assert torch.allclose(turned.directions, label(other, 20).directions, atol=1e-6)


def test_examples_are_drawn_once_for_each_set_of_inputs(tmp_path: Path) -> None:
    first = load_examples(SETTINGS, 2, "test", 0, tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    again = load_examples(SETTINGS, 2, "test", 0, tmp_path)
    assert path.stat().st_mtime_ns == written
    for kept, fresh, drawn in zip(first, again, draw_examples(SETTINGS, 2, "test", 0), strict=True):
        assert torch.equal(kept, fresh)
        assert torch.equal(kept, drawn)
    load_examples(SETTINGS.model_copy(update={"snr_db": (0.0, 0.0)}), 2, "test", 0, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
