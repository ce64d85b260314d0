"""For all tests: nothing of the shell that started them reaches the commands under test."""

import os

import pytest
from hypothesis import settings

# Speed is a benchmark's subject, never a test's.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CAPTURE_"):
            monkeypatch.delenv(name)
