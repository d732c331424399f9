"""Congestion controllers, one file each: what turns the signals of a connection into a window or a rate.

A controller neither sends nor reads a clock. It is a few compiled functions over two rows: ``f``, the connection
(:class:`astraea.congestion.connection.record.Connection`), and ``c``, a state of its own, which a class declares field
by field. Times are nanoseconds, windows packets, rates packets per second. A subclass of
:class:`astraea.congestion.controllers.controller.Controller` puts them together and is the registration. Events are

``start(f, c, now)``
    The flow begins; set the first window.
``on_ack(f, c, now)``
    Packets arrived: ``f.acked`` of them, the newest after ``f.last_rtt``; ``f.newly_lost`` were given up.
``on_loss(f, c, now)``
    An episode of losses begins: at most once per window of data. Where the controller
    ``conserves``, it sets ``f.ssthresh`` and the window is brought there by proportional rate reduction;
    otherwise the window is its own affair.
``on_mark(f, c, now)``, ``on_packet_lost(f, c, packet, now)``
    Congestion marks came, at most once per window of data; a packet was given up.
``on_recovered(f, c, now)``
    All data that was out when the episode began has arrived.
``on_timeout(f, c, now)``, ``on_undo(f, c, now)``
    The retransmission timer went off; it proved spurious and the window has been restored.
``on_restart(f, c, now)``
    There is data to send again after a time with none in flight.

``act(f, c, action)``, ``busy(f, c)``
    Of a controller that is ``external``: an action from -1 to 1; whether actions would not be applied at present.

All but ``start`` may be left out. A controller writes ``f.cwnd``, ``f.ssthresh`` and ``f.pacing_rate`` (0: unpaced) and
reads the rest. A test drives it alone by filling a row and calling these functions;
:func:`astraea.congestion.check_controller` sees that it keeps to what every controller must.
"""
