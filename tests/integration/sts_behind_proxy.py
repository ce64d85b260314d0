"""A company's proxy (CONNECT) that opens TLS with an authority of its own, and behind it the one call by which a token becomes credentials."""

import datetime
import ssl
import tempfile
import threading
from io import BufferedIOBase
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<SubjectFromWebIdentityToken>x</SubjectFromWebIdentityToken><Audience>x</Audience>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/capture/x</Arn><AssumedRoleId>AROAEXAMPLE:x</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


class StsBehindProxy:
    """To be used in a ``with`` block; it listens for containers too."""

    def __init__(self) -> None:
        self.connections: list[str] = []
        """HOST:PORT of each tunnel that was asked for."""
        self.tokens: list[str] = []
        """What was sent as a web identity token."""
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority = _certify(self._tls)
        """The certificate to trust, PEM."""
        outer = self

        class _Handler(StreamRequestHandler):
            def handle(self) -> None:
                outer._serve(self)

        ThreadingTCPServer.allow_reuse_address = True
        self._server = ThreadingTCPServer(("0.0.0.0", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """As containers reach it."""
        return f"http://host.docker.internal:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, handler: StreamRequestHandler) -> None:
        (method, target, _), _ = _head(handler.rfile)
        if method != "CONNECT":
            self.connections.append(f"{method} {target}")
            return
        self.connections.append(target)
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            with self._tls.wrap_socket(handler.connection, server_side=True) as inner:
                with inner.makefile("rb") as file:
                    _, headers = _head(file)
                    form = parse_qs(file.read(int(headers["content-length"])).decode())
                self.tokens += form.get("WebIdentityToken", [])
                answer = _ANSWER.encode()
                inner.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(answer), answer)
                )
        except OSError:
            # Whoever does not trust the authority, yet or at all.
            return


def _head(file: BufferedIOBase) -> tuple[tuple[str, str, str], dict[str, str]]:
    method, target, version = file.readline().decode().split()
    headers = {}
    while line := file.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return (method, target, version), headers


def _certify(context: ssl.SSLContext) -> str:
    """Give ``context`` a certificate for the service; that of its authority."""
    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a company's authority")])

    def signed(subject: x509.Name, public: ec.EllipticCurvePublicKey, *, of_authority: bool) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=of_authority, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if of_authority:
            usage = x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        else:
            names = [x509.DNSName(name) for name in ("sts.amazonaws.com", "sts.eu-central-1.amazonaws.com")]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    service = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sts.amazonaws.com")])
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_bytes(private + signed(service, key.public_key(), of_authority=False))
        context.load_cert_chain(chain)
    return signed(authority, authority_key.public_key(), of_authority=True).decode()
