"""AWS as containers reach it on this machine: moto's services over HTTP, behind a door that refuses whom a test tells it to refuse."""

import json
import re
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import boto3
import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REGION = "eu-central-1"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"

_CREDENTIAL = re.compile(r"Credential=([^/,]*)/[^/]*/([^/]*)/")

_RESET = "/moto-api/reset"


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_words: Any) -> None: ...


class AwsService:
    """To be used in a ``with`` block."""

    def __init__(self) -> None:
        self.accepted: set[str] = {KEY_ID}
        """Identifiers of access keys."""
        self.regions: set[str] = {REGION}
        self.refusal: tuple[int, str, str] | None = None
        """Status, code and words that every call is answered with."""
        self.calls: list[tuple[str, str, str]] = []
        """What was asked for, by whom, with which session token."""
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("0.0.0.0", 0, self._application, threaded=True, request_handler=_Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        # All of moto's in a process share what they hold.
        requests.post(f"http://127.0.0.1:{self.port}{_RESET}", timeout=10).raise_for_status()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """As containers reach it."""
        return f"http://host.docker.internal:{self.port}"

    def client(self, name: str, region: str = REGION) -> Any:
        """A client of boto3's."""
        return boto3.client(
            name,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key="x",
        )

    def log_messages(self, group: str) -> list[str]:
        """All events of a log group, in the order of their times."""
        client = self.client("logs")
        messages: list[str] = []
        try:
            streams = client.describe_log_streams(logGroupName=group)["logStreams"]
        except client.exceptions.ResourceNotFoundException:
            return []
        for stream in streams:
            token: dict[str, str] = {}
            while True:
                page = client.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, **token
                )
                messages += [event["message"] for event in page["events"]]
                if not page["events"]:
                    break
                token = {"nextToken": page["nextForwardToken"]}
        return messages

    def _application(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == _RESET:
            return self._from_moto(environ, start)
        found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        key, region = (found[1], found[2]) if found else ("", "")
        target = environ.get("HTTP_X_AMZ_TARGET", environ.get("PATH_INFO", ""))
        self.calls.append((target, key, environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")))
        refusal = self.refusal
        if refusal is None and key not in self.accepted:
            refusal = (
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        if refusal is None and region not in self.regions:
            refusal = (400, "AccessDeniedException", f"not authorized in {region}")
        if refusal is None:
            return self._from_moto(environ, start)
        status, code, words = refusal
        # Read, so that the connection can go on.
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = json.dumps({"__type": code, "message": words}).encode()
        start(
            f"{status} X",
            [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))],
        )
        return [body]

    def _from_moto(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._moto(environ, start)
        return answer
