"""Where the traffic goes, as a user writes it."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from haproxy_config.nodes import NodeError, parse_node

_EXAMPLE = "write it as http://HOST:PORT, e.g. http://localhost:80"
_BRACKETS = "; an IPv6 address in brackets"


class TargetError(ValueError):
    """A target that can't be used; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str = _EXAMPLE) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Target:
    """A cluster, or a proxy in front of one."""

    url: str
    """``http://HOST:PORT`` or ``https://HOST:PORT``, with the path that everything is below, if any; no ``/`` at its end."""
    user: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        return self.url

    @property
    def is_tls(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.url.startswith("https:")


def parse_target(text: str) -> Target:
    """Read ``[http[s]://][USER:PASSWORD@]HOST:PORT[/PATH]``.

    Raises:
        TargetError: another scheme, no port (9200, 80 or 443: which one was meant is a guess), a query, a name that is none.
    """
    # Nothing that may be a password is repeated in a message.
    text = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise TargetError("the target is no URL") from error
    if parts.scheme not in ("http", "https"):
        raise TargetError(f"the target's scheme is '{parts.scheme}'", "it is http or https")
    if parts.query or parts.fragment:
        raise TargetError("the target has a query or a fragment", "leave out '?', '#' and what follows")
    address = parts.netloc.rpartition("@")[2]
    try:
        node = parse_node(address)
    except NodeError as error:
        raise TargetError(
            f"the target {str(error).removeprefix('node ')}",
            f"{_EXAMPLE}{_BRACKETS if address.count(':') > 1 else ''}",
        ) from error
    return Target(
        f"{parts.scheme}://{node}{parts.path.rstrip('/')}",
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )
