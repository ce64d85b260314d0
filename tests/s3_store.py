"""A store for the tests: moto's S3 over HTTP, and an uploader's surroundings."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import zstandard
from moto.server import ThreadedMotoServer

from offload.s3.uploader import Uploader, UploaderSettings
from offload.trouble import Trouble

BUCKET = "captures"
KEYS = "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"


@contextmanager
def moto_server(port: int = 0, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve AWS's API; yields its URL on the loopback. What it knows is this process's, and outlives it."""
    server = ThreadedMotoServer(ip_address=address, port=port, verbose=False)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


def client(url: str, service: str = "s3") -> Any:
    """A client of the test's own."""
    return boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b").client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        endpoint_url=url,
    )


def contents(s3: Any, bucket: str = BUCKET) -> dict[str, bytes]:
    """Key -> content of all objects."""
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed}


def unpacked(data: bytes) -> bytes:
    """What was compressed."""
    return zstandard.ZstdDecompressor().stream_reader(data).read()


def line(number: int) -> bytes:
    """A line that begins as those of the capture log do."""
    return f'{{"startedDateTime":"2026-11-26T01:08:58.610284Z","_id":"{number}"}}\n'.encode()


class Site:
    """A log's directory with an uploader's state beside it."""

    def __init__(self, directory: Path, url: str) -> None:
        self.log = directory / "haproxy-traffic.log"
        self.state = directory / "haproxy-traffic.offload"
        self.state.mkdir(exist_ok=True)
        self.credentials = directory / "credentials"
        self.credentials.write_text(KEYS.format("AKIAIOSFODNN7EXAMPLE", "secret"))
        self.url = url
        self.stop = threading.Event()
        self.trouble = Trouble("s3")

    @property
    def error(self) -> str:
        """What fails now."""
        return str(self.trouble.as_dict()["error"])

    def rotate(self, number: int, content: bytes, form: str = ".zst") -> Path:
        """A rotated file, as the agent leaves it."""
        path = self.log.with_name(f"{self.log.name}.{number:06d}{form}")
        path.write_bytes(zstandard.compress(content) if form == ".zst" else content)
        return path

    def settings(self, **changes: Any) -> UploaderSettings:
        values: dict[str, Any] = {
            "url": f"s3://{BUCKET}/traffic",
            "region": "us-east-1",
            "endpoint": self.url,
            "storage_class": "",
            "kms_key": "",
            "bytes_per_s": 0,
            "host": "web",
            "cluster": "primary",
            "log": self.log,
            "ledger": self.state / "s3.json",
            "credentials": self.credentials,
        }
        return UploaderSettings(**values | changes)

    def uploader(self, **changes: Any) -> Uploader:
        return Uploader(self.settings(**changes), self.trouble)
