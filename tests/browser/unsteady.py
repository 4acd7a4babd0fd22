"""A network that is not steady: a TCP proxy between browser and server that can cut what goes through it."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Line:
    """Passes connections to `port` of this machine on to `to`, until it is cut; then both ends are closed and new
    connections are refused, until it is mended."""

    port: int
    to: int
    _listener: socket.socket | None = None
    _ends: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def mend(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener is not None:
            _close(self._listener)
            self._listener = None
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            _close(end)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:  # cut
                return
            try:
                there = socket.create_connection(("127.0.0.1", self.to), timeout=10)
                there.settimeout(None)
            except OSError:  # the server is away
                _close(here)
                continue
            with self._lock:
                self._ends |= {here, there}
            if self._listener is not listener:
                self.cut_ends(here, there)
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        self.cut_ends(source, target)

    def cut_ends(self, *ends: socket.socket) -> None:
        with self._lock:
            self._ends -= set(ends)
        for end in ends:
            _close(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes whoever reads from it
    end.close()
