"""Model zoo: what are the ten classic families, and in what do they differ?"""

import streamlit as st

from distill_core import families
from distill_core.figures import timeline, treemap
from distill_core.tables import families as tables_families
from pages.parts.model_zoo import family_card
from pages.parts.shared import columns, links, once, page, provenance

PUBLISHED = columns.of("variant", "metric", "split", "value", "unit", "source", "note", "confidence", pinned=0)
CHOSEN = links.MODEL_ZOO.takes["family"]
SEEN = (
    "Circles are encoders, triangles decoders, squares encoder–decoders; the hollow one is distilled. "
    "Sizes are counted from the architecture of the official base model, shared weights once, without a head. "
    "Fewer parameters do not mean less work: ALBERT runs one layer twelve times."
)

page.header("Model zoo", "What are the ten classic families, and in what do they differ?")
sizes = tables_families.families_frame()
title = st.pills(
    "Family",
    [row.title for row in families.FAMILIES],
    key=CHOSEN,
    bind="query-params",
    label_visibility="collapsed",
    wrap=True,
)
family = next((row for row in families.FAMILIES if row.title == title), None)


def dated(chosen: str | None = None) -> None:
    """The ten families in time; a chosen one stands out."""
    dark = page.is_dark()

    def draw() -> None:
        page.chart(timeline.draw(sizes, chosen=chosen, dark=dark), "zoo_timeline")

    once.same(draw, "zoo.timeline", chosen, dark)


def all_ten() -> None:
    """Ten cards and their place in time."""
    with st.grid(5, min_column_width=150, gap="small"):
        for row, params in zip(families.FAMILIES, sizes["params"], strict=True):
            family_card.card(row, int(params), CHOSEN)
    dated()
    provenance.caption(provenance.EXACT, "months from the papers' arXiv numbers")


def inside(row: families.Family, parts: dict[str, int]) -> None:
    """Where the parameters of a family sit."""
    dark = page.is_dark()

    def draw() -> None:
        page.chart(treemap.draw(row.title, parts, dark=dark), "zoo_treemap")

    once.same(draw, "zoo.parts", row.key, dark)


def in_depth(row: families.Family) -> None:
    """One family: where its parameters sit, its place in time, facts, traps, published figures."""
    parts = families.exact_parameters()[row.key]
    family_card.heading(row, sum(parts.values()), "1.6rem")
    st.markdown(page.plain(row.facts["one_line_key_idea"]))
    left, right = st.columns(2, gap="large")
    with left:
        inside(row, parts)
    with right:
        dated(row.key)
    provenance.caption(provenance.EXACT, "months from the papers' arXiv numbers")
    st.warning(page.plain(row.facts["known_trap"]), title="Traps", icon=":material/warning:")
    st.markdown("##### Facts")
    st.table({name: page.plain(text) for name, text in tables_families.family_facts(row).items()}, border="horizontal")
    provenance.caption(f"Sources: {page.plain(row.facts['sources'])}")
    if row.facts["recalled_cells"].strip():
        provenance.caption(f"Not read again in a source: {page.plain(row.facts['recalled_cells'])}")
    published(row)
    links.to(
        links.COMPARE,
        f"Measure {row.title} beside BERT on this machine",
        models=["BERT", row.title] if row.key != "bert" else ["BERT", "DistilBERT"],
    )


def published(row: families.Family) -> None:
    """What others have published about it, apart from everything measured here."""
    st.markdown("##### Published figures")
    provenance.caption(provenance.PUBLISHED)
    st.dataframe(
        tables_families.published_frame(row),
        hide_index=True,
        column_config=PUBLISHED,
        placeholder="n/a",
        key="zoo_published",
        alt=f"Published figures of {row.title} with their sources",
    )


if family is None:
    all_ten()
else:
    in_depth(family)
page.explanation(SEEN)
