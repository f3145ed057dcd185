"""Certificates for TLS servers, made by the openssl command: an authority, and what it signs.

authority = Authority(tmp_path)
monkeypatch.setenv("SSL_CERT_FILE", str(authority.chain))  # the system's store, as OpenSSL sees it
with Unbound(None, tls=authority.sign("dns.example.com")) as unbound: ...
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificate(NamedTuple):
    """chain, key: PEM files. name: the DNS name it bears; "" where it bears an address."""

    chain: Path
    key: Path
    name: str


class Authority:
    """Trusted by nobody who is not told to. chain: its own certificate."""

    def __init__(self, directory: Path, name: str = "lowatch tests") -> None:
        self._directory = directory
        self.chain, self._key = directory / f"{name}.pem", directory / f"{name}.key"
        self._subject = ("-subj", f"/CN={name}")
        _openssl("req", "-x509", *_NEW_KEY, *self._subject, *_out(self.chain, self._key), "-days", "2")

    def as_certificate(self) -> Certificate:
        """Its own, which bears `name` as its subject only."""
        return Certificate(self.chain, self._key, "")

    def sign(self, name: str, *, days: int = 2) -> Certificate:
        """A certificate for a DNS name, or for an IP address. days: how long it is valid; -1: expired."""
        is_address = name[-1].isdigit()
        stem = f"{name}-{days}"
        certificate = Certificate(
            self._directory / f"{stem}.pem", self._directory / f"{stem}.key", "" if is_address else name
        )
        request, extensions = self._directory / f"{stem}.csr", self._directory / f"{stem}.ext"
        extensions.write_text(f"subjectAltName={'IP' if is_address else 'DNS'}:{name}\n")
        _openssl("req", "-new", *_NEW_KEY, "-subj", "/CN=unused", *_out(request, certificate.key))
        issuer = ("-CA", str(self.chain), "-CAkey", str(self._key), "-CAcreateserial")
        _openssl(
            "x509", "-req", "-in", str(request), *issuer, "-extfile", str(extensions),
            "-days", str(days), "-out", str(certificate.chain),
        )  # fmt: skip
        return certificate


def _out(certificate: Path, key: Path) -> tuple[str, ...]:
    return "-out", str(certificate), "-keyout", str(key)


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
