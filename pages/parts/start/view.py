"""The ten families on Start: exact sizes, beside the times of a comparison where there is one."""

from __future__ import annotations

from distill_core.figures import overview
from distill_core.runs.run import Run
from distill_core.tables import compare as tables_compare
from distill_core.tables import families as tables_families
from pages.parts.shared import once, page, provenance, stored_runs


def show(run: Run | None) -> None:
    """Bars of size and time; `run` is the comparison that has measured the times."""
    if run is not None:
        _measured(run, page.is_dark())
        return
    page.chart(overview.draw(tables_families.families_frame(), None, dark=page.is_dark()), "start_overview")
    provenance.caption(f"sizes {provenance.EXACT}", "no times measured yet")


@once.per_result
def _measured(run: Run, dark: bool) -> None:
    speeds = tables_compare.compare_frame(run)
    if not speeds.empty:
        speeds = tables_compare.at_cell(speeds, tables_compare.cells(speeds)[0])
    page.chart(overview.draw(tables_families.families_frame(), speeds, dark=dark), "start_overview")
    times = f"times {provenance.measured(run, stored_runs.is_recorded(run), notes=False)}, p50 with a whisker to p95"
    provenance.caption(f"sizes {provenance.EXACT}", times)
