"""`make traffic` as far as it goes without a demo: its words and refusals."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from capture.demo.traffic import main, read_environment
from capture.errors import UserError


def test_settings_are_passed_on() -> None:
    assert read_environment(["WORKLOADS=nested", "OFFICIAL_URL=http://a/?b=c", "SEED="]) == {
        "WORKLOADS": "nested",
        "OFFICIAL_URL": "http://a/?b=c",
        "SEED": "",
    }


@pytest.mark.parametrize("word", ["nested", "=1", "workloads=nested"])
def test_what_is_no_setting_is_refused(word: str) -> None:
    with pytest.raises(UserError, match="is not NAME=VALUE") as raised:
        read_environment([word])
    assert raised.value.exit_code == 2


def test_without_a_demo_it_says_what_to_do(tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/docker.sock", "CAPTURE_ENGINE_DIR": str(tmp_path)}
    result = CliRunner().invoke(main, [], env=nowhere)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "error: no demo runs here to send traffic to",
        "hint: `make demo` in another terminal, then this again",
    ]
