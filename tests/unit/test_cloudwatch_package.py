"""The CloudWatch Agent's package: which one, from where, and that it is what it should be."""

import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture import cloudwatch_package as module
from capture.cloudwatch_package import check_cloudwatch_agent, cloudwatch_package
from capture.console import Console
from capture.errors import ExitCode, UserError

DEB = b"!<arch>\ndebian-binary   and so on"
DIGEST = hashlib.sha256(DEB).hexdigest()
CONSOLE = Console()


class Site(http.server.ThreadingHTTPServer):
    """Files to fetch, and what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.files.get(self.path)
        tag = f'"{hashlib.sha256(body or b"").hexdigest()}"'
        if body is None:
            self.send_error(404)
        elif self.headers["If-None-Match"] == tag:
            self.send_response(304)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_words: object) -> None: ...


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.05,))
        thread.start()
        yield site
        site.shutdown()
        thread.join()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "agent.deb"
    package.write_bytes(DEB)
    return package


def test_what_needs_no_network(package: Path, environment: dict[str, str]) -> None:
    for wanted in ("none", "auto"):
        check_cloudwatch_agent(wanted)
        assert cloudwatch_package(wanted, "amd64", environment, CONSOLE) is None
    for wanted in (str(package), f"{package}#sha256={DIGEST}", f"{package}#sha256={DIGEST.upper()}"):
        check_cloudwatch_agent(wanted)
        assert cloudwatch_package(wanted, "amd64", environment, CONSOLE) == package


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("/nowhere/agent.deb", "'/nowhere/agent.deb' can't be read: No such file"),
        ("/", "'/' can't be read"),
        (__file__, "is no Debian package"),
        (f"{__file__}#sha256=abc", "the SHA-256 is none"),
        ("https://host/x.deb#sha256=", "the SHA-256 is none"),
        (f"none#sha256={DIGEST}", "none has no #sha256"),
        ("offical", "'offical' can't be read"),
    ],
)
def test_bad_input(wanted: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        check_cloudwatch_agent(wanted)
    assert message in str(raised.value)
    assert raised.value.exit_code == ExitCode.BAD_INPUT
    assert raised.value.hint


def test_another_file_than_the_digest_says(package: Path, site: Site, environment: dict[str, str]) -> None:
    site.files["/agent.deb"] = DEB
    for where in (package, f"{site.url}/agent.deb"):
        with pytest.raises(UserError, match="has the SHA-256 " + DIGEST) as raised:
            cloudwatch_package(f"{where}#sha256={'0' * 64}", "amd64", environment, CONSOLE)
        assert raised.value.exit_code == ExitCode.BAD_INPUT


def test_a_url_with_its_digest_is_fetched_once(
    site: Site, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    site.files["/agent.deb"] = DEB
    wanted = f"{site.url}/agent.deb#sha256={DIGEST}"
    check_cloudwatch_agent(wanted)
    for _ in range(2):
        found = cloudwatch_package(wanted, "amd64", environment, CONSOLE)
        assert found is not None
        assert found.read_bytes() == DEB
    assert site.asked == ["/agent.deb"]
    told = capsys.readouterr()
    assert told.out == ""
    assert f"getting the CloudWatch Agent: {site.url}/agent.deb" in told.err


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("SITE/away.deb", "404 Not Found"),
        ("SITE/page.html", "is no Debian package"),
        ("SITE/agent.deb", "agent.deb.sig: 404"),
        ("http://127.0.0.1:1/agent.deb", "the network does not reach it"),
        ("http://name.invalid/agent.deb", "the network does not reach it"),
    ],
)
def test_what_cant_be_had_is_told_in_a_line(
    site: Site, environment: dict[str, str], capsys: pytest.CaptureFixture[str], url: str, why: str
) -> None:
    site.files |= {"/agent.deb": DEB, "/page.html": b"<html>"}
    assert cloudwatch_package(url.replace("SITE", site.url), "amd64", environment, CONSOLE) is None
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 2
    assert "the image is built without it: " in told.err
    assert why in told.err


@pytest.fixture
def amazon(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with a package, its signature and the key for it, which is Amazon's for this test."""
    if shutil.which("gpg") is None:
        pytest.skip("there is no gpg here")
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--homedir", str(home), "--batch", "--passphrase", "")
    subprocess.run((*gpg, "--quick-gen-key", "amazon", "ed25519", "sign"), check=True, capture_output=True)
    (tmp_path / "signed").write_bytes(DEB)
    subprocess.run((*gpg, "--detach-sign", str(tmp_path / "signed")), check=True, capture_output=True)
    told = subprocess.run((*gpg, "--with-colons", "-K"), check=True, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in told.splitlines() if line.startswith("fpr:"))
    key = subprocess.run((*gpg, "--export"), check=True, capture_output=True).stdout
    subprocess.run(("gpgconf", "--homedir", str(home), "--kill", "all"), check=True)
    site.files |= {"/agent.deb": DEB, "/agent.deb.sig": (tmp_path / "signed.sig").read_bytes(), "/key": key}
    monkeypatch.setattr(module, "_KEY", f"{site.url}/key")
    monkeypatch.setattr(module, "FINGERPRINT", fingerprint)
    monkeypatch.setattr(module, "_OFFICIAL", {"amd64": f"{site.url}/agent.deb"})
    return site


def test_the_official_package_is_wanted_where_credentials_are(
    amazon: Site, environment: dict[str, str]
) -> None:
    exported = environment | {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
    assert cloudwatch_package("auto", "amd64", environment, CONSOLE) is None
    found = cloudwatch_package("auto", "amd64", exported, CONSOLE)
    assert found is not None
    assert cloudwatch_package("official", "amd64", environment, CONSOLE) == found
    # Not fetched again while it is the same.
    assert amazon.asked == ["/agent.deb", "/agent.deb.sig", "/key", "/agent.deb"]
    assert cloudwatch_package("official", "riscv64", environment, CONSOLE) is None


def test_a_cached_package_will_do_when_nobody_answers(amazon: Site, environment: dict[str, str]) -> None:
    found = cloudwatch_package("official", "amd64", environment, CONSOLE)
    amazon.shutdown()
    amazon.server_close()
    assert cloudwatch_package("official", "amd64", environment, CONSOLE) == found is not None


def test_what_was_taken_by_a_digest_is_not_taken_for_signed(
    amazon: Site, environment: dict[str, str], tmp_path: Path
) -> None:
    amazon.files["/agent.deb"] = other = DEB + b"not Amazon's"
    url = f"{amazon.url}/agent.deb"
    with pytest.raises(UserError):
        cloudwatch_package(f"{url}#sha256={'0' * 64}", "amd64", environment, CONSOLE)
    # What was refused is nowhere.
    assert not list(tmp_path.rglob("cache/**/*.deb"))
    digest = hashlib.sha256(other).hexdigest()
    assert cloudwatch_package(f"{url}#sha256={digest}", "amd64", environment, CONSOLE) is not None
    assert cloudwatch_package("official", "amd64", environment, CONSOLE) is None
    amazon.shutdown()
    amazon.server_close()
    assert cloudwatch_package("official", "amd64", environment, CONSOLE) is None
    assert cloudwatch_package(f"{url}#sha256={digest}", "amd64", environment, CONSOLE) is not None


@pytest.mark.parametrize("broken", ["/agent.deb", "/agent.deb.sig", "/key", "fingerprint"])
def test_a_signature_that_is_not_amazons(
    amazon: Site,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    broken: str,
) -> None:
    if broken == "fingerprint":
        monkeypatch.setattr(module, "FINGERPRINT", "0" * 40)
    else:
        amazon.files[broken] += b"x" if broken == "/agent.deb" else b""
        amazon.files[broken] = amazon.files[broken] if broken == "/agent.deb" else b"no"
    assert cloudwatch_package("official", "amd64", environment, CONSOLE) is None
    assert "it is not signed by Amazon: " in capsys.readouterr().err


def test_a_signature_of_amazons_key_that_was_revoked(
    amazon: Site, environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [certificate] = (tmp_path / "g" / "openpgp-revocs.d").glob("*.rev")
    armed = certificate.read_bytes().replace(b":-----BEGIN", b"-----BEGIN")
    gpg = ("gpg", "--homedir", str(tmp_path / "g"), "--batch")
    subprocess.run((*gpg, "--import"), input=armed, check=True, capture_output=True)
    amazon.files["/key"] = subprocess.run((*gpg, "--export"), check=True, capture_output=True).stdout
    assert cloudwatch_package("official", "amd64", environment, CONSOLE) is None
    assert "it is not signed by Amazon: its signature is of a key that was revoked" in capsys.readouterr().err
    assert not list(tmp_path.rglob("cache/**/*.deb"))


def test_amazons_fingerprint_is_the_published_one() -> None:
    published = "9376 16F3 450B 7D80 6CBD 9725 D581 6730 3B78 9C72"
    assert published.replace(" ", "") == module.FINGERPRINT
