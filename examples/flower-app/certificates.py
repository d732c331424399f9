"""Make what a SuperLink and its SuperNodes need to trust each other: python certificates.py FOLDER --nodes 4.

FOLDER gets ca.crt, which everybody needs; server.pem and server.key for the SuperLink; and for each SuperNode a
key pair node-N.key, node-N.pub, of which only the public half goes to the SuperLink. Keys are made for the host
names given, and for nobody else: keep *.key where they are made, and throw the folder away after a test.
"""

from __future__ import annotations

import argparse
import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

VALID = datetime.timedelta(days=365)


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=4, help="number of SuperNodes")
    parser.add_argument("--host", action="append", help="name or address of the SuperLink; may be repeated")
    given = parser.parse_args()
    hosts = given.host or ["localhost", "127.0.0.1"]
    given.folder.mkdir(parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP384R1())
    authority = certificate("Astraea example CA", authority_key, "Astraea example CA", authority_key, [], is_ca=True)
    server_key = ec.generate_private_key(ec.SECP384R1())
    server = certificate(hosts[0], server_key, "Astraea example CA", authority_key, hosts)
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    write(given.folder / "ca.crt", authority.public_bytes(pem))
    write(given.folder / "server.pem", server.public_bytes(pem))
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    write(given.folder / "server.key", private, secret=True)
    for number in range(given.nodes):
        key = ec.generate_private_key(ec.SECP384R1())
        secret = key.private_bytes(pem, serialization.PrivateFormat.OpenSSH, none)
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        write(given.folder / f"node-{number}.key", secret, secret=True)
        write(given.folder / f"node-{number}.pub", public)


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    hosts: list[str],
    *,
    is_ca: bool = False,
) -> x509.Certificate:
    """Return a certificate for ``key``, signed by ``issuer_key``, that holds for ``hosts``."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([host_name(host) for host in hosts]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA384())


def host_name(host: str) -> x509.GeneralName:
    """Return a host as certificates have it: an address or a name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Write a file, readable by its owner alone if it is ``secret``."""
    path.touch(mode=0o600 if secret else 0o644)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
