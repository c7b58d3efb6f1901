"""A web server with TLS on loopback that publishes client documents, and misbehaves when told to."""

import datetime
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flask_sentry_mcp.oauth.fetching import Fetcher

HOST = "app.example"
ID = f"https://{HOST}/client.json"
REDIRECT = f"https://{HOST}/callback"
Reply = Callable[[socket.socket], None]


def document(**changes: Any) -> dict[str, Any]:
    """A document that is in order, and *changes*; a member is left out by None."""
    members = {"client_id": ID, "client_name": "Editor", "redirect_uris": [REDIRECT], **changes}
    return {name: value for name, value in members.items() if value is not None}


def answer(body: bytes, *headers: str, status: str = "200 OK", media_type: str = "application/json") -> bytes:
    """An HTTP answer in full."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def slowly(data: bytes, pause_s: float) -> Reply:
    """A reply of one byte at a time."""

    def send(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause_s)

    return send


@dataclass
class DocumentHost:
    """``reply`` is sent to whoever asks: bytes, or a function that is given the connection."""

    port: int
    ca_certs: str
    reply: bytes | Reply
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    def publish(self, *headers: str, **changes: Any) -> None:
        """Publish a document."""
        self.reply = answer(json.dumps(document(**changes)).encode(), *headers)

    def fetcher(self, *addresses: str, **options: Any) -> Fetcher:
        """A fetcher for which every name leads here, and which finds that allowed."""

        def resolve(host: str) -> list[str]:
            self.resolved.append(host)
            return list(addresses) or ["127.0.0.1"]

        given = {"is_allowed": lambda _: True, "ca_certs": self.ca_certs, "deadline_s": 20.0, **options}
        return Fetcher(resolve=resolve, port=self.port, **given)


@contextmanager
def document_host(directory: Path, name: str = HOST) -> Iterator[DocumentHost]:
    """A host with a certificate for *name*, which whoever trusts ``ca_certs`` accepts."""
    certificate, key = certificate_for(directory, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = DocumentHost(listener.getsockname()[1], str(certificate), b"")
        host.publish()
        context.sni_callback = lambda _socket, sent, _context: host.names.append(sent)
        threading.Thread(target=_serve, args=(listener, context, host), daemon=True).start()
        yield host


def _serve(listener: socket.socket, context: ssl.SSLContext, host: DocumentHost) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return  # the test is over
        threading.Thread(target=_answer, args=(plain, context, host), daemon=True).start()


def _answer(plain: socket.socket, context: ssl.SSLContext, host: DocumentHost) -> None:
    with plain:
        plain.settimeout(5)
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                request = b""
                while b"\r\n\r\n" not in request and (part := connection.recv(4096)):
                    request += part
                if request:
                    host.requests.append(request)
                if isinstance(host.reply, bytes):
                    connection.sendall(host.reply)
                else:
                    host.reply(connection)
        except OSError:
            return  # the client hung up, as it should in many of the tests


def certificate_for(directory: Path, name: str) -> tuple[Path, Path]:
    """Files with a certificate for *name*, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / f"{name}.crt", directory / f"{name}.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
