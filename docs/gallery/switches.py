"""A scene with switches.

Three sources over fifty frames, observed with noise. Observations are linked from frame to frame by the least total
distance, which loses identities where tracks meet. `clear_mot` counts the switches, and crosses mark them.
"""

import torch
from matplotlib import pyplot
from matplotlib.figure import Figure

import hnetzoo
from hnetzoo.tracking_metrics import clear_association, clear_mot

ALT = (
    "Azimuth over frames of three sources that cross, drawn as grey lines, with the linked observations in one "
    "colour for each track. Where the lines cross some colours change places; crosses mark these switches."
)


def draw() -> Figure:
    """Return the figure."""
    generator = torch.Generator().manual_seed(4)
    frames = torch.arange(50.0)
    azimuth_deg = torch.stack((1.6 * frames - 40, 40 - 1.6 * frames, 25 * (frames / 8).sin()), 1)  # [t, 3]
    observed = azimuth_deg + 2 * torch.randn(50, 3, generator=generator)
    tracks = observed.clone()
    for frame in range(1, 50):
        distance = (tracks[frame - 1, :, None] - observed[frame]).abs()[None]
        tracks[frame] = observed[frame, hnetzoo.assign(distance)[0].int().argmax(1)]

    distance = (azimuth_deg[:, :, None] - tracks[:, None, :]).abs()[None]  # [1, t, 3, 3]
    counts = clear_mot(distance, gate=6.0)
    matched = clear_association(distance, gate=6.0)[0]
    figure, panel = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    panel.plot(frames, azimuth_deg, color="grey", linewidth=4, alpha=0.4)
    panel.plot(frames, tracks, marker=".", linewidth=1)
    for source in range(3):
        seen = matched[:, source].any(1).nonzero()[:, 0]
        track = matched[seen, source].int().argmax(1)
        at = seen[1:][track[1:] != track[:-1]]
        panel.scatter(frames[at], azimuth_deg[at, source], marker="x", s=80, linewidth=2, color="C3", zorder=3)
    panel.set(xlabel="frame", ylabel="azimuth [degrees]", title=f"{counts.switches} switches, MOTA {counts.mota:.2f}")
    return figure
