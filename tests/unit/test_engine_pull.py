"""A pull when the fault is on this machine: an engine that goes away, a configuration that can't be used."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from capture.engine import Engine, connect
from capture.errors import UserError


class GoesAway(BaseHTTPRequestHandler):
    """An engine that ends in the middle of its first line about a pull."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"ApiVersion": "1.41"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b'100\r\n{"status":')
        self.close_connection = True

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    """That engine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), GoesAway) as server:
        thread = threading.Thread(target=server.serve_forever, name="engine")
        thread.start()
        try:
            engine = connect(f"tcp://127.0.0.1:{server.server_port}")
            yield engine
            engine.close()
        finally:
            server.shutdown()
            thread.join()


def test_an_engine_that_goes_away_is_no_matter_of_the_registry(engine: Engine) -> None:
    with pytest.raises(UserError, match=r"pulling image debian:x: the Docker engine went away"):
        engine.pull("debian:x")


@pytest.mark.filterwarnings("ignore:docker-credential-no-such-store")
def test_a_store_for_credentials_that_is_not_there_is_told_with_the_file_that_names_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "no-such-store"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(UserError, match="docker-credential-no-such-store not installed") as caught:
        engine.pull("debian:x")
    assert "config.json" in caught.value.hint
