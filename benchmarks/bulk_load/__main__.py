"""The command ``python -m benchmarks.bulk_load``."""

import dataclasses
import json
import time
from pathlib import Path

import click

from benchmarks.bulk_load.report import table, verdicts
from benchmarks.bulk_load.run import LoadSettings, run
from benchmarks.documents import MEGABYTE
from benchmarks.options import deployment_options, exit_on_signal
from benchmarks.ours import YIELDING, Deployment, Images
from capture.command import CONTEXT, Command
from capture.console import Console, Verbosity
from capture.errors import ExitCode
from capture.subcommand import terminating


@click.command("python -m benchmarks.bulk_load", cls=Command, context_settings=CONTEXT)
@click.option("--documents", default=1_000_000, type=click.IntRange(1), help="How many are loaded.")
@click.option("--bulk-mb", default=10.0, type=click.FloatRange(0.001, 90), help="Size of a bulk, in MB.")
@click.option("--clients", default=1, type=click.IntRange(1, 64), help="How many load at once.")
@click.option("--nodes", default=1, type=click.IntRange(1, 9), help="Nodes of each cluster.")
@click.option("--heap", default="512m", help="Java heap of each node.")
@click.option(
    "--rounds", default=3, type=click.IntRange(1, 99), help="Loads in each of the two ways, in turns."
)
@deployment_options(YIELDING)
@click.option(
    "--images", nargs=2, metavar="PRIMARY SHADOW", help="Images to measure, instead of building them."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the raw figures here."
)
@click.option("-v", "--verbose", is_flag=True, help="Show more of the progress.")
def main(
    documents: int,
    bulk_mb: float,
    clients: int,
    nodes: int,
    heap: str,
    rounds: int,
    deployment: Deployment,
    images: tuple[str, str] | None,
    json_file: Path | None,
    verbose: bool,
) -> int:
    """Load two real clusters by bulks, through ours and through HAProxy alone, and compare what they have.

    Needs Linux and a Docker engine with 4 GB of memory. The results go to stdout. docs/benchmark.md says what is measured, and how.

    Example: python -m capture.local_engine run -- python -m benchmarks.bulk_load --documents 50000 --rounds 1
    """
    settings = LoadSettings(
        documents=documents,
        bulk_bytes=round(bulk_mb * MEGABYTE),
        clients=clients,
        nodes=nodes,
        heap=heap,
        rounds=rounds,
        images=Images(*images) if images else None,
        deployment=deployment,
    )
    begun = time.monotonic()
    # Ctrl+C, too, ends in the clean-up of whatever is running then.
    with terminating(exit_on_signal):
        result = run(settings, Console(Verbosity.VERBOSE if verbose else Verbosity.NORMAL))
    click.echo(", ".join(f"{name} {value}" for name, value in result.environment.items()))
    click.echo(f"{rounds} rounds, {(time.monotonic() - begun) / 60:.1f} min\n\n{table(result)}\n")
    for line in verdicts(result):
        click.echo(line)
    if json_file is not None:
        json_file.write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return ExitCode.DONE


if __name__ == "__main__":
    main()
