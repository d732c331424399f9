"""Secure aggregation of counts (Bonawitz et al., *Practical Secure Aggregation*, CCS 2017), in four exchanges.

1. **keys**: each client makes two key pairs and tells the public halves.
2. **shares**: it splits what its masks come from into shares, one for each other client, and seals each for that one.
3. **masked**: it tells its counts plus a mask of its own, and plus or minus a mask that it shares with each other one.
4. **reveal**: of every client it tells one share: of the own mask if that one's counts are in the sum, of the shared
   masks if that one has dropped out. From a threshold of shares on the server takes off what has not cancelled.

The server learns the sum and nothing else, as long as it follows the protocol and fewer than the threshold of clients
help it. Two thirds of the clients are the threshold, so a third may drop out, and to learn more by telling different
clients different stories it needs a third of the clients. It does not hold against a server that invents clients:
nobody vouches here for who a public key belongs to.

Secrets are split by PyCryptodome, keys agreed on and shares sealed by ``cryptography``: both come with Flower.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from Crypto.Protocol.SecretSharing import Shamir
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from astraea.errors import AstraeaError

__all__ = [
    "KEYS",
    "LEAST",
    "SEALED",
    "SHARE",
    "ProtocolError",
    "Secrets",
    "masked",
    "new_secrets",
    "public_keys",
    "revealed",
    "sealed_shares",
    "threshold",
    "unmasked",
]

KEYS, SHARE, SEALED = 64, 16, 48
"""Bytes of a client's public keys, of a share, and of the two sealed shares that it sends another client."""

LEAST = 3
"""Fewer clients are refused: of a sum of two, either knows the other's part."""

_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class ProtocolError(AstraeaError):
    """The other side does not keep to the protocol, or too few have answered."""


class Secrets(NamedTuple):
    """What a client keeps to itself from one exchange to the next: 32, 16 and 16 bytes."""

    sealing: bytes
    shared: bytes
    own: bytes


def new_secrets() -> Secrets:
    """Return fresh secrets from the operating system."""
    return Secrets(secrets.token_bytes(32), secrets.token_bytes(16), secrets.token_bytes(16))


def threshold(clients: int) -> int:
    """Return how many of ``clients`` must answer to the end: two thirds of them."""
    return clients - clients // 3


def public_keys(own: Secrets) -> bytes:
    """Return what a client tells in the first exchange: the keys for sealing and for shared masks."""
    keys = X25519PrivateKey.from_private_bytes(own.sealing), _masking(own.shared)
    return b"".join(key.public_key().public_bytes(*_RAW) for key in keys)


def sealed_shares(own: Secrets, place: int, keys: Sequence[bytes]) -> list[bytes]:
    """Return what client ``place`` seals for each client, in the order of their ``keys``; its own is open, and kept.

    Raises :class:`ProtocolError` if the keys are not those of several clients, this one among them.
    """
    if len(keys) < LEAST or len(set(keys)) < len(keys) or keys[place] != public_keys(own):
        raise ProtocolError(f"a secure sum needs the different keys of at least {LEAST} clients, each its own")
    needed = threshold(len(keys))
    split = [[share for _, share in Shamir.split(needed, len(keys), one, ssss=False)] for one in (own.shared, own.own)]
    box = X25519PrivateKey.from_private_bytes(own.sealing)
    both = [one + other for one, other in zip(*split, strict=True)]
    return [
        share if other == place else _seal(box, key, (place, other)).encrypt(bytes(12), share, None)
        for other, (key, share) in enumerate(zip(keys, both, strict=True))
    ]


def masked(own: Secrets, place: int, counts: NDArray[np.int64], keys: Mapping[int, bytes], needed: int) -> bytes:
    """Return the counts ``(N,)`` under their masks; ``keys`` are those of the clients that sent their shares.

    Raises :class:`ProtocolError` if these are fewer than ``needed``.
    """
    if len(keys) < needed or place not in keys:
        raise ProtocolError(f"only {len(keys)} clients go on with the secure sum, it needs {needed}")
    total = counts.astype(np.uint64) + _stream(own.own, len(counts))
    key = _masking(own.shared)
    for other, public in keys.items():
        if other != place:
            mask = _stream(_agreed(key, public[32:], b"mask"), len(counts))
            total = total + mask if place < other else total - mask
    return bytes(total.astype("<u8").tobytes())


def revealed(
    own: Secrets, place: int, keys: Mapping[int, bytes], sealed: Mapping[int, bytes], there: Sequence[int], needed: int
) -> bytes:
    """Return a share of each client in ``keys``, in their order: of its own mask if it is ``there``, else of the rest.

    ``sealed`` is what each one sealed for this one. A client may answer this once in a sum. Raises
    :class:`ProtocolError` if fewer than ``needed`` are there, or a share is not what its client sealed.
    """
    if len(set(there)) < needed or place not in there or not set(there) <= set(keys):
        raise ProtocolError(f"only {len(set(there))} clients are in the secure sum, it needs {needed}")
    box, told = X25519PrivateKey.from_private_bytes(own.sealing), []
    for other in keys:
        try:
            both = sealed[other]
            if other != place:
                both = _seal(box, keys[other], (other, place)).decrypt(bytes(12), both, None)
        except (InvalidTag, KeyError) as error:
            raise ProtocolError(f"the share that client {other} sealed cannot be opened") from error
        told.append(both[SHARE:] if other in there else both[:SHARE])
    return b"".join(told)


def unmasked(
    inputs: Mapping[int, bytes], shares: Mapping[int, bytes], keys: Mapping[int, bytes], needed: int
) -> NDArray[np.int64]:
    """Return the sum ``(N,)`` of the counts whose masked ``inputs`` arrived.

    ``shares`` are the answers of the last exchange, ``keys`` those of all who sent their shares. Raises
    :class:`ProtocolError` if fewer than ``needed`` answered, or if what they told does not fit together.
    """
    if len(shares) < needed:
        raise ProtocolError(f"{len(shares)} clients answered to the end of the secure sum, it needs {needed}")
    total = sum((np.frombuffer(one, "<u8").astype(np.uint64) for one in inputs.values()), np.uint64(0))
    total = np.asarray(total, np.uint64)
    for number, client in enumerate(keys):
        at = slice(number * SHARE, (number + 1) * SHARE)
        secret = Shamir.combine([(other + 1, text[at]) for other, text in list(shares.items())[:needed]], ssss=False)
        if client in inputs:
            total = total - _stream(secret, len(total))
            continue
        key = _masking(secret)
        if key.public_key().public_bytes(*_RAW) != keys[client][32:]:
            raise ProtocolError(f"the shares of client {client}, which dropped out, do not fit its key")
        for other in inputs:
            mask = _stream(_agreed(key, keys[other][32:], b"mask"), len(total))
            total = total - mask if other < client else total + mask
    return total.astype(np.int64)


def _masking(secret: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_derived(secret, b"astraea key of masks"))


def _agreed(key: X25519PrivateKey, public: bytes, what: bytes) -> bytes:
    return _derived(key.exchange(X25519PublicKey.from_public_bytes(public)), b"astraea " + what)


def _seal(key: X25519PrivateKey, public: bytes, way: tuple[int, int]) -> AESGCM:
    # One key for one message: so the nonce may be zero.
    return AESGCM(_agreed(key, public[:32], b"share from %d to %d" % way))


def _derived(secret: bytes, what: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=what).derive(secret)


def _stream(secret: bytes, length: int) -> NDArray[np.uint64]:
    """Return ``length`` numbers of 64 bits, random to whoever does not know ``secret``: AES in counter mode."""
    cipher = Cipher(algorithms.AES(_derived(secret, b"astraea mask")), modes.CTR(bytes(16))).encryptor()
    return np.frombuffer(cipher.update(bytes(8 * length)), "<u8").astype(np.uint64)
