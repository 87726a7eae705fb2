"""Run the campaign: python -m tests.campaign [--share 0.05] [--family kills] [--json FILE].

Prints what was found and exits with 1 if a rule was broken.
"""

import json
import os
from pathlib import Path
from typing import Annotated

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import typer

from tests.campaign.campaign import FAMILIES, run_campaign


def main(
    family: Annotated[list[str] | None, typer.Option(help="Only this family; may be repeated.")] = None,
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the cases to run.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the counts here.")] = None,
) -> None:
    """Try to make hnetzoo lose, mix, execute or silently accept something."""
    chosen = tuple(family or FAMILIES)
    if unknown := set(chosen) - FAMILIES.keys():
        raise typer.BadParameter(f"no family {min(unknown)}; there are {', '.join(FAMILIES)}")
    result = run_campaign(chosen, share, seed, jobs, typer.echo)
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n")
    for finding in result["findings"]:
        typer.echo(f"{finding['case']}: {finding['kind']}: {finding['text']}")
    if result["findings"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
