"""Class: one link for all. The teacher opens a class, students join it, and everyone's runs come together."""

import streamlit as st

from distill_core.classroom import classes
from distill_core.settings import settings
from pages.parts.classroom import membership, passcode_form, student, teacher
from pages.parts.shared import page, visitor

page.header("Class", "Who is in, what do they try, and what comes out of it together?")
with page.problems_shown():
    who = visitor.now()
    own = membership.own()
    if who.sees_all:
        teacher.show(teacher.listed(classes.listed(settings().runs_dir)))
    elif own is not None:
        student.show(*own)
    else:
        student.join()
if not visitor.now().sees_all:
    passcode_form.show()
else:
    st.caption("You see, stop and delete all runs of this server.")
