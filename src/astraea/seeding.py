"""One seed, many independent streams: who draws what does not depend on who drew before.

Every random decision of a run names its stream by purpose, round, client and pass. A stream is made anew
from those numbers each time, so it has no state to save: a run is the same whatever the concurrency of its
engine, and one that was stopped and resumed is the same as one that was not.

Streams of a seed below 2^64 are NumPy's, which are independent but no secret: such a seed can be found by trial. From a
larger one a stream begins at a SHA-256 hash, so whoever is given one stream can work out neither the seed nor another.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["CopyStreams", "Purpose", "copy_streams", "stream", "torch_seed", "torch_seeds"]

_SECRET = 2**64
"""Seeds from here on are hashed, so that streams tell nothing of them."""


class Purpose(IntEnum):
    """What a stream is for. The numbers are part of a run's identity: never renumber, only append."""

    SCENARIO = 1  # which samples a scenario takes
    PARTITION = 2  # which client gets which sample
    SIZES = 3  # how many samples each client holds
    VALIDATION = 4  # which samples are held out
    AUGMENT = 5  # offline copies of a client's samples
    MODEL = 6  # initial weights
    PARTICIPATION = 7  # who takes part in a round
    AVAILABILITY = 8  # who answers the invitation
    MEDIATORS = 9  # random assignment to mediators
    TRAINING = 10  # batch order, dropout and fresh augmentation of a visit
    CALIBRATION = 11  # probes that must not disturb a run
    WORLD = 12  # random numbers of a simulated network: one stream per link and flow, and random walks
    ENVIRONMENT = 13  # which worlds an environment draws
    EVALUATION = 14  # worlds of the evaluation's suites, which no training and no selection may see
    EVOLUTION = 15  # worlds and candidates of each generation
    SELECTION = 16  # worlds on which the best of a training is chosen
    TD3 = 17  # worlds, exploration and samples of each epoch of a training
    NETWORK = 18  # capacities, step times and absences of the clients of a network
    HANDOVER = 19  # how the change that a client sends back is rounded
    EVALUATORS = 20  # which nodes of Flower measure a round's model
    MAPPO = 21  # worlds, exploration and minibatches of each epoch of a training
    ATTACK = 30  # which clients are hostile, and what they draw
    PRIVACY = 31  # noise on what clients tell of their labels
    SKETCH = 32  # signs under which the directions of changes are compared


def stream(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """Return the generator of ``purpose`` at ``key`` (round, client, pass, ... as far as they apply).

    Raises ``ValueError`` (from NumPy) if ``seed`` or a part of ``key`` is negative.
    """
    return np.random.default_rng(_sequence(seed, purpose, *key))


def _sequence(seed: int, purpose: Purpose, *key: int) -> np.random.SeedSequence:
    if seed < _SECRET:
        return np.random.SeedSequence(seed, spawn_key=(int(purpose), *key))
    name = ",".join(map(str, (seed, int(purpose), *map(int, key))))
    return np.random.SeedSequence(int.from_bytes(hashlib.sha256(name.encode()).digest()))


def torch_seed(seed: int, purpose: Purpose, *key: int) -> int:
    """Return a 63-bit seed for a ``torch.Generator``, named in the same way as :func:`stream`."""
    words = _sequence(seed, purpose, *key).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def torch_seeds(seed: int, purpose: Purpose, *key: int | NDArray[np.uint64]) -> list[int]:
    """Return :func:`torch_seed` for many keys at once; parts of ``key`` below 2^32 that are arrays, ``(n,)``, vary.

    This is NumPy's ``SeedSequence`` written out (O'Neill's seed_seq, whose output NumPy never changes), as making the
    object takes longer than all else that a visit of a small model needs beside its training.
    """
    if seed >= _SECRET:
        rows = np.broadcast_arrays(*map(np.atleast_1d, key))
        return [torch_seed(seed, purpose, *map(int, row)) for row in zip(*rows, strict=True)]
    words = [seed & _WORD]
    while seed := seed >> 32:
        words.append(seed & _WORD)
    entropy = [*words, *[0] * (4 - len(words)), int(purpose), *key]
    const = 0x43B0D7E5

    def hashed(value: Any, factor: int = 0x931E8875) -> Any:
        nonlocal const
        value = value ^ const
        const = const * factor & _WORD
        value = value * const & _WORD
        return value ^ (value >> 16)

    def mixed(one: Any, other: Any) -> Any:
        value = (one * 0xCA01F9DD - other * 0x4973F715) & _WORD
        return value ^ (value >> 16)

    pool = [hashed(word) for word in entropy[:4]]
    for source in range(4):
        for target in range(4):
            if source != target:
                pool[target] = mixed(pool[target], hashed(pool[source]))
    for word in entropy[4:]:
        pool = [mixed(part, hashed(word)) for part in pool]
    const = 0x8B51F9DD
    low, high = hashed(pool[0], 0x58F38DED), hashed(pool[1], 0x58F38DED)
    found: list[int] = np.atleast_1d((low | high << 32) >> 1).tolist()
    return found


_WORD = 0xFFFFFFFF


class CopyStreams(NamedTuple):
    """What one client draws its copies from, without the seed.

    ``rows`` are the 256 bits, as hexadecimal digits, at which the drawing of rows begins; ``transforms`` the seed of
    the ``torch.Generator`` that transforms offline copies.
    """

    rows: str
    transforms: int

    @property
    def generator(self) -> np.random.Generator:
        """The generator that draws rows, from its beginning: that of ``stream(seed, Purpose.AUGMENT, client)``."""
        return np.random.Generator(np.random.PCG64(cast("np.random.SeedSequence", _Words(self.rows))))


class _Words(np.random.bit_generator.ISeedSequence):
    """The words from which NumPy's generator begins, given as they are."""

    def __init__(self, digits: str) -> None:
        self._words = np.frombuffer(bytes.fromhex(digits), "<u8").astype(np.uint64)

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[Any]:
        """Return the words; the generator asks for four of 64 bits."""
        return self._words[:n_words]


def copy_streams(seed: int, client: int) -> CopyStreams:
    """Return what the copies of a client, named by its number, are drawn from."""
    words = _sequence(seed, Purpose.AUGMENT, client).generate_state(4, np.uint64)
    return CopyStreams(words.astype("<u8").tobytes().hex(), torch_seed(seed, Purpose.AUGMENT, client, 1))
