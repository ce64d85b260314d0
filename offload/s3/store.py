"""The store that objects are sent to: the S3 requests that are needed, and what a store says when it refuses."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from offload.credentials import parse
from offload.s3.digests import Digests, PartDigests
from offload.s3.part_body import PartBody
from offload.s3.parts import Part
from offload.whose import as_the_offload

_LOG = logging.getLogger(__name__)

_CONNECT_S = 10
_ANSWER_S = 60
_ATTEMPTS = 3

# The name of the object's field for the whole file's SHA-256: what an object of several parts has no checksum of.
_SHA256 = "sha256"

# Of a store that does not know conditional writes.
_NO_CONDITIONS = frozenset(("NotImplemented", "501", "InvalidArgument"))


class StoreError(Exception):
    """The store could not be reached, or refused; the text is the store's own, or the library's.

    Args:
        code: the store's, e.g. ``NoSuchBucket``; empty when it was not reached.
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class ExistsError(StoreError):
    """There is an object of that name already."""


class GoneError(StoreError):
    """The store does not know the unfinished upload any more."""


@dataclass(frozen=True)
class StoreSettings:
    """Empty: as boto3's configuration has it, or the bucket."""

    bucket: str
    region: str
    endpoint: str
    """A URL other than Amazon's; objects are then named by path."""
    storage_class: str
    kms_key: str
    """Encrypt with this key of the key management service."""
    credentials: Path | None
    """A credentials file, where there is one; otherwise what boto3 finds: roles, profiles."""


@dataclass(frozen=True)
class StoredObject:
    """What the store says of an object."""

    size: int
    sha256: str | None
    """Of the whole file, as its uploader said."""
    checksum: str | None
    etag: str | None


@dataclass
class Traffic:
    """What the requests share."""

    send: Callable[[int], None]
    """Called with a number of bytes before these are sent; it may wait."""
    conditional: bool = field(default=True)
    """Whether the store knows ``If-None-Match``."""


class Store:
    """A bucket, with the credentials that boto3 finds now.

    Raises:
        StoreError: there is something wrong with the configuration.
    """

    def __init__(self, settings: StoreSettings, traffic: Traffic) -> None:
        self._settings = settings
        self._traffic = traffic
        self._client = _client(settings, self._before_call, _before_send)
        self._new_object = {
            name: value
            for name, value in (
                ("StorageClass", settings.storage_class),
                ("ServerSideEncryption", "aws:kms" if settings.kms_key else ""),
                ("SSEKMSKeyId", settings.kms_key),
            )
            if value
        }

    @property
    def name(self) -> str:
        """Which one it is, for those that compare two."""
        return f"{self._settings.endpoint} {self._settings.bucket}"

    def head(self, key: str) -> StoredObject | None:
        """What the store says of an object; None: it says that there is none.

        Raises:
            StoreError: as ever.
        """
        try:
            answer = self._ask("head_object", key, ChecksumMode="ENABLED")
        except StoreError as error:
            # An answer to HEAD has no body, so no words.
            if error.code in ("404", "NoSuchKey"):
                return None
            raise
        return StoredObject(
            answer["ContentLength"],
            answer.get("Metadata", {}).get(_SHA256),
            answer.get("ChecksumSHA256"),
            answer.get("ETag", "").strip('"') or None,
        )

    def put(self, key: str, file: BinaryIO, part: Part, digests: Digests) -> None:
        """Send a file in one request.

        Raises:
            ExistsError: there is such an object, or it is being made.
            StoreError: as ever.
        """
        self._conditionally(
            "put_object",
            key,
            Body=PartBody(file, part, self._traffic.send),
            ChecksumSHA256=digests.checksum,
            Metadata={_SHA256: digests.sha256},
            **self._new_object,
        )

    def begin(self, key: str, sha256: str) -> str:
        """Begin an upload in parts; returns its identifier.

        Raises:
            StoreError: as ever.
        """
        answer = self._ask(
            "create_multipart_upload",
            key,
            ChecksumAlgorithm="SHA256",
            Metadata={_SHA256: sha256},
            **self._new_object,
        )
        return str(answer["UploadId"])

    def parts(self, key: str, upload_id: str) -> Iterator[tuple[int, str | None, str]]:
        """The parts that the store has of an unfinished upload: number, checksum, ETag.

        Raises:
            GoneError: it does not know it.
            StoreError: as ever.
        """
        last = 0
        while True:
            marker = {"PartNumberMarker": last} if last else {}
            answer = self._ask("list_parts", key, UploadId=upload_id, **marker)
            for part in answer.get("Parts", ()):
                yield part["PartNumber"], part.get("ChecksumSHA256"), part["ETag"].strip('"')
            following = answer.get("NextPartNumberMarker", 0)
            # One that does not come forward would go on for ever; what it does not list is sent again.
            if not answer.get("IsTruncated") or following <= last:
                return
            last = following

    def put_part(self, key: str, upload_id: str, file: BinaryIO, part: Part, digests: PartDigests) -> str:
        """Send a part; returns its ETag.

        Raises:
            GoneError: the store does not know the upload.
            StoreError: as ever.
        """
        answer = self._ask(
            "upload_part",
            key,
            UploadId=upload_id,
            PartNumber=part.number,
            Body=PartBody(file, part, self._traffic.send),
            ChecksumSHA256=digests.checksum,
        )
        return str(answer["ETag"]).strip('"')

    def complete(self, key: str, upload_id: str, etags: Mapping[int, str], digests: Digests) -> None:
        """Make an object of the parts.

        Raises:
            ExistsError: there is such an object, or it is being made.
            GoneError: the store does not know the upload.
            StoreError: as ever.
        """
        parts = [
            {"PartNumber": number, "ETag": f'"{etag}"', "ChecksumSHA256": digests.parts[number - 1].checksum}
            for number, etag in sorted(etags.items())
        ]
        self._conditionally(
            "complete_multipart_upload", key, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )

    def abort(self, key: str, upload_id: str) -> None:
        """Give an upload up, with the parts that it has.

        Raises:
            StoreError: as ever, but not when the store does not know it.
        """
        with suppress(GoneError):
            self._ask("abort_multipart_upload", key, UploadId=upload_id)

    def unfinished(self, key: str, before: datetime) -> list[str]:
        """Identifiers of the uploads of that name that were begun before that time and are not finished.

        Raises:
            StoreError: as ever.
        """
        answer = self._ask("list_multipart_uploads", Prefix=key)
        return [
            str(one["UploadId"])
            for one in answer.get("Uploads", ())
            if one["Key"] == key and one["Initiated"] < before
        ]

    def read(self, key: str) -> Iterator[bytes]:
        """The object's content.

        Raises:
            StoreError: as ever.
        """
        body = self._ask("get_object", key)["Body"]
        with _said("GetObject"):
            yield from body.iter_chunks(1 << 20)

    def _conditionally(self, operation: str, key: str, **arguments: Any) -> None:
        """Do what must not replace an object."""
        try:
            self._ask(operation, key, **arguments)
        except StoreError as error:
            if error.code in ("PreconditionFailed", "412"):
                raise ExistsError(str(error), error.code) from error
            if error.code not in _NO_CONDITIONS or not self._traffic.conditional:
                raise
            self._without_condition(operation, key, error, **arguments)

    def _without_condition(self, operation: str, key: str, refusal: StoreError, **arguments: Any) -> None:
        """Try it as a store knows it that refused the condition, and remember that it is such a one."""
        if "Body" in arguments:
            arguments["Body"].seek(0)
        self._traffic.conditional = False
        try:
            self._ask(operation, key, **arguments)
        except StoreError:
            self._traffic.conditional = True
            raise
        _LOG.warning("the store does not know conditional writes: %s", refusal)

    def _ask(self, operation: str, key: str | None = None, **arguments: Any) -> dict[str, Any]:
        if key is not None:
            arguments["Key"] = key
        # Where credentials come from, and with them tokens and profiles, is looked up in the middle of a request.
        with _said(operation), as_the_offload():
            answer: dict[str, Any] = getattr(self._client, operation)(
                Bucket=self._settings.bucket, **arguments
            )
        return answer

    def _before_call(self, params: dict[str, Any], **_: object) -> None:
        # As a header, since the older botocore of Debian 12 has no such argument.
        if self._traffic.conditional:
            params["headers"]["If-None-Match"] = "*"


def _before_send(request: Any, **_: object) -> None:
    if isinstance(request.body, PartBody):
        request.body.begin_sending()


def _ask_for_no_region(**_: object) -> None:
    """Stands in for botocore's own HeadBucket.

    It asks so for a bucket's region when a refusal does not tell it, and again when that is refused in the same way, without end. Amazon's
    refusals tell it.
    """
    raise ClientError({"ResponseMetadata": {"HTTPHeaders": {}}}, "HeadBucket")  # type: ignore[typeddict-item]


def _client(
    settings: StoreSettings, before_call: Callable[..., None], before_send: Callable[..., None]
) -> Any:
    config = Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_ANSWER_S,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=1,
        s3={"addressing_style": "path"} if settings.endpoint else None,
    )
    with _said("Session"), as_the_offload():
        # A session of its own: what it knows of credentials ends with it.
        session = botocore.session.Session()
        if settings.credentials is not None:
            # Set by hand: botocore prefers a web identity to a file, and refuses a profile that it does not find.
            handed_over = parse(settings.credentials.read_text("utf-8"))
            session.set_config_variable("credentials_file", str(settings.credentials))
            session.set_config_variable("profile", "default")
            session.set_credentials(
                handed_over.access_key_id, handed_over.secret_access_key, handed_over.session_token
            )
        client: Any = boto3.session.Session(botocore_session=session).client(
            "s3",
            region_name=settings.region or None,
            endpoint_url=settings.endpoint or None,
            config=config,
        )
    events = client.meta.events
    events.register("before-call.s3.HeadBucket", _ask_for_no_region)
    for operation in ("PutObject", "CompleteMultipartUpload"):
        events.register(f"before-call.s3.{operation}", before_call)
    for operation in ("PutObject", "UploadPart"):
        events.register(f"before-send.s3.{operation}", before_send)
    return client


@contextmanager
def _said(operation: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        code, words = str(said.get("Code", "")), str(said.get("Message", ""))
        kind = GoneError if code == "NoSuchUpload" else StoreError
        raise kind(f"{code}: {words} ({error.operation_name})", code) from error
    except BotoCoreError as error:
        raise StoreError(f"{error} ({operation})") from error
    except ValueError as error:
        # Such as an endpoint that is no URL.
        raise StoreError(f"{error} ({operation})") from error
