"""A client's side of a secure sum over messages: what it must remember from one exchange to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from flwr.app import ConfigRecord, RecordDict
from numpy.typing import NDArray

from astraea.flower.messages import SumStage
from astraea.flower.secure_sum.protocol import (
    KEYS,
    SEALED,
    SHARE,
    ProtocolError,
    Secrets,
    masked,
    new_secrets,
    public_keys,
    revealed,
    sealed_shares,
    threshold,
)

__all__ = ["answered"]

_SUM = "astraea-sum"  # in the context's state
_AFTER = {"shares": "keys", "masked": "shares", "reveal": "masked"}


def answered(state: RecordDict, stage: SumStage, sent: bytes, counts: NDArray[np.int64]) -> bytes:
    """Return a client's answer to one exchange of a secure sum of ``counts`` ``(N,)``.

    ``sent`` came with the question, ``state`` is the node's. Each exchange is answered once, in order. Raises
    :class:`ProtocolError` if the server does not keep to the protocol.
    """
    if stage.name == "keys":
        own = new_secrets()
        state[_SUM] = ConfigRecord({"at": "keys", "secrets": b"".join(own)})
        return public_keys(own)
    kept: dict[str, Any] = dict(found) if isinstance(found := state.get(_SUM), ConfigRecord) else {}
    if kept.get("at") != _AFTER[stage.name]:
        raise ProtocolError(f"the server asks for '{stage.name}' of a secure sum out of turn")
    whole = bytes(kept["secrets"])
    own = Secrets(whole[:32], whole[32:48], whole[48:])
    if stage.name == "shares":
        keys = _parts(sent, KEYS, len(sent) // KEYS)
        if not 0 <= stage.place < len(keys):
            raise ProtocolError(f"a secure sum of {len(keys)} clients has no place {stage.place}")
        shares = sealed_shares(own, stage.place, keys)
        kept |= {"at": "shares", "keys": sent, "place": stage.place, "share": shares[stage.place]}
        state[_SUM] = ConfigRecord(kept)
        return b"".join(share for other, share in enumerate(shares) if other != stage.place)
    keys, place = _parts(bytes(kept["keys"]), KEYS, len(kept["keys"]) // KEYS), int(kept["place"])
    needed = threshold(len(keys))
    if stage.name == "masked":
        if not set(stage.places) <= set(range(len(keys))) or len(set(stage.places)) < len(stage.places):
            raise ProtocolError("the server names clients that are not in the secure sum")
        kept |= {"at": "masked", "places": list(stage.places), "sealed": sent}
        state[_SUM] = ConfigRecord(kept)
        return masked(own, place, counts, {one: keys[one] for one in stage.places}, needed)
    places = [int(one) for one in kept["places"]]
    others = [one for one in places if one != place]
    sealed = dict(zip(others, _parts(bytes(kept["sealed"]), SEALED, len(others)), strict=True))
    sealed[place] = bytes(kept["share"])
    del state[_SUM]  # who answered this would give itself away by a second answer
    told = revealed(own, place, {one: keys[one] for one in places}, sealed, stage.places, needed)
    assert len(told) == SHARE * len(places)
    return told


def _parts(whole: bytes, size: int, number: int) -> list[bytes]:
    if len(whole) != size * number:
        raise ProtocolError(f"the server sent {len(whole)} bytes, not {size} for each of {number} clients")
    return [whole[size * at : size * (at + 1)] for at in range(number)]
