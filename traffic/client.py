"""Requests over HTTP: a bounded number of keep-alive connections to one target."""

import base64
import os
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
import yarl

from capture.errors import bad_input
from traffic.operations import Request
from traffic.settings import TrafficSettings


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


class NoAnswerError(Exception):
    """There is no answer, or only a part of one; ``kind`` is a word for the table of errors."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason or kind)
        self.kind = kind


TIME_OUT = "time-out"


class Client:
    """Sends requests to the target; to be used in ``async with``.

    Raises:
        UserError: (exit code 2) the certificates to trust can't be read.
    """

    def __init__(self, settings: TrafficSettings) -> None:
        self._url = settings.target.url
        self._timeout_s = settings.timeout_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.connections, ssl=_tls(settings)),
            headers=_headers(settings),
            # Clusters set no cookies; answers are not asked for in gzip, which costs both sides more than it saves here.
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
            auto_decompress=False,
            # HTTP_PROXY and the like are for other machines.
            trust_env=False,
        )
        # aiohttp sends a GET, PUT or DELETE again when a connection that was used before breaks, and tells nobody: an error would not be
        # counted and its request be sent twice. There is no public switch (3.14, a pinned version; a test watches it).
        self._session._retry_connection = False  # noqa: SLF001

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: Request, *, timeout_s: float | None = None) -> Answer:
        """The answer to a request, whole; it may take ``timeout_s``, or as long as the settings say.

        Raises:
            NoAnswerError: there is none.
        """
        try:
            async with self._session.request(
                request.method,
                # Already as it goes over the wire.
                yarl.URL(self._url + request.path, encoded=True),
                data=request.body or None,
                headers={"Content-Type": request.type} if request.body else None,
                allow_redirects=False,
                # For the answer as a whole, its connection included.
                timeout=aiohttp.ClientTimeout(total=self._timeout_s if timeout_s is None else timeout_s),
            ) as response:
                return Answer(response.status, await response.read())
        except TimeoutError as error:
            raise NoAnswerError(TIME_OUT, "no answer in time") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise NoAnswerError("certificate not trusted", str(error.certificate_error)) from error
        except aiohttp.ClientConnectorError as error:
            raise NoAnswerError("not connected", _reason(error.os_error)) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise NoAnswerError("connection lost", str(error)) from error
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            raise NoAnswerError("broken answer", str(error)) from error
        except aiohttp.ClientError as error:
            raise NoAnswerError("not sent", str(error)) from error


def _reason(error: OSError) -> str:
    # asyncio's own words name the address instead of the reason. The numbers of the resolver's errors are below 0.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def _headers(settings: TrafficSettings) -> dict[str, str]:
    headers = {"User-Agent": "cluster-traffic-capture/generate-traffic", "Accept": "application/json"}
    target = settings.target
    if target.user is not None and target.password is not None:
        pair = base64.b64encode(f"{target.user}:{target.password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    return headers


def _tls(settings: TrafficSettings) -> ssl.SSLContext | bool:
    if settings.insecure:
        return False
    if settings.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=settings.ca)
    except OSError as error:
        reason = error.strerror or str(error)
        raise bad_input(
            f"--ca: '{settings.ca}' can't be read ({reason})", "name a file of certificates in PEM form"
        ) from error
