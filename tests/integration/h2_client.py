"""A client that speaks HTTP/2 in clear text with prior knowledge (RFC 9113 3.3)."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from tests.integration.raw_client import Answer, Request

_Fields = Sequence[tuple[bytes, bytes]]


@dataclass
class _Stream:
    method: str
    interim: list[bytes] = field(default_factory=list)
    head: bytes = b""
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    complete: bool = False

    @property
    def answer(self) -> Answer:
        return Answer(tuple(self.interim), self.head, bytes(self.body), self.complete, 0, time.monotonic())


class H2Client:
    """One connection. Every wait ends after ``timeout_s`` with an error."""

    def __init__(self, address: tuple[str, int], timeout_s: float = 20) -> None:
        self._socket = socket.create_connection(address, timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What HAProxy makes of a header is the matter here, and not what this library thinks of it.
        self._connection = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._connection.initiate_connection()
        self._streams: dict[int, _Stream] = {}
        self._flush()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def start(self, request: Request) -> int:
        """Send a request; the number of its stream. Its head's lines are lower case already."""
        number = self._connection.get_next_available_stream_id()
        self._streams[number] = _Stream(request.method)
        fields = [
            (b":method", request.method.encode()),
            (b":scheme", b"http"),
            (b":authority", request.host),
            (b":path", request.target),
        ]
        for line in request.head_lines:
            name, _, value = line.partition(b":")
            if name.lower() not in (b"host", b"transfer-encoding"):
                fields.append((name.lower(), value.strip()))
        bodiless = not request.body and not request.trailers
        self._connection.send_headers(number, fields, end_stream=bodiless)
        self._flush()
        if not bodiless:
            self._send_body(number, request)
        return number

    def answer(self, number: int) -> Answer:
        """The answer on a stream, however it ends."""
        while not self._streams[number].ended:
            self._receive()
        return self._streams[number].answer

    def exchange(self, request: Request) -> Answer:
        """Send a request and read its answer."""
        return self.answer(self.start(request))

    def _send_body(self, number: int, request: Request) -> None:
        sent = 0
        while sent < len(request.body):
            room = min(
                self._connection.local_flow_control_window(number),
                self._connection.max_outbound_frame_size,
            )
            if room <= 0:
                self._receive()
                continue
            self._connection.send_data(number, request.body[sent : sent + room])
            sent += room
            self._flush()
        if request.trailers:
            pairs = [line.lower().partition(b": ") for line in request.trailers]
            self._connection.send_headers(
                number, [(name, value) for name, _, value in pairs], end_stream=True
            )
        else:
            self._connection.end_stream(number)
        self._flush()

    def _flush(self) -> None:
        data = self._connection.data_to_send()
        if data:
            self._socket.sendall(data)

    def _receive(self) -> None:
        data = self._socket.recv(1 << 18)
        events = self._connection.receive_data(data) if data else [ConnectionTerminated()]
        for event in events:
            self._handle(event)
        if data:
            self._flush()

    def _handle(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            for stream in self._streams.values():
                stream.ended = True
            return
        number = getattr(event, "stream_id", None)
        if number not in self._streams:
            return
        stream = self._streams[number]
        if isinstance(event, InformationalResponseReceived):
            stream.interim.append(_head(event.headers or ()))
        elif isinstance(event, ResponseReceived):
            stream.head = _head(event.headers or ())
        elif isinstance(event, DataReceived):
            stream.body += event.data or b""
            self._connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        elif isinstance(event, TrailersReceived):
            stream.head += _head(event.headers or ())
        elif isinstance(event, StreamEnded):
            stream.ended = stream.complete = True
        elif isinstance(event, StreamReset):
            stream.ended = True


def _head(fields: "_Fields") -> bytes:
    """The fields as the head of an answer in HTTP/1 is written."""
    status = b"".join(value for name, value in fields if name == b":status")
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields if name != b":status")
    return b"HTTP/2 " + status + b" \r\n" + lines + b"\r\n"
