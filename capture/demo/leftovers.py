"""What demos have left in the engine: removed when it is a dead demo's, left alone when it is a running or a kept one's."""

import time
from collections.abc import Iterable
from pathlib import Path

from capture.console import Console
from capture.demo.lease import Lease, in_use, leased
from capture.demo.plan import Plan, offset_of, purpose_of
from capture.engine import Engine
from capture.errors import UserError, bad_input
from capture.inventory import ContainerSummary

_REMOVAL_S = 30
_POLL_S = 0.2


def purposes_of_demos(containers: Iterable[ContainerSummary]) -> list[str]:
    """The values of our label that are demos', each once."""
    return sorted(
        {c.purpose for c in containers if c.purpose is not None and offset_of(c.purpose) is not None}
    )


def check_not_kept(plan: Plan, lease: Lease, containers: Iterable[ContainerSummary]) -> None:
    """Refuse to start over a demo that was left running.

    Raises:
        UserError: (exit code 2) there is one.
    """
    if lease.kept and any(c.purpose == plan.purpose and c.state == "running" for c in containers):
        raise bad_input(
            "a demo that was kept (--keep) is still running", f"remove it: {plan.clean_command}, or use it"
        )


def remove_leftovers(engine: Engine, plan: Plan, console: Console, folder: Path | None = None) -> None:
    """Remove what demos left that were killed; ``plan``'s own lock is held by the caller. ``folder``: where locks are."""
    for purpose in purposes_of_demos(engine.containers()):
        if purpose == plan.purpose:
            _remove(engine, purpose, console)
            continue
        with leased(purpose, folder) as lease:
            if lease is not None and not lease.kept:
                _remove(engine, purpose, console)


def clean(engine: Engine, offset: int, console: Console, folder: Path | None = None) -> None:
    """Remove the demo with this port offset, kept or left.

    Raises:
        UserError: (exit code 2) it is one that still runs.
    """
    purpose = purpose_of(offset)
    with leased(purpose, folder) as lease:
        if lease is None:
            raise _still_run(offset)
        removed = remove_all(engine, purpose)
        lease.set_kept(False)
    if removed:
        console.result(f"Removed: {', '.join(removed)}")
    else:
        console.result("There is nothing to remove")


def remove_all(engine: Engine, purpose: str) -> list[str]:
    """Remove everything whose label has the value ``purpose``; returns names.

    Raises:
        UserError: something would not go within 30 s.
    """
    deadline = time.monotonic() + _REMOVAL_S
    removed: dict[str, None] = {}
    # Again until there is nothing: what was in use, or being removed by another, goes a moment later.
    while names := engine.labelled(purpose):
        engine.remove_labelled(purpose)
        removed |= dict.fromkeys(names)
        if time.monotonic() > deadline:
            raise UserError(
                f"not removed within {_REMOVAL_S} s: {', '.join(names)}",
                hint=f"docker rm -f {' '.join(names)}",
            )
        time.sleep(_POLL_S)
    return sorted(removed)


def _remove(engine: Engine, purpose: str, console: Console) -> None:
    removed = remove_all(engine, purpose)
    if removed:
        console.progress(f"Removed what a killed demo had left: {', '.join(removed)}")


def _still_run(offset: int) -> UserError:
    error = in_use(offset)
    return bad_input(str(error), "end it: RETURN or Ctrl+C in its terminal")
