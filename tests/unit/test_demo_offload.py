"""The demo's offload as far as it goes without an engine: what exported variables ask for."""

import pytest

from capture.console import Verbosity
from capture.demo.offload import credentials_of, demo_offload
from capture.demo.transcript import Transcript
from capture.errors import ExitCode, UserError
from offload.credentials import parse

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "topsecret"}
TRANSCRIPT = Transcript(Verbosity.NORMAL)


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "x"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": ""}, "us-east-1"),
    ],
)
def test_which_region(environment: dict[str, str], region: str) -> None:
    offload = demo_offload(KEYS | environment, TRANSCRIPT)
    assert offload is not None
    assert offload.environment == {"CAPTURE_OFFLOAD": "cloudwatch", "CAPTURE_OFFLOAD_REGION": region}


def test_settings_of_the_offload_are_handed_on_and_no_credentials() -> None:
    settings = {"CAPTURE_CLOUDWATCH_LOG_GROUP": "mine", "CAPTURE_OFFLOAD_REGION": "eu-west-3"}
    offload = demo_offload(KEYS | settings | {"CAPTURE_PORT": "1", "PATH": "/bin"}, TRANSCRIPT)
    assert offload is not None
    assert offload.environment == {"CAPTURE_OFFLOAD": "cloudwatch"} | settings
    assert "topsecret" not in repr(offload)


def test_without_credentials_there_is_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_offload({"PATH": "/bin", "AWS_REGION": "x"}, TRANSCRIPT) is None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("missing", KEYS)
def test_half_of_them_is_told_once(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    exported = {name: value for name, value in KEYS.items() if name != missing}
    assert demo_offload(exported, TRANSCRIPT) is None
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"nothing goes to CloudWatch Logs: {missing} is not exported\n"


@pytest.mark.parametrize("token", [None, "", "FwoG=="])
def test_the_container_reads_what_is_handed_over(token: str | None) -> None:
    environment = KEYS | ({} if token is None else {"AWS_SESSION_TOKEN": token})
    read = parse(credentials_of(environment).decode())
    assert (read.access_key_id, read.secret_access_key) == tuple(KEYS.values())
    assert read.session_token == (token or None)


def test_nothing_to_hand_over() -> None:
    with pytest.raises(
        UserError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not exported"
    ) as raised:
        credentials_of({})
    assert raised.value.exit_code == ExitCode.BAD_INPUT
