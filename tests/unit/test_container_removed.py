"""What is said when a container goes while somebody waits for it."""

import docker.errors
import pytest

from capture.container import Container
from capture.errors import UserError


class Gone:
    """A container of the SDK that somebody removes after it was asked for so often."""

    name = "generator"
    status = "running"
    attrs = {"State": {"Status": "running", "ExitCode": 0}}  # noqa: RUF012

    def __init__(self, after: int) -> None:
        self._left = after

    def reload(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise docker.errors.NotFound("No such container: generator")

    def logs(self) -> bytes:
        raise docker.errors.NotFound("No such container: generator")


@pytest.mark.parametrize("after", [0, 2])
def test_one_whose_end_is_awaited(after: int) -> None:
    with pytest.raises(UserError) as raised:
        Container(Gone(after), "127.0.0.1").wait_exit()
    assert str(raised.value) == "container generator: its end was awaited; it is gone"
    assert raised.value.hint == "who removed it?"
