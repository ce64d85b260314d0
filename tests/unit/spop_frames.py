"""Frames as HAProxy 3.0.11 sent them (read from its socket), and builders for others."""

from agent.spop.values import Value, encode_value, encode_varint

# HAPROXY-HELLO of a health check: length 78, type 1, flags FIN, stream-id 0, frame-id 0, then the KV-LIST
# supported-versions (STRING "2.0"), max-frame-size (UINT32 65532), capabilities (STRING ""), healthcheck (BOOL true).
HELLO_HEALTHCHECK = bytes.fromhex(
    "0000004e0100000001000012737570706f727465642d76657273696f6e730803322e300e6d61782d6672616d652d7369"
    "7a6503fcf01e0c6361706162696c697469657308000b6865616c7468636865636b11"
)

# HAPROXY-HELLO of a connection for messages: capabilities "pipelining,async", an engine-id instead of healthcheck.
HELLO = bytes.fromhex(
    "000000810100000001000012737570706f727465642d76657273696f6e730803322e300e6d61782d6672616d652d7369"
    "7a6503fcf01e0c6361706162696c69746965730810706970656c696e696e672c6173796e6309656e67696e652d696408"
    "2430333236323032662d613336372d343534322d393464622d333138353038343737396262"
)

# NOTIFY, stream-id 4, frame-id 1, message "request" with 10 arguments, of
# `curl 127.0.0.1:18085/a/_search?q=1 -d '{"a":1}'`.
NOTIFY_REQUEST = bytes.fromhex(
    "0000013c0300000001040107726571756573740a026964082434313336633365632d346337312d343462642d62623630"
    "2d633266363630316538373135066d6574686f640804504f53540375726c080e2f612f5f7365617263683f713d310776"
    "657273696f6e0803312e3107686561646572730883686f73743a203132372e302e302e313a31383038350d0a75736572"
    "2d6167656e743a206375726c2f372e38382e310d0a6163636570743a202a2f2a0d0a636f6e74656e742d6c656e677468"
    "3a20370d0a636f6e74656e742d747970653a206170706c69636174696f6e2f782d7777772d666f726d2d75726c656e63"
    "6f6465640d0a0d0a04626f647909077b2261223a317d09626f64795f73697a65040708726563656976656404f9d48788"
    "9786c11806636c69656e74067f0000010b636c69656e745f706f727404f0ba13"
)

# NOTIFY, stream-id 4, frame-id 2, message "response" with 10 arguments, of nginx's answer to it.
NOTIFY_RESPONSE = bytes.fromhex(
    "000001330300000001040208726573706f6e73650a026964082434313336633365632d346337312d343462642d626236"
    "302d6332663636303165383731350673746174757304c80776657273696f6e0803312e31076865616465727308717365"
    "727665723a206e67696e782f312e32322e310d0a646174653a205475652c203234204e6f7620323032362031353a3136"
    "3a303020474d540d0a636f6e74656e742d747970653a206170706c69636174696f6e2f6a736f6e0d0a636f6e74656e74"
    "2d6c656e6774683a2032380d0a0d0a04626f6479091c7b22746f6f6b223a312c2274696d65645f6f7574223a66616c73"
    "657d09626f64795f73697a65041c0674696d6572730807312f302f302f30056572726f72000673657276657208056e6f"
    "6465310e7365727665725f61646472657373067f000001"
)

REQUEST_ID = b"4136c3ec-4c71-44bd-bb60-c2f6601e8715"


def frame(kind: int, payload: bytes, *, flags: int = 1, stream_id: int = 0, frame_id: int = 0) -> bytes:
    """A frame with its length (SPOE.txt, 3.2)."""
    body = (
        bytes((kind,))
        + flags.to_bytes(4, "big")
        + encode_varint(stream_id)
        + encode_varint(frame_id)
        + payload
    )
    return len(body).to_bytes(4, "big") + body


def pairs(values: dict[str, str | int | bool | bytes | None]) -> bytes:
    """A KV-LIST."""
    return b"".join(
        encode_varint(len(name)) + name.encode() + encode_value(value) for name, value in values.items()
    )


def hello(**values: str | int | bool) -> bytes:
    """A HAPROXY-HELLO; the names' underlines stand for hyphens."""
    return frame(1, pairs({name.replace("_", "-"): value for name, value in values.items()}))


def notify(name: str, values: list[Value], *, stream_id: int = 1, frame_id: int = 1) -> bytes:
    """A NOTIFY with one message; its arguments are named a0, a1 ..."""
    arguments = pairs({f"a{number}": value for number, value in enumerate(values)})
    payload = encode_varint(len(name)) + name.encode() + bytes((len(values),)) + arguments
    return frame(3, payload, stream_id=stream_id, frame_id=frame_id)
