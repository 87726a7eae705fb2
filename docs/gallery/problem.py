"""A problem and its association.

Three references, four predictions, and all distances between them. The exact solver with a gate pairs what is
nearest in all; `sinkhorn` with a cost of staying unmatched says the same with probabilities, and both leave the far
prediction alone.
"""

import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import hnetzoo

ALT = (
    "Left: three references and four predictions in the plane, three pairs joined by lines, one prediction alone."
    " Right: the matrix of their distances, with the three pairs framed and the probabilities of sinkhorn beside "
    "each distance."
)


def draw() -> Figure:
    """Return the figure."""
    references = torch.tensor([[0.1, 0.2], [0.5, 0.8], [0.9, 0.3]])
    predictions = torch.tensor([[0.8, 0.4], [0.2, 0.3], [0.55, 0.65], [0.1, 0.9]])
    distance = torch.cdist(references, predictions)[None]
    pairs = hnetzoo.assign(distance, gate=0.3)[0].nonzero().tolist()
    probability = hnetzoo.load_model("sinkhorn", unmatched=0.15)(distance).sigmoid()[0]

    figure, (plane, matrix) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for i, j in pairs:
        plane.plot(*torch.stack((references[i], predictions[j])).T, color="grey")
    plane.scatter(*references.T, s=70, label="references")
    plane.scatter(*predictions.T, s=70, marker="s", label="predictions")
    for names, points in (("abc", references), ("1234", predictions)):
        for name, point in zip(names, points.tolist(), strict=True):
            plane.annotate(name, point, textcoords="offset points", xytext=(7, 5))
    plane.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0))
    plane.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")

    matrix.imshow(distance[0].numpy(), cmap="Blues_r", vmin=-0.3, vmax=1.3)
    for i in range(3):
        for j in range(4):
            text = f"{distance[0, i, j]:.2f}\np = {probability[i, j]:.2f}"
            matrix.text(j, i, text, ha="center", va="center", color="black" if distance[0, i, j] > 0.5 else "white")
    for i, j in pairs:
        matrix.add_patch(Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, fill=False, linewidth=2.5, edgecolor="C1"))
    matrix.set(xticks=range(4), xticklabels="1234", yticks=range(3), yticklabels="abc")
    matrix.set(xlabel="prediction", ylabel="reference", title="distance, and probability of a pair")
    return figure
