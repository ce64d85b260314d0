"""Where the engine's host is, for containers and for this machine."""

import pytest

from capture.engine_address import gateway_of, is_local


@pytest.mark.parametrize(
    ("network", "gateway"),
    [
        ({"Subnet": "172.17.0.0/16"}, "172.17.0.1"),
        ({"Subnet": "192.168.5.1/24"}, None),
        ({"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.9"}, "172.17.0.9"),
        ({"Subnet": "fd00::/64", "Gateway": "fd00::1"}, None),
        ({}, None),
    ],
)
def test_the_engines_address_on_a_bridge(network: dict[str, str], gateway: str | None) -> None:
    assert gateway_of(network) == gateway


def test_which_addresses_are_of_this_machine() -> None:
    assert is_local("127.0.0.1")
    # RFC 5737: for documentation, nobody's.
    assert not is_local("198.51.100.1")
