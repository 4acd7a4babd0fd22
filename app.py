"""Distill Lab: the router. Each page is a script in pages/; nothing else happens here.

`streamlit run app.py` imports this file once as the server's application, then runs it as a script for each session.
"""

import threading
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from distill_core.kinds import KINDS
from pages.parts.classroom import membership
from pages.parts.shared import departed, visitor
from pages.parts.shared.connection import ConnectionNote
from pages.parts.shared.gate import Gate
from pages.parts.shared.headers import SecurityHeaders

FOLDER = Path(__file__).resolve().parent / "pages"
# file, title, icon, address, what the page is for
PAGES = {
    "": [("start", "Start", "home", "start", "What Distill Lab is, and a first comparison in one click.")],
    "Explore": [
        ("model_zoo", "Model zoo", "category", "model-zoo", "The ten classic families: ideas, sizes, history, traps."),
        ("objectives", "Objectives", "quiz", "objectives", "How each family learns from raw text, on your own words."),
        ("compare", "Compare", "compare_arrows", "compare", "Models side by side: size, speed, accuracy."),
    ],
    "Train": [
        ("pretrain", "Pre-train", "menu_book", "pretrain", "What a small network learns from raw text alone."),
        ("finetune", "Fine-tune", "tune", "finetune", "Teach a pre-trained model a task, and see what that saves."),
        ("transfer", "Transfer lab", "moving", "transfer", "What pre-training buys: labels saved, layers, domains."),
        ("soft_labels", "Soft labels", "contrast", "soft-labels", "What a teacher says beyond the right class."),
        ("distill", "Distill", "school", "distill", "Teach a small student network with a large teacher."),
        (
            "students",
            "Ten students",
            "groups",
            "students",
            "One teacher for ten small families: size, speed, accuracy.",
        ),
        ("take_apart", "Take apart", "science", "take-apart", "What was each ingredient of a distillation worth?"),
    ],
    "Look back": [("runs", "Runs", "history", "runs", "Every run on this machine: progress, results, logs.")],
    "Together": [
        ("classroom", "Class", "co_present", "classroom", "One link for a class: join, a task, hand in."),
        ("board", "Board", "leaderboard", "board", "The class's results and guesses on one screen."),
    ],
}
_LISTED = {file for entries in PAGES.values() for file, *_ in entries}
# the page of a kind of run that is not listed above
PAGES["Train"] += [
    (kind.page, kind.title, "play_circle", kind.page.replace("_", "-"), kind.purpose)
    for kind in KINDS.values()
    if kind.page not in _LISTED
]


def page(file: str, title: str, icon: str, url: str, purpose: str) -> st.Page:
    """One entry of the navigation."""
    return st.Page(
        FOLDER / f"{file}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path=url,
        default=file == "start",
        help=purpose,
    )


def navigation() -> st.Page:
    """The page that the visitor asks for, among those whose file exists."""
    sections = {
        section: [page(*entry) for entry in entries if (FOLDER / f"{entry[0]}.py").exists()]
        for section, entries in PAGES.items()
    }
    return st.navigation({section: pages for section, pages in sections.items() if pages})


if __name__ == "__main__":
    st.set_page_config(
        page_title="Distill Lab",
        page_icon=FOLDER / "parts" / "icon.png",
        layout="wide",
        initial_sidebar_state=230,
    )
    st.logo(FOLDER / "parts" / "logo.svg", size="large", icon_image=FOLDER / "parts" / "icon.png")
    chosen = navigation()
    with membership.on_page(chosen):
        chosen.run()
else:
    # st.navigation switches the old listing of pages/ by file name off, but only when a session has run it: a first
    # visitor at /compare would still get that listing. So it is off before the first visitor.
    PagesManager.uses_pages_directory = False
    # Pandas and plotly take most of a second to load: it passes while nobody waits.
    threading.Thread(target=import_module, args=("distill_core.figures.overview",), daemon=True).start()
    if passcode := visitor.announce(st.get_option("server.address")):
        print(f"  {passcode}\n", flush=True)
    doors = (SecurityHeaders, Gate, ConnectionNote)
    app = st.App(__file__, lifespan=departed.swept, middleware=[Middleware(door) for door in doors])
