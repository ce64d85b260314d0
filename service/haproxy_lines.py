"""The fields of HAProxy's two lines about transactions: the one table that writer and reader share.

The log-format in ``templates/haproxy.cfg.j2`` is made from `END` when the configuration is rendered. ``docker_config_base/haproxy/unanswered.lua``
is made from `UNANSWERED` by ``python -m tests.unit.regenerate_unanswered_lua``. `agent.lines` reads both; a test holds its names against these.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class LineField:
    """A field of a line.

    Args:
        name: as the agent calls it.
        expression: what HAProxy writes there: a part of a ``log-format`` (configuration manual, 8.2.6), or Lua.
    """

    name: str
    expression: str


def _variable(name: str) -> LineField:
    return LineField(name, f"%[var(txn.{name})]")


def _base64(name: str) -> LineField:
    """Base64 keeps any byte, and has no spaces."""
    return LineField(name, f"%[var(txn.{name}),base64]")


END: Final = (
    LineField("id", "%ID"),
    LineField("status", "%ST"),
    LineField("termination", "%ts"),
    LineField("bytes_to_client", "%B"),
    LineField("timers", "%TR/%Tw/%Tc/%Tr/%Ta"),
    LineField("error", "%[var(txn.capture.error)]"),
    # Addresses are hexadecimal, which costs HAProxy less.
    LineField("client", "%[src,hex]:%cp"),
    _variable("request_version"),
    LineField("method", "%HM"),
    _variable("known"),
    _variable("completion"),
    _variable("received"),
    _variable("arrived"),
    _variable("answered"),
    LineField("server", "%s"),
    LineField("server_address", "%[bc_dst,hex]"),
    _variable("response_version"),
    _base64("url"),
    _base64("request_headers"),
    _base64("request_body"),
    _base64("response_headers"),
    _base64("response_body"),
    _variable("through_tee"),
)
"""HAProxy is done with a transaction."""

UNANSWERED_WORD: Final = "unanswered"
"""The first word of the second line."""


def _lua_variable(name: str) -> LineField:
    return LineField(name, f'field(txn:get_var("txn.{name}"))')


def _lua_base64(name: str) -> LineField:
    return LineField(name, f'base64("{name}")')


UNANSWERED: Final = (
    LineField("id", "field(txn.sf:unique_id())"),
    LineField("client", 'field(txn.sf:src()) .. ":" .. field(txn.sf:src_port())'),
    _lua_variable("request_version"),
    LineField("method", "field(txn.sf:capture_req_method())"),
    _lua_variable("known"),
    _lua_variable("received"),
    _lua_variable("arrived"),
    _lua_base64("url"),
    _lua_base64("request_headers"),
    _lua_base64("request_body"),
    _lua_variable("through_tee"),
)
"""What follows that word: the request of a transaction whose node closed without an answer."""


def end_log_format() -> str:
    """HAProxy's ``log-format`` of the first line."""
    return " ".join([field.expression for field in END])
