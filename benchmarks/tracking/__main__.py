"""Track real video with every matcher and write the scores: python -m benchmarks.tracking --data FOLDER.

`make tables` renders the result.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer

import hnetzoo
from benchmarks.tracking.settings import read_suite
from benchmarks.tracking.study import Study
from hnetzoo.errors import HnetzooError
from hnetzoo.files import write_json
from hnetzoo.registry.environment import environment

ROOT = Path(__file__).parent.parent
SUITE, RESULT = ROOT / "suites" / "tracking.toml", ROOT / "results" / "tracking.json"


def run(
    data: Annotated[Path, typer.Option(help="Folder of the sequences.")],
    suite: Annotated[Path, typer.Option(help="TOML file.")] = SUITE,
    json: Annotated[Path, typer.Option(help="Where to write.")] = RESULT,
) -> None:
    """Compare matchers inside one tracker."""
    torch.set_num_threads(1)  # problems are small
    try:
        chosen = read_suite(suite)
        rows = []
        for row in Study(chosen, hnetzoo.discover(), data).rows():
            rows.append(row)
            scores = f"HOTA {row['hota']:.3f}, AssA {row['assa']:.3f}, IDF1 {row['idf1']:.3f}, IDSW {row['switches']}"
            print(f"{row['sequence']}, every {row['every']}: {row['model']}: {scores}", flush=True)
    except HnetzooError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    write_json(json, {"suite": chosen.model_dump(mode="json"), "rows": rows, "environment": environment()})
    print(f"wrote {json}")


if __name__ == "__main__":
    typer.run(run)
