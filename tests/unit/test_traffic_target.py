"""Where traffic can go."""

import pytest

from traffic.target import Target, TargetError, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("http://localhost:80", Target("http://localhost:80")),
        ("localhost:9200", Target("http://localhost:9200")),
        ("https://search.example:443/", Target("https://search.example:443")),
        ("http://[::1]:9200/some/path/", Target("http://[::1]:9200/some/path")),
        ("http://elastic:p%40ss:w@node:9200", Target("http://node:9200", "elastic", "p@ss:w")),
        ("https://elastic@node:9200", Target("https://node:9200", "elastic")),
    ],
)
def test_a_target(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the target '' has no port"),
        ("localhost", "the target 'localhost' has no port"),
        ("http://localhost", "the target 'localhost' has no port"),
        ("http://localhost:", "the target 'localhost:' has no port"),
        ("http://localhost:99999", "the target 'localhost:99999' has no valid port: '99999'"),
        ("http://::1:80", "the target '::1:80' is an IPv6 address without brackets"),
        ("http://[::1:80", "the target is no URL"),
        ("ftp://localhost:80", "the target's scheme is 'ftp'"),
        ("http://localhost:80/?pretty", "the target has a query or a fragment"),
        ("http://lo cal:80", "the target 'lo cal:80' has no valid host name: 'lo cal'"),
    ],
)
def test_what_is_no_target(text: str, message: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    assert str(caught.value) == message
    assert caught.value.hint


@pytest.mark.parametrize("address", ["host", "host:0", "::1:9", "[::1"])
def test_a_password_is_in_no_message(address: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(f"http://me:hush@{address}")
    assert "hush" not in f"{caught.value} {caught.value.hint}"
