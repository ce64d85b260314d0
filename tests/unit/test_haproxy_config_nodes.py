"""Addresses as operators write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haproxy_config.nodes import Node, NodeError, parse_node, parse_nodes


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        ("localhost:9200", "localhost", 9200, None),
        ("host.docker.internal:1", "host.docker.internal", 1, None),
        ("ES-1.Example.com:65535", "es-1.example.com", 65535, "es-1.example.com:65535"),
        ("primary_node_1:9200", "primary_node_1", 9200, None),
        ("example.com.:80", "example.com.", 80, None),
        ("3com:80", "3com", 80, None),
        (f"{'a' * 63}:80", "a" * 63, 80, None),
        ("192.0.2.1:09200", "192.0.2.1", 9200, "192.0.2.1:9200"),
        ("[::1]:9200", "::1", 9200, None),
        ("[2001:DB8:0::0:1]:9200", "2001:db8::1", 9200, "[2001:db8::1]:9200"),
        ("[::ffff:127.0.0.1]:9200", "::ffff:7f00:1", 9200, "[::ffff:7f00:1]:9200"),
    ],
)
def test_good_addresses(text: str, host: str, port: int, shown: str | None) -> None:
    node = parse_node(text)
    # How Python spells an IPv4 address inside an IPv6 one depends on its version.
    assert (node.host, node.port) in {(host, port), ("::ffff:127.0.0.1", port)}
    assert parse_node(str(node)) == node
    if "ffff" not in host:
        assert str(node) == (shown or text)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("es1", "node 'es1' has no port", "es1:9200"),
        ("es1:", "node 'es1:' has no port", "es1:9200"),
        ("", "node '' has no port", "HOST:PORT"),
        ("es1:0", "has no valid port: '0'", "from 1 to 65535"),
        ("es1:65536", "has no valid port: '65536'", "from 1 to 65535"),
        ("es1:-1", "has no valid port: '-1'", "from 1 to 65535"),
        ("es1:+1", "has no valid port: '+1'", "from 1 to 65535"),
        ("es1:92 00", "has no valid port: '92 00'", "from 1 to 65535"),
        ("es1:9200\n", "has no valid port", "from 1 to 65535"),
        ("es1:http", "has no valid port: 'http'", "from 1 to 65535"),
        ("es1:٩٢٠٠", "has no valid port", "from 1 to 65535"),
        ("es1:" + "9" * 5000, "has no valid port", "from 1 to 65535"),
        ("es1:9200/path", "has no valid port: '9200/path'", "from 1 to 65535"),
        ("http://es1:9200", "is a URL", "HOST:PORT"),
        ("https://es1", "is a URL", "HOST:PORT"),
        ("::1:9200", "an IPv6 address without brackets", "[ADDRESS]:PORT"),
        ("2001:db8::1", "an IPv6 address without brackets", "[ADDRESS]:PORT"),
        ("[::1]", "has no port", "[::1]:PORT"),
        ("[::1]9200", "has no port", "[::1]:PORT"),
        ("[::1", "has no port", "[::1]:PORT"),
        ("[::g]:9200", "has no valid IPv6 address", "[ADDRESS]:PORT"),
        ("[es1]:9200", "has no valid IPv6 address", "[ADDRESS]:PORT"),
        ("[fe80::1%eth0]:9200", "has a zone", "without one"),
        ("256.1.1.1:9200", "has no valid IPv4 address", "DNS name or an IP address"),
        ("127.1:9200", "has no valid IPv4 address", "DNS name or an IP address"),
        ("-es1:9200", "has no valid host name: '-es1'", "letters"),
        ("es1-:9200", "has no valid host name: 'es1-'", "letters"),
        ("es 1:9200", "has no valid host name: 'es 1'", "letters"),
        ("es1\n:9200", "has no valid host name", "letters"),
        ("es1#:9200", "has no valid host name", "letters"),
        ("es..1:9200", "has no valid host name", "letters"),
        ("unix@/run/x:9200", "has no valid host name", "letters"),
        ("é:9200", "has no valid host name", "letters"),
        (f"{'a' * 64}:9200", "has no valid host name", "letters"),
        (f"{'a.' * 127}a:9200", "has no valid host name", "letters"),
        (":9200", "has no valid host name", "letters"),
    ],
)
def test_bad_addresses(text: str, message: str, hint: str) -> None:
    with pytest.raises(NodeError) as raised:
        parse_node(text)
    assert message in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize("again", ["es1:9200", "ES1:9200", "es1:09200"])
def test_a_repeated_address_is_refused(again: str) -> None:
    with pytest.raises(NodeError, match="node 'es1:9200' is given twice"):
        parse_nodes(["es1:9200", "es2:9200", again])


def test_the_same_host_with_another_port_is_another_node() -> None:
    assert parse_nodes(["es1:9200", "es1:9201"]) == (Node("es1", 9200), Node("es1", 9201))
    assert parse_nodes([]) == ()


@pytest.mark.parametrize(
    ("host", "loopback", "ip"),
    [
        ("localhost", True, False),
        ("LOCALHOST.", True, False),
        ("localhost.localdomain", True, False),
        ("127.0.0.1", True, True),
        ("127.9.9.9", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("0.0.0.0", True, True),
        ("::", True, True),
        ("192.0.2.1", False, True),
        ("2001:db8::1", False, True),
        ("host.docker.internal", False, False),
        ("localhost.example", False, False),
    ],
)
def test_what_kind_of_address_it_is(host: str, loopback: bool, ip: bool) -> None:
    node = Node(host, 9200)
    assert (node.is_loopback, node.is_ip) == (loopback, ip)


@given(st.text(max_size=40) | st.from_regex(r"\[?[a-z0-9:.%_-]{0,20}\]?:[0-9]{0,6}", fullmatch=True))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        node = parse_node(text)
    except NodeError:
        return
    assert parse_node(str(node)) == node
    assert not set(str(node)) & set(" \t\r\n#'\"\\$%@/")
