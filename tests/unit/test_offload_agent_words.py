"""What is told of what the CloudWatch Agent says."""

import pytest

from offload.agent_words import error_in


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "2021-10-14T04:59:43Z E! [outputs.cloudwatchlogs] Aws error received when sending logs to a/b: X: The token is invalid.\n",
            "X: The token is invalid.",
        ),
        (
            "2026-01-01T00:00:00Z E! cloudwatchlogs: Aws error: AccessDeniedException: no, status code: 400, request id: 1-2",
            "cloudwatchlogs: Aws error: AccessDeniedException: no",
        ),
        ("E! [logfile] Error tailing line", "Error tailing line"),
        ("2021-10-14T04:59:43Z W! [outputs.cloudwatchlogs] Retried 441 time, going to sleep", None),
        ("2021-10-14T04:59:43Z I! Hello E!", None),
        ("", None),
        ("E! ", None),
    ],
)
def test_errors(line: str, words: str | None) -> None:
    assert error_in(line) == words


def test_what_separates_the_words_from_identifiers_is_left_out() -> None:
    assert error_in("E! X: no  ,  request id: 1-2, Request ID: 3") == "X: no"
    assert error_in("E! X: no, status code: 400, request id: 1-2 (again)") == "X: no (again)"


@pytest.mark.parametrize("repeated", [" ", " ,", "\t", "status code: 1", "request id:", "E! ", "[a"])
def test_words_of_any_length(repeated: str) -> None:
    """To try every way of sharing 200,000 spaces among three parts of a pattern would take years."""
    assert error_in("E! X" + repeated * 200_000 + "y")
