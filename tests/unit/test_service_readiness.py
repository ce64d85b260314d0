"""How a process learns whether somebody waits for it to be ready."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TELL = "from service.readiness import ready_fd; print(ready_fd())"


@pytest.mark.parametrize(
    ("environment", "descriptor", "expected"),
    [
        ({"CAPTURE_NOTIFY": "1"}, "3>/dev/null", "3"),
        # Somebody else's descriptor.
        ({}, "3>/dev/null", "None"),
        ({"CAPTURE_NOTIFY": "1"}, "3>&-", "None"),
    ],
)
def test_who_waits(environment: dict[str, str], descriptor: str, expected: str) -> None:
    told = subprocess.run(
        ("sh", "-c", f'exec "$0" -c "$1" {descriptor}', sys.executable, TELL),
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "CAPTURE_NOTIFY"} | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert told.stdout == f"{expected}\n"
