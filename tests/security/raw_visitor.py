"""A visitor without a browser: the page server's own protocol, spoken by hand, so that the server alone says no."""

from __future__ import annotations

import http.client
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from distill_core.classroom.visitors import COOKIE

ANSWER_S = 60.0
XSRF = "_streamlit_xsrf"


@dataclass
class Seen:
    """What one drawing of a page sent: all its bytes, and the ids of its widgets by their labels."""

    session: str = ""
    exports: bool = True  # whether tables offer a CSV of their own
    data: bytes = b""
    text: str = ""  # of the elements alone
    buttons: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    exceptions: list[str] = field(default_factory=list)

    def take(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "new_session":
            self.session = message.new_session.initialize.session_id
            self.exports = not message.new_session.config.disable_data_export
        elif message.WhichOneof("type") == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            self.text += str(element)
            kind = element.WhichOneof("type")
            if kind == "button":
                self.buttons[element.button.label] = element.button.id
            elif kind == "text_input":
                self.inputs[element.text_input.label] = element.text_input.id
            elif kind == "exception":
                self.exceptions.append(element.exception.message)


@dataclass
class Wire:
    """One connection of a visitor."""

    socket: ClientConnection
    page: str = ""
    query: str = ""

    def ask(self, *, clicks: tuple[str, ...] = (), **typed: str) -> Seen:
        """Draw the page, with these buttons (ids) clicked and these texts (ids → values, as `w_…`) typed."""
        message = BackMsg()
        run = message.rerun_script
        run.page_name, run.query_string = self.page, self.query
        for widget in clicks:
            run.widget_states.widgets.add(id=widget, trigger_value=True)
        for widget, text in typed.items():
            run.widget_states.widgets.add(id=widget, string_value=text)
        self.socket.send(message.SerializeToString())
        return self.answer()

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def answer(self) -> Seen:
        """Everything up to the end of a drawing."""
        seen = Seen()
        while True:
            data = self.socket.recv(ANSWER_S)
            assert isinstance(data, bytes)
            message = ForwardMsg()
            message.ParseFromString(data)
            seen.data += data
            seen.take(message)
            is_end = message.WhichOneof("type") == "script_finished"
            if is_end and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return seen


@dataclass
class Visitor:
    """A browser's cookies, as the server gave them."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in ("/", "/_stcore/health"):
            self.request("GET", path)

    @property
    def name(self) -> str:
        """Under which this visitor's things are kept."""
        return self.cookies[COOKIE].partition(".")[0]

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        """(status, text) of an HTTP request with this visitor's cookies."""
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        sent = {"Cookie": self.cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
        wire.request(method, path, body, sent)
        answer = wire.getresponse()
        for line in answer.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        text = answer.read().decode(errors="replace")
        wire.close()
        return answer.status, text

    @contextmanager
    def open(self, page: str, query: str = "", session: str = "", **changed: str) -> Iterator[Wire]:
        """A connection; `session` asks to resume that one, `changed` are other headers (host, origin, …)."""
        here = f"127.0.0.1:{self.port}"
        origin = changed.pop("origin", f"http://{here}")
        headers = {"Cookie": self.cookie, **{name.replace("_", "-"): value for name, value in changed.items()}}
        with connect(
            f"ws://{here}/_stcore/stream",
            origin=origin,  # type: ignore[arg-type]
            subprotocols=["streamlit", "none", *([session] if session else [])],  # type: ignore[list-item]
            additional_headers=headers,
            max_size=None,
            proxy=None,
        ) as socket:
            yield Wire(socket, page, query)

    def upload(self, session: str, content: bytes, method: str = "PUT") -> int:
        """Send a file for a session, as the widget does; the status of the answer."""
        mark = uuid.uuid4().hex
        body = (
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            f"Content-Type: text/csv\r\n\r\n".encode()
            + content
            + f"\r\n--{mark}--\r\n".encode()
        )
        token = self.cookies[XSRF]
        status, _ = self.request(
            method,
            f"/_stcore/upload_file/{session}/{uuid.uuid4()}",
            body,
            Content_Type=f"multipart/form-data; boundary={mark}",
            X_Xsrftoken=token,
        )
        return status


def words(text: str, *names: str) -> str:
    """What a page says, without ids that are drawn anew each time, and without these names."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,64}", "", text)
    for name in names:
        text = text.replace(name, "")
    return text
