"""One browser session over a raw websocket: it asks for a page, answers its timers, clicks, and measures the waits.

It does what Streamlit's page does in a browser, but for drawing: hashes of cacheable messages are sent back, a fragment
has one refresh under way at a time, and a full run takes the place of pending refreshes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider

ANSWER_S = 120.0  # a click that has no answer by then is an error
LOST_S = 20.0  # a refresh that has none is given up, and counted


@dataclass(frozen=True)
class Target:
    """What a session opens: `page` is the path below the root, `query` what stands behind the question mark."""

    port: int
    page: str
    query: str = ""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/_stcore/stream"


@dataclass
class Waits:
    """What all sessions measured, in seconds, and what went wrong."""

    first: list[float] = field(default_factory=list)  # from connecting to the end of the first drawing
    click: list[float] = field(default_factory=list)
    fragment: list[float] = field(default_factory=list)
    bytes_in: list[int] = field(default_factory=list)  # of each session
    lost: int = 0  # refreshes without an answer
    cut: int = 0  # connections that were cut in mid-answer, on purpose
    errors: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)  # exceptions that a page showed


class Session:
    """One visitor. `cookie` comes with the connection; `hangs_up`: cut the wire in the middle of a click's answer."""

    def __init__(self, target: Target, waits: Waits, number: int, cookie: str = "", hangs_up: bool = False) -> None:
        self.target = target
        self.waits = waits
        self.hangs_up = hangs_up
        self._cookie = cookie
        self._dice = random.Random(number)
        self._received = 0
        self._forget()

    def _forget(self) -> None:
        self._session_id = getattr(self, "_session_id", "")
        self._hashes: set[str] = set()
        self._widgets: dict[str, Any] = {}
        self._moved: dict[str, tuple[str, Any]] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._refreshes: dict[str, float] = {}  # fragment → when its refresh was asked for
        self._finished = asyncio.Event()
        self._finished_at = 0.0

    async def stay(self, until: float, every_s: float) -> None:
        """Open the page and click about every `every_s` seconds until the monotonic time `until`."""
        try:
            while await self._visit(until, every_s):
                self.waits.cut += 1
                self.hangs_up = False
                self._forget()
        except Exception as error:  # noqa: BLE001 (a load test counts every kind)
            self.waits.errors.append(f"{type(error).__name__}: {error}"[:200])
        finally:
            self.waits.bytes_in.append(self._received)

    async def _visit(self, until: float, every_s: float) -> bool:
        """One connection. True where it was cut on purpose before the time was over."""
        start = time.monotonic()
        async with self._connected() as wire:
            reader = asyncio.create_task(self._read(wire))
            try:
                await wire.send(self._ask())
                await self._answered()
                self.waits.first.append(self._finished_at - start)
                while (pause := min(every_s * self._dice.uniform(0.5, 1.5), until - time.monotonic())) > 0:
                    await asyncio.sleep(pause)
                    if time.monotonic() >= until:
                        break
                    clicked = time.monotonic()
                    self._move_a_control()
                    self._finished.clear()
                    await wire.send(self._ask())
                    if self.hangs_up:
                        return True
                    await self._answered()
                    self.waits.click.append(self._finished_at - clicked)
            finally:
                reader.cancel()
                for timer in self._timers.values():
                    timer.cancel()
        return False

    def _connected(self) -> websockets.connect:
        protocols = ["streamlit", "-", *([self._session_id] if self._session_id else [])]
        return websockets.connect(
            self.target.socket,
            subprotocols=protocols,  # type: ignore[arg-type]
            origin=self.target.origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": self._cookie} if self._cookie else None,
            max_size=None,
            open_timeout=ANSWER_S,
            ping_interval=None,
        )

    async def _answered(self) -> None:
        await asyncio.wait_for(self._finished.wait(), ANSWER_S)

    # ── what the browser sends ───────────────────────────────────────────────────────────────────────────────────

    def _ask(self, fragment: str = "") -> bytes:
        message = BackMsg()
        run = message.rerun_script
        run.query_string, run.page_name = self.target.query, self.target.page
        run.cached_message_hashes.extend(self._hashes)
        run.context_info.url = f"{self.target.origin}/{self.target.page}"
        run.context_info.timezone, run.context_info.locale = "UTC", "en-US"
        if fragment:
            run.fragment_id, run.is_auto_rerun = fragment, True
        for widget, (kind, value) in self._moved.items():
            state = run.widget_states.widgets.add()
            state.id = widget
            if kind.endswith("_array_value"):
                getattr(state, kind).data.append(value)
            else:
                setattr(state, kind, value)
        return bytes(message.SerializeToString())

    def _move_a_control(self) -> None:
        """Move a slider by a step, or turn a switch; a page without either is drawn again as it is."""
        if self._widgets:
            name = self._dice.choice(sorted(self._widgets))
            self._moved[name] = self._other(name, *self._widgets[name])

    def _other(self, name: str, kind: str, widget: Any) -> tuple[str, Any]:
        """Another value of a control than it has, as (field of the widget's state, value)."""
        if kind == "checkbox":
            return "bool_value", not self._moved.get(name, ("", widget.default))[1]
        start = widget.default[0]
        other = start + widget.step if start + widget.step <= widget.max else start - widget.step
        if widget.type == Slider.SELECT_SLIDER:
            start, other, field_name = widget.options[int(start)], widget.options[int(other)], "string_array_value"
        else:
            field_name = "double_array_value"
        is_moved = self._moved.get(name, ("", start))[1] != start
        return field_name, start if is_moved else other

    async def _refresh(self, wire: websockets.ClientConnection, fragment: str, every_s: float) -> None:
        await asyncio.sleep(every_s * self._dice.random())  # browsers are not in step
        while True:
            asked = self._refreshes.get(fragment)
            if asked is None:
                self._refreshes[fragment] = time.monotonic()
                await wire.send(self._ask(fragment))
            elif time.monotonic() - asked > LOST_S:
                self.waits.lost += 1
                del self._refreshes[fragment]
            await asyncio.sleep(every_s)

    # ── what it receives ─────────────────────────────────────────────────────────────────────────────────────────

    async def _read(self, wire: websockets.ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for data in wire:
                self._received += len(data)
                message = ForwardMsg()
                message.ParseFromString(bytes(data) if not isinstance(data, str) else data.encode())
                if message.metadata.cacheable and message.hash:
                    self._hashes.add(message.hash)
                self._hear(message, wire)

    def _hear(self, message: ForwardMsg, wire: websockets.ClientConnection) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session_id = message.new_session.initialize.session_id
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._see(message.delta.new_element)
        elif kind == "auto_rerun" and message.auto_rerun.fragment_id not in self._timers:
            timer = message.auto_rerun
            self._timers[timer.fragment_id] = asyncio.create_task(
                self._refresh(wire, timer.fragment_id, timer.interval)
            )
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                if fragment in self._timers:
                    self._timers.pop(fragment).cancel()
                self._refreshes.pop(fragment, None)
        elif kind == "script_finished":
            self._end(message)

    def _see(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.waits.shown.append(f"{element.exception.type}: {element.exception.message}"[:300])
        elif kind == "checkbox" and not element.checkbox.disabled:
            self._widgets[element.checkbox.id] = (kind, element.checkbox)
        elif kind == "slider" and len(element.slider.default) == 1 and element.slider.max > element.slider.min:
            self._widgets[element.slider.id] = (kind, element.slider)

    def _end(self, message: ForwardMsg) -> None:
        now = time.monotonic()
        if message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            fragments = list(message.metadata.run.fragment_ids) or list(self._refreshes)[:1]
            for fragment in fragments:
                asked = self._refreshes.pop(fragment, None)
                if asked is not None:
                    self.waits.fragment.append(now - asked)
        elif message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                self.waits.errors.append("a page has a compile error")
            self._refreshes.clear()
            self._finished_at = now
            self._finished.set()
