"""What moto does not do, from a server that answers as stores do: other regions, less able stores; and whose credentials are used."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from offload.s3.store import StoreError
from tests.s3_store import KEYS, Site, line

Answer = tuple[int, dict[str, str], bytes]
Respond = Callable[[str, str, "Message[str, str]", bytes], Answer]


@contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """A server whose every answer is ``respond(method, path, headers, body)``; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = respond(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    for method in ("HEAD", "GET", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def error(status: int, code: str, words: str, headers: dict[str, str] | None = None) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message></Error>"
    return status, headers or {}, body.encode()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path, "")
    made.rotate(1, line(1))
    return made


# Regions


@pytest.mark.parametrize("told", [{}, {"x-amz-bucket-region": "eu-west-1"}])
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (
            301,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint.",
        ),
        (400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-1'"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match."),
        (403, "AccessDenied", "Access Denied"),
        (400, "ExpiredToken", "The provided token has expired."),
    ],
)
def test_a_refusal_is_in_the_stores_words(
    site: Site, status: int, code: str, words: str, told: dict[str, str]
) -> None:
    refuse = lambda *_: error(status, code, words, told)  # noqa: E731 - one line says it
    with serving(refuse) as site.url, pytest.raises(StoreError) as raised:
        site.uploader().step()
    assert str(raised.value) == f"{code}: {words} (PutObject)"
    assert raised.value.code == code


# Stores that can do less


class Plain:
    """A store of objects without additional checksums, of another kind of ETags, and without conditional writes."""

    def __init__(self, etag: Callable[[bytes], str]) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.etag = etag
        self.damage = b""
        self.keeps_metadata = True
        self.refusals = 0

    def respond(self, method: str, path: str, headers: "Message[str, str]", body: bytes) -> Answer:
        if method == "PUT":
            if headers.get("If-None-Match"):
                self.refusals += 1
                return error(
                    501,
                    "NotImplemented",
                    "A header you provided implies functionality that is not implemented",
                )
            kept = {name: value for name, value in headers.items() if name.lower().startswith("x-amz-meta-")}
            kept = kept if self.keeps_metadata else {}
            self.objects[path] = (body + self.damage, kept)
            return 200, {"ETag": self.etag(body)}, b""
        if path not in self.objects:
            return error(404, "NoSuchKey", "The specified key does not exist.")
        content, kept = self.objects[path]
        return 200, {**kept, "ETag": self.etag(content), "Content-Length": str(len(content))}, content


def md5(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def not_md5(_: bytes) -> str:
    return f'"{0:032x}"'


@pytest.mark.parametrize("keeps_metadata", [True, False])
@pytest.mark.parametrize("etag", [md5, not_md5, lambda _: '"CJjy7Z2FzN8CEAE="', lambda _: ""])
def test_a_plain_store_will_do(site: Site, etag: Callable[[bytes], str], keeps_metadata: bool) -> None:
    store = Plain(etag)
    store.keeps_metadata = keeps_metadata
    site.rotate(2, line(2))
    with serving(store.respond) as site.url:
        uploader = site.uploader()
        assert [uploader.step() for _ in range(3)] == [True, True, False]
    assert [path.rpartition("/")[2] for path in store.objects] == ["web-000001.log.zst", "web-000002.log.zst"]
    # Asked once whether it can, and never again.
    assert store.refusals == 1


@pytest.mark.parametrize("etag", [md5, lambda _: '"CJjy7Z2FzN8CEAE="'])
def test_what_arrived_otherwise_is_not_taken_for_the_file(
    site: Site, etag: Callable[[bytes], str], caplog: pytest.LogCaptureFixture
) -> None:
    store = Plain(etag)
    store.damage = b"!"

    def heals(method: str, path: str, headers: "Message[str, str]", body: bytes) -> Answer:
        if len(store.objects) == 1:
            store.damage = b""
        return store.respond(method, path, headers, body)

    # It is sent again under another name, until the store is itself again.
    with serving(heals) as site.url:
        assert site.uploader().step()
    names = [path.rpartition("/")[2] for path in store.objects]
    assert names == ["web-000001.log.zst", "web-000001-1.log.zst"]
    assert "in the store is not the file" in caplog.text


@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_a_store_that_keeps_another_content_gets_two_objects_at_most(
    site: Site, keeps_metadata: bool
) -> None:
    store = Plain(not_md5)
    store.keeps_metadata = keeps_metadata

    def respond(method: str, path: str, headers: "Message[str, str]", body: bytes) -> Answer:
        return store.respond(method, path, headers, body[:-1] + b"!" if body else body)

    with serving(respond) as site.url:
        uploader = site.uploader()
        for _ in range(3):
            with pytest.raises(StoreError, match="its content is another"):
                uploader.step()
    assert len(store.objects) == 2


# Credentials


def test_a_role_is_used_where_there_is_no_file_and_the_file_comes_first(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signers: list[str] = []

    def refuse(_method: str, _path: str, headers: "Message[str, str]", _body: bytes) -> Answer:
        match = re.search(r"Credential=(\w+)/", headers["Authorization"])
        assert match
        token = headers.get("X-Amz-Security-Token", "")
        signers.append(f"{match[1]} {token}")
        return error(403, "AccessDenied", "Access Denied")

    asked: list[str] = []

    def role(_method: str, path: str, headers: "Message[str, str]", _body: bytes) -> Answer:
        asked.append(f"{path} {headers['Authorization']}")
        told = {
            "AccessKeyId": "ASIAROLE",
            "SecretAccessKey": "s",
            "Token": "of-the-role",
            "Expiration": "2036-01-01T00:00:00Z",
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    site.credentials.unlink()
    with serving(refuse) as site.url, serving(role) as of_roles:
        # As an orchestrator sets them (AWS SDKs, "container credential provider").
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{of_roles}/role")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "may-ask")
        uploader = site.uploader()
        with pytest.raises(StoreError, match="AccessDenied"):
            uploader.step()
        assert asked == ["/role may-ask"]
        assert set(signers) == {"ASIAROLE of-the-role"}
        signers.clear()
        # Handed over while it runs, and renewed while it runs.
        for key in ("ASIAHANDEDOVEREXAMPLE", "ASIARENEWEDEXAMPLE"):
            site.credentials.write_text(KEYS.format(key, "s") + "aws_session_token = of-the-file\n")
            with pytest.raises(StoreError, match="AccessDenied"):
                uploader.step()
        assert list(dict.fromkeys(signers)) == [
            "ASIAHANDEDOVEREXAMPLE of-the-file",
            "ASIARENEWEDEXAMPLE of-the-file",
        ]
        assert len(asked) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/proxy",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent",
        },
        {"AWS_PROFILE": "elsewhere"},
    ],
)
def test_the_file_comes_before_whatever_the_environment_names(
    site: Site, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signers: set[str] = set()

    def refuse(_method: str, _path: str, headers: "Message[str, str]", _body: bytes) -> Answer:
        match = re.search(r"Credential=(\w+)/", headers["Authorization"])
        assert match
        signers.add(match[1])
        return error(403, "AccessDenied", "Access Denied")

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serving(refuse) as site.url, pytest.raises(StoreError, match="AccessDenied"):
        site.uploader().step()
    assert signers == {"AKIAIOSFODNN7EXAMPLE"}
