"""What has a ClientApp of a user's own take models in few bits, and give its changes back so."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context, Message

from astraea.errors import InputError
from astraea.federation.walk import VisitError
from astraea.flower.messages import FEW_BITS, Instructions, read_if_told, remark_on
from astraea.flower.mods import Mod
from astraea.flower.packing import Packing, is_packed
from astraea.flower.telling import Handler

__all__ = ["few_bits"]


def few_bits() -> Mod:
    """Return a mod under which models travel in as many bits as the server's ``algorithm.bits`` says.

    The train function gets the arrays that it would get otherwise, rounded, and replies with such; what leaves is the
    change that it made, rounded at random. It also tells the server that this client can do so. Put it first of the
    mods of a ClientApp: those before it see packed arrays. Where the server sends whole arrays nothing changes.
    """

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type.startswith("query"):
            return remark_on(call_next(message, context), FEW_BITS)
        found = [(name, one) for name, one in message.content.items() if isinstance(one, ArrayRecord)]
        if not message.metadata.message_type.startswith("train") or len(found) != 1 or not is_packed(found[0][1]):
            return call_next(message, context)
        told = read_if_told(message, Instructions)
        if told is None or told.few_bits is None:
            raise InputError("the message holds a model in few bits and no word of how: use AstraeaStrategy to send it")
        packing, (name, record) = Packing.of(told.few_bits), found[0]
        try:
            arrived = packing.arrived(record)
        except VisitError as error:
            raise InputError(f"the server's model cannot be read: {error}") from error
        message.content[name] = packing.layout.record(arrived.params, arrived.counters)
        reply = call_next(message, context)
        made = [] if not reply.has_content() else list(reply.content.array_records.items())
        if len(made) == 1:  # else the server says what is wrong
            reply.content[made[0][0]] = packing.change(arrived, made[0][1], told.few_bits.seed)
        return reply

    return mod
