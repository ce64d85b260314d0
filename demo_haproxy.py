#!/usr/bin/env python3
"""Two real clusters with the mirror between them: a command over `capture.demo.run.run_demo`."""

import os
from typing import Any

import click

from capture.command import CONTEXT, Command
from capture.console import Verbosity
from capture.demo.leftovers import clean
from capture.demo.offload import refresh_credentials
from capture.demo.plan import make_plan
from capture.demo.run import run_demo
from capture.demo.settings import DemoSettings, parse_heap
from capture.demo.transcript import Transcript
from capture.engine import connect
from capture.errors import bad_input

_EXAMPLE = """\b
Examples:
  ./demo_haproxy.py                                     # RETURN ends it
  ./demo_haproxy.py --tour --nodes 1                    # shows itself, with one node in each cluster
  ./demo_haproxy.py --port-offset 1000 --keep --json    # for scripts, beside whatever has port 80
  ./demo_haproxy.py --port-offset 1000 --clean
\b
Exit codes: 0 done, 1 a step failed, 2 a refusal before anything was created, 3 no Docker engine, 4 an image build failed,
130 interrupted. Whatever the end, nothing is left behind.
"""

_CONTEXT = {**CONTEXT, "auto_envvar_prefix": "CAPTURE_DEMO"}


@click.command("demo_haproxy.py", cls=Command, context_settings=_CONTEXT, epilog=_EXAMPLE)
@click.option(
    "--nodes", type=int, default=2, show_envvar=True, metavar="N", help="Nodes of each cluster, 1 to 9."
)
@click.option(
    "--heap", default="512m", show_envvar=True, metavar="SIZE", help="Java heap of each node: 512m, 1g."
)
@click.option("--wait", "wait_s", envvar="CAPTURE_DEMO_WAIT", type=int, default=120, show_envvar=True, metavar="SECONDS",
              help="How long each cluster may take to become active.")  # fmt: skip
@click.option("--port-offset", type=int, default=0, show_envvar=True, metavar="N",
              help="Added to the ports 80, 81 and 9200 and up, and to the names, where those are taken.")  # fmt: skip
@click.option("--tour", is_flag=True, show_envvar=True,
              help="Send the example commands, show what comes of them, and end; so too without a terminal.")  # fmt: skip
@click.option("--keep", is_flag=True, show_envvar=True, help="Leave everything running; --clean removes it.")
@click.option("--clean", "cleaning", envvar="CAPTURE_DEMO_CLEAN", is_flag=True, show_envvar=True,
              help="Only remove a demo that was kept (or killed), with the same --port-offset.")  # fmt: skip
@click.option("--refresh-credentials", "refreshing", envvar="CAPTURE_DEMO_REFRESH_CREDENTIALS", is_flag=True, show_envvar=True,
              help="Only give a running demo the AWS credentials that are exported now, with the same --port-offset.")  # fmt: skip
@click.option("--json", "for_program", envvar="CAPTURE_DEMO_JSON", is_flag=True, show_envvar=True,
              help="Print where everything is as a line of JSON; the rest goes to stderr. The end of the input ends the demo.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, show_envvar=True, help="No progress on stderr.")
@click.option(
    "-v", "--verbose", is_flag=True, show_envvar=True, help="The output of the programs behind it too."
)
def main(
    *,
    heap: str,
    cleaning: bool,
    refreshing: bool,
    for_program: bool,
    quiet: bool,
    verbose: bool,
    **values: Any,
) -> None:
    """Run two Elasticsearch clusters with the mirror between them, to play with.

    Two clusters with a HAProxy in front of each: what is sent to the primary's (port 80) is captured, and mirrored to
    the shadow's. RETURN, the end of the input, Ctrl+C (twice: at once) and SIGTERM remove all of it.

    With AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN, AWS_REGION) exported the primary's capture goes to
    CloudWatch Logs too.
    """
    verbosity = Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL
    settings = DemoSettings(heap_mib=parse_heap(heap), **values)
    transcript = Transcript(verbosity, for_program=for_program)
    if refreshing:
        if settings.keep or settings.tour or for_program or cleaning:
            raise bad_input(
                "--refresh-credentials does only that", "leave out --keep, --tour, --json and --clean"
            )
        refresh_credentials(connect(), make_plan(settings), os.environ, transcript)
    elif not cleaning:
        run_demo(settings, transcript)
    elif settings.keep or settings.tour or for_program:
        raise bad_input("--clean only removes", "leave out --keep, --tour and --json")
    else:
        clean(connect(), settings.port_offset, transcript)


if __name__ == "__main__":
    main()
