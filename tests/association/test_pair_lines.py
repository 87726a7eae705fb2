"""Files with a line per pair are read as the problems that plain loops make of them."""

import csv
import random
from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo.association.pair_lines import COLUMNS, has_pair_lines, read_pair_lines

HEAD = ",".join(COLUMNS)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_lines_in_any_order_give_the_problems_that_were_written(tmp_path: Path) -> None:
    rng, lines, expected = random.Random(0), [], {}
    for problem in range(12):
        n, m = rng.randint(1, 4), rng.randint(1, 5)
        distance = torch.rand(1, n, m)
        truth = hnetzoo.assign(distance)
        expected[f"p{problem}"] = (distance[0], truth[0])
        for i in range(n):
            for j in range(m):
                lines.append((f"p{problem}", f"r{i}", f"c{j}", repr(float(distance[0, i, j])), int(truth[0, i, j])))
    rng.shuffle(lines)
    with (tmp_path / "p.csv").open("w") as file:
        csv.writer(file).writerows([("x", *COLUMNS), *((0, *line) for line in lines)])
    batch = read_pair_lines(tmp_path / "p.csv")
    order = list(dict.fromkeys(line[0] for line in lines))
    for index, name in enumerate(order):
        distance, truth = expected[name]
        n, m = distance.shape
        assert (int(batch.row_mask[index].sum()), int(batch.col_mask[index].sum())) == (n, m)
        found = batch.distance[index, :n, :m]
        assert sorted(found.flatten().tolist()) == pytest.approx(sorted(distance.flatten().tolist()))
        pairs = found[batch.association[index, :n, :m]]
        assert sorted(pairs.tolist()) == pytest.approx(sorted(distance[truth].tolist()))
        rows = sorted(tuple(sorted(row)) for row in found.tolist())
        assert rows == [pytest.approx(row) for row in sorted(tuple(sorted(row)) for row in distance.tolist())]


def test_pairs_that_are_not_listed_cannot_be_made(tmp_path: Path) -> None:
    batch = read_pair_lines(write(tmp_path / "p.csv", f"{HEAD}\n1,a,x,0.5,1\n1,b,y,0.25,0\n2,a,x,inf,0\n"))
    assert batch.distance[0].tolist() == [[0.5, torch.inf], [torch.inf, 0.25]]
    assert batch.association[0].tolist() == [[True, False], [False, False]]
    assert batch.row_mask.tolist() == [[True, True], [True, False]]
    assert batch.distance[1, 0, 0] == torch.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD}\n", "holds no pairs"),
        (f"{HEAD}\n1,a,x,near,1\n", "line 2: distance is 'near'"),
        (f"{HEAD}\n1,a,x,0.5\n", "line 2: association is None"),
        (f"{HEAD}\n1,a,x,nan,1\n", "line 2: distance is NaN"),
        (f"{HEAD}\n1,a,x,0.5,2\n", "line 2: association is neither 0 nor 1"),
        (f"{HEAD}\n1,a,x,0.5,0\n1,a,y,1,0\n1,a,x,0.6,0\n", "line 2: this pair of its problem is listed twice"),
        (f"{HEAD}\n1,a,x,0.5,1\n1,a,y,0.6,1\n", "has a row with more than one true pair"),
        (f"{HEAD}\n1,a,x,0.5,1\n1,b,x,0.6,1\n", "has a column with more than one true pair"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(hnetzoo.DataError, match=message):
        read_pair_lines(write(tmp_path / "p.csv", text))


def test_a_matrix_is_not_taken_for_a_list_of_pairs(tmp_path: Path) -> None:
    assert not has_pair_lines(write(tmp_path / "m.csv", "0.1,0.2\n0.3,0.4\n"))
    assert not has_pair_lines(write(tmp_path / "e.csv", ""))
    assert has_pair_lines(write(tmp_path / "p.csv", f"\ufeff{HEAD}\n"))
