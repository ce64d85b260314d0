"""One transaction: a client's request and what became of it. Plain data, filled in as the events arrive."""

from collections.abc import Callable

from record.long_body import LongBody
from record.wire_body import WireBody


class Transaction:
    """A request, its answer and its end.

    Header blocks are the field lines as HAProxy shows them (names in lower case, each line ended by CRLF, an empty line last);
    bodies are without transfer coding, and hold a prefix where ``*_whole`` is false. Times: ``*_us`` HAProxy's clock, microseconds since
    1970; ``opened_ns`` the agent's CLOCK_MONOTONIC.
    """

    __slots__ = (
        "answered_us",
        "arrived_us",
        "bytes_to_client",
        "capture_id",
        "client",
        "client_port",
        "completion",
        "earlier_completions",
        "finished",
        "id",
        "method",
        "mirror",
        "opened_ns",
        "perhaps_repeated",
        "placed",
        "received_us",
        "repeated",
        "request_body",
        "request_body_bytes",
        "request_headers",
        "request_long",
        "request_version",
        "request_whole",
        "request_wire",
        "response_body",
        "response_body_bytes",
        "response_headers",
        "response_long",
        "response_version",
        "response_whole",
        "server",
        "server_address",
        "status",
        "termination",
        "through_tee",
        "timers",
        "url",
    )

    def __init__(self, identifier: bytes) -> None:  # noqa: PLR0915 - one for each field
        self.id: bytes = identifier
        """HAProxy's unique-id of it."""
        self.capture_id: bytes = identifier
        """What the record is known by: of a mirrored request the primary's ``id`` (``X-Capture-Id``), else ``id``."""
        self.repeated: bool = False
        """A mirrored request with the same ``capture_id`` came before."""
        self.perhaps_repeated: bool = False
        """Its mirror may have sent it before (``X-Capture-Repeated``)."""
        self.method: bytes = b""
        self.url: bytes = b""
        """The request target, byte for byte."""
        self.request_version: bytes = b""
        """``1.0``, ``1.1`` or ``2.0``."""
        self.request_headers: bytes = b""
        self.request_body: bytes = b""
        self.request_body_bytes: int = 0
        """The body's announced length; of a chunked one what had arrived."""
        self.request_whole: bool = False
        self.request_wire: WireBody | None = None
        """The body as it passed, where that is what the shadow gets; else None."""
        self.through_tee: bool = False
        """The bodies are in the tee's copy."""
        self.request_long: LongBody | None = None
        """The body where it is not held in memory; ``request_body`` is empty then."""
        self.received_us: int = 0
        """HAProxy's clock when it had the request's headers; 0 when unknown."""
        self.client: bytes = b""
        """Address of the client: 4 or 16 bytes; empty when unknown."""
        self.client_port: int = 0
        self.arrived_us: int = 0
        """When HAProxy had the request whole, or as much of it as fits its buffer; 0: the client never sent it whole."""
        self.opened_ns: int = 0
        """When the agent heard of it first."""

        self.status: int = 0
        """0: no answer."""
        self.response_version: bytes = b""
        self.response_headers: bytes = b""
        self.response_body: bytes = b""
        self.response_body_bytes: int = 0
        self.response_whole: bool = False
        self.response_long: LongBody | None = None
        """As ``request_long``."""
        self.timers: bytes = b""
        """HAProxy's ``%TR/%Tw/%Tc/%Tr`` (and ``/%Ta`` where the end is known), ms, -1 for a step that was not reached."""
        self.server: bytes = b""
        """The node that answered, as HAProxy names it; empty when none did."""
        self.server_address: bytes = b""
        self.answered_us: int = 0
        """When HAProxy had the answer whole, or as much of it as fits its buffer; 0: the agent was not shown an answer."""

        self.termination: bytes = b""
        """HAProxy's two-letter termination state (``%ts``), where its news of the end were needed; ``??``: they never came."""
        self.bytes_to_client: int = 0
        """HAProxy's ``%B``, with the termination state."""
        self.earlier_completions: int = -1
        """How many answers HAProxy had had when this request came (see `agent.order`); -1: unknown."""
        self.placed: bool = False
        """``earlier_completions`` is `agent.order`'s number, no longer HAProxy's counter."""
        self.completion: int = 0
        """The answer's number among all that HAProxy had, from 1 on; 0: there was none."""
        self.mirror: str | None = None
        """None: this proxy does not mirror. Empty: queued for the shadow. Else why it was not."""
        self.finished: Callable[[], None] | None = None
        """To be called once, on any thread, when the line is in the log or has been dropped."""

    @property
    def has_long_body(self) -> bool:
        """Whether a body must be read from where it is."""
        return self.request_long is not None or self.response_long is not None

    @property
    def held_bytes(self) -> int:
        """About how much memory the transaction takes."""
        return (
            1000
            + len(self.request_headers)
            + len(self.request_body)
            + len(self.response_headers)
            + len(self.response_body)
            + len(self.url)
        )
