"""The uploader against AWS's API over HTTP (moto): everything arrives once, whatever happens between."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from offload.s3 import uploader as uploader_module
from offload.s3.parts import PART_BYTES
from offload.s3.store import Store, StoreError
from tests.s3_store import BUCKET, KEYS, Site, client, contents, line, moto_server, unpacked

PATIENCE_S = 60.0
FOLDER = "traffic/cluster=primary/date=2026-11-26/hour=01"


def until(condition: Callable[[], object], what: str) -> None:
    """Poll until ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def s3(endpoint: str) -> Any:
    """The store with an empty bucket."""
    request = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request):
        pass
    made = client(endpoint)
    made.create_bucket(Bucket=BUCKET)
    return made


@pytest.fixture
def site(tmp_path: Path, endpoint: str) -> Site:
    return Site(tmp_path, endpoint)


def incompressible(path: Path, parts: float) -> bytes:
    """Content for a rotated file that takes so many parts; the store does not look into it."""
    data = zstandard.compress(line(1)) + os.urandom(int(parts * PART_BYTES))
    path.write_bytes(data)
    return data


# What arrives


def test_files_arrive_in_their_order_under_their_names(s3: Any, site: Site) -> None:
    lines = [line(number) for number in range(9)]
    for number in range(3):
        site.rotate(number + 1, b"".join(lines[3 * number : 3 * number + 3]))
    uploader = site.uploader()
    assert [uploader.step() for _ in range(4)] == [True, True, True, False]
    found = contents(s3)
    assert list(found) == [f"{FOLDER}/web-00000{number}.log.zst" for number in (1, 2, 3)]
    assert b"".join(map(unpacked, found.values())) == b"".join(lines)
    told = uploader.told()
    assert (told["uploaded_files"], told["waiting_files"], told["waiting_since"]) == (3, 0, None)
    assert told["uploaded_bytes"] == told["sent_bytes"] == sum(map(len, found.values()))
    # The files are the agent's.
    assert len(list(site.log.parent.glob("*.zst"))) == 3


def test_an_earlier_versions_files_arrive_as_they_are(s3: Any, site: Site) -> None:
    packed = gzip.compress(line(1))
    site.rotate(1, packed, ".gz")
    assert site.uploader().step()
    assert contents(s3) == {f"{FOLDER}/web-000001.log.gz": packed}


def test_nothing_is_sent_again_after_a_restart(s3: Any, site: Site) -> None:
    site.rotate(1, line(1))
    assert site.uploader().step()
    site.rotate(2, line(2))
    second = site.uploader()
    assert [second.step(), second.step()] == [True, False]
    assert second.told()["uploaded_files"] == 1
    assert len(contents(s3)) == 2


def test_an_empty_file_is_passed_over(s3: Any, site: Site) -> None:
    site.rotate(1, b"", ".gz")
    site.rotate(2, line(2))
    uploader = site.uploader()
    assert [uploader.step() for _ in range(3)] == [True, True, False]
    assert list(contents(s3)) == [f"{FOLDER}/web-000002.log.zst"]


def test_a_gap_is_counted(s3: Any, site: Site) -> None:
    site.rotate(1, line(1))
    uploader = site.uploader()
    uploader.step()
    site.rotate(5, line(5))
    uploader.step()
    assert uploader.told()["missing_files"] == 3


def test_numbers_that_began_anew_below_the_ledger_are_uploaded(s3: Any, site: Site) -> None:
    (site.state / "s3.json").write_text('{"last": 500, "unfinished": null}')
    site.rotate(1, line(1))
    site.rotate(2, line(2))
    uploader = site.uploader()
    assert uploader.told()["waiting_files"] == 2
    assert [uploader.step() for _ in range(3)] == [True, True, False]
    assert list(contents(s3)) == [f"{FOLDER}/web-00000{number}.log.zst" for number in (1, 2)]
    assert uploader.told()["missing_files"] == 0
    assert json.loads((site.state / "s3.json").read_text())["last"] == 2


def test_files_that_stay_after_their_upload_are_no_new_beginning(s3: Any, site: Site) -> None:
    (site.state / "s3.json").write_text('{"last": 2, "unfinished": null}')
    site.rotate(1, line(1))
    site.rotate(2, line(2))
    assert not site.uploader().step()
    assert contents(s3) == {}


def test_the_store_is_told_class_and_key(s3: Any, site: Site) -> None:
    site.rotate(1, line(1))
    incompressible(site.rotate(2, b""), 1.2)
    uploader = site.uploader(storage_class="STANDARD_IA", kms_key="alias/captures")
    assert [uploader.step(), uploader.step()] == [True, True]
    for number in (1, 2):
        head = s3.head_object(Bucket=BUCKET, Key=f"{FOLDER}/web-00000{number}.log.zst")
        assert head["StorageClass"] == "STANDARD_IA"
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/captures")


# What is there already is never replaced


@pytest.mark.parametrize("parts", [0.01, 1.2])
def test_another_file_of_the_same_name_is_not_replaced(s3: Any, site: Site, parts: float) -> None:
    first = incompressible(site.rotate(1, b""), parts)
    assert site.uploader().step()
    # An emptied volume: the numbers begin anew, in the same hour.
    (site.state / "s3.json").unlink()
    second = incompressible(site.rotate(1, b""), parts)
    assert site.uploader().step()
    (site.state / "s3.json").unlink()
    third = incompressible(site.rotate(1, b""), parts)
    assert site.uploader().step()
    assert contents(s3) == {
        f"{FOLDER}/web-000001.log.zst": first,
        f"{FOLDER}/web-000001-1.log.zst": second,
        f"{FOLDER}/web-000001-2.log.zst": third,
    }


def test_the_same_file_is_not_sent_twice_when_the_ledger_is_lost(s3: Any, site: Site) -> None:
    incompressible(site.rotate(1, b""), 1.2)
    assert site.uploader().step()
    (site.state / "s3.json").unlink()
    again = site.uploader()
    assert again.step()
    assert (again.told()["sent_bytes"], again.told()["uploaded_files"]) == (0, 1)
    assert len(contents(s3)) == 1


@pytest.mark.parametrize("parts", [0.01, 1.2])
def test_whoever_is_quicker_between_look_and_write_keeps_the_name(
    s3: Any, site: Site, parts: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"{FOLDER}/web-000001.log.zst"
    head, looks = Store.head, [0]

    def quicker(self: Store, asked: str) -> Any:
        found = head(self, asked)
        looks[0] += 1
        if looks[0] == 1:
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
        return found

    monkeypatch.setattr(Store, "head", quicker)
    mine = incompressible(site.rotate(1, b""), parts)
    assert site.uploader().step()
    assert contents(s3) == {key: b"theirs", f"{FOLDER}/web-000001-1.log.zst": mine}
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


# Interruptions

CHILD = """
import sys
from pathlib import Path
from tests.s3_store import Site
site = Site(Path(sys.argv[1]), sys.argv[2])
site.uploader(bytes_per_s=int(sys.argv[3])).run(site.stop)
"""


def test_a_killed_upload_in_parts_is_resumed(s3: Any, site: Site, endpoint: str) -> None:
    path = site.rotate(1, b"")
    data = incompressible(path, 3.5)
    # Some 1.3 s a part.
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(site.log.parent), endpoint, str(6 << 20)], cwd=Path.cwd()
    )
    try:

        def uploads() -> list[Any]:
            return list(s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

        def parts() -> list[Any]:
            begun = uploads()
            if not begun:
                return []
            listed = s3.list_parts(Bucket=BUCKET, Key=begun[0]["Key"], UploadId=begun[0]["UploadId"])
            return list(listed.get("Parts", []))

        until(lambda: len(parts()) >= 2, "two parts")
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert contents(s3) == {}
    before = uploads()
    there = sum(part["Size"] for part in parts())
    uploader = site.uploader()
    assert uploader.step()
    assert contents(s3) == {f"{FOLDER}/web-000001.log.zst": data}
    # What was there was not sent again, and nothing is left that costs money.
    assert uploader.told()["sent_bytes"] == len(data) - there
    assert len(before) == 1
    assert uploads() == []


def begun(site: Site, s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """An upload in parts that breaks off after the first part; returns its identifier."""
    put_part, count = Store.put_part, [0]

    def breaks(self: Store, *arguments: Any) -> str:
        count[0] += 1
        if count[0] == 2:
            raise StoreError("broken off")
        return put_part(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put_part", breaks)
        with pytest.raises(StoreError, match="broken off"):
            site.uploader().step()
    return str(s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"][0]["UploadId"])


def test_an_upload_that_the_store_forgot_begins_anew(
    s3: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = incompressible(site.rotate(1, b""), 2.5)
    upload_id = begun(site, s3, monkeypatch)
    s3.abort_multipart_upload(Bucket=BUCKET, Key=f"{FOLDER}/web-000001.log.zst", UploadId=upload_id)
    uploader = site.uploader()
    assert uploader.step()
    assert uploader.told()["sent_bytes"] == len(data)
    assert contents(s3) == {f"{FOLDER}/web-000001.log.zst": data}


def test_a_part_that_is_not_the_files_is_sent_again(
    s3: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = incompressible(site.rotate(1, b""), 2.5)
    upload_id = begun(site, s3, monkeypatch)
    key = f"{FOLDER}/web-000001.log.zst"
    s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=1, Body=b"x" * PART_BYTES)
    assert site.uploader().step()
    assert contents(s3) == {key: data}


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_what_was_begun_and_wont_be_finished_is_aborted(
    s3: Any, site: Site, monkeypatch: pytest.MonkeyPatch, ledger: str
) -> None:
    path = site.rotate(1, b"")
    incompressible(path, 2.5)
    begun(site, s3, monkeypatch)
    if ledger == "lost":
        (site.state / "s3.json").unlink()
        assert site.uploader().step()
    else:
        # The agent removed it for the bound.
        path.unlink()
        assert not site.uploader().step()
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_a_file_that_goes_while_it_is_sent_is_sent_whole(s3: Any, site: Site) -> None:
    path = site.rotate(1, b"")
    data = incompressible(path, 0.5)
    uploader = site.uploader(bytes_per_s=4 << 20)
    thread = threading.Thread(target=uploader.step)
    thread.start()
    until(lambda: uploader.told()["sent_bytes"] > 100_000, "the beginning")
    path.unlink()
    thread.join(PATIENCE_S)
    assert contents(s3) == {f"{FOLDER}/web-000001.log.zst": data}


def test_an_outage_loses_nothing(s3: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploader_module, "_LOOK_S", 0.05)
    monkeypatch.setattr("offload.s3.backoff._MOST_S", 1.0)
    with moto_server() as url:
        port = int(url.rpartition(":")[2])
    site.url = url
    lines = [line(number) for number in range(4)]
    site.rotate(1, lines[0])
    uploader = site.uploader()
    thread = threading.Thread(target=uploader.run, args=(site.stop,))
    thread.start()
    try:
        until(lambda: "Could not connect" in site.error, "a word about it")
        for number in (2, 3, 4):
            site.rotate(number, lines[number - 1])
        until(lambda: uploader.told()["waiting_files"] == 4, "the count")
        assert uploader.told()["waiting_since"] is not None
        with moto_server(port) as again:
            assert again == url
            until(lambda: uploader.told()["uploaded_files"] == 4, "the uploads")
            until(lambda: site.error == "None", "the end of the trouble")
    finally:
        site.stop.set()
        thread.join(PATIENCE_S)
    assert b"".join(map(unpacked, contents(s3).values())) == b"".join(lines)
    assert uploader.told()["uploaded_files"] == 4


# The bandwidth


def test_the_bandwidth_is_bounded(s3: Any, site: Site) -> None:
    incompressible(site.rotate(1, b""), 0.25)
    uploader = site.uploader(bytes_per_s=1 << 20)
    began = time.monotonic()
    assert uploader.step()
    # 2 MiB, of which a quarter of a second may be at once: never quicker, however slow the machine.
    assert time.monotonic() - began > 1.6


def test_a_stop_does_not_wait_for_the_upload(s3: Any, site: Site) -> None:
    incompressible(site.rotate(1, b""), 0.9)
    uploader = site.uploader(bytes_per_s=20_000)
    thread = threading.Thread(target=uploader.run, args=(site.stop,))
    thread.start()
    until(lambda: uploader.told()["sent_bytes"] > 0, "the beginning")
    site.stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert contents(s3) == {}


# Refusals, in the service's words


def test_a_bucket_that_is_not_there(s3: Any, site: Site) -> None:
    site.rotate(1, line(1))
    with pytest.raises(StoreError, match="NoSuchBucket: The specified bucket does not exist"):
        site.uploader(url="s3://another-bucket/traffic").step()


def test_missing_credentials_and_their_arrival(
    s3: Any, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(uploader_module, "_LOOK_S", 0.05)
    # The wait is ended by the new credentials, not by its own end.
    monkeypatch.setattr("offload.s3.backoff._FIRST_S", 300.0)
    site.credentials.unlink()
    site.rotate(1, line(1))
    uploader = site.uploader()
    thread = threading.Thread(target=uploader.run, args=(site.stop,))
    thread.start()
    try:
        until(lambda: "Unable to locate credentials" in site.error, "a word about it")
        site.credentials.write_text(KEYS.format("AKIAIOSFODNN7EXAMPLE", "secret"))
        until(lambda: uploader.told()["uploaded_files"] == 1, "the upload")
    finally:
        site.stop.set()
        thread.join(PATIENCE_S)


@pytest.fixture
def keys(s3: Any, endpoint: str) -> Iterator[tuple[str, str]]:
    """Keys of a user who may do what the documentation asks for, from now on only."""
    iam = client(endpoint, "iam")
    iam.create_user(UserName="offload")
    made = iam.create_access_key(UserName="offload")["AccessKey"]
    policy = json.loads(
        (Path("docs") / "offload-policy.json")
        .read_text()
        .replace("BUCKET", BUCKET)
        .replace("PREFIX", "traffic")
    )
    iam.put_user_policy(UserName="offload", PolicyName="offload", PolicyDocument=json.dumps(policy))

    def unauthenticated(count: str) -> None:
        request = urllib.request.Request(
            f"{endpoint}/moto-api/reset-auth", count.encode(), {"Content-Type": "text/plain"}, method="POST"
        )
        with urllib.request.urlopen(request):
            pass

    unauthenticated("0")
    yield made["AccessKeyId"], made["SecretAccessKey"]
    unauthenticated("inf")


def test_the_documented_rights_are_enough_and_renewed_keys_are_read(
    site: Site, keys: tuple[str, str], endpoint: str
) -> None:
    site.credentials.write_text(KEYS.format("AKIAIOSFODNN7EXAMPLE", "wrong"))
    site.rotate(1, line(1))
    incompressible(site.rotate(2, b""), 1.2)
    uploader = site.uploader()
    with pytest.raises(StoreError, match="InvalidAccessKeyId"):
        uploader.step()
    site.credentials.write_text(KEYS.format(*keys))
    assert [uploader.step(), uploader.step(), uploader.step()] == [True, True, False]


def test_what_is_not_allowed_is_refused_in_the_stores_words(site: Site, keys: tuple[str, str]) -> None:
    site.credentials.write_text(KEYS.format(*keys))
    site.rotate(1, line(1))
    with pytest.raises(StoreError, match="AccessDenied: "):
        site.uploader(url=f"s3://{BUCKET}/elsewhere").step()
