"""HTTP statuses as sentences, and the next steps that several failures share."""

from __future__ import annotations

from distill_core.errors import AssetError
from distill_core.hub.names import host

TRY_LATER = "Try again later. What is in the cache works without the Hub."
NETWORK = "Check the network, proxy and HF_ENDPOINT settings. What is in the cache works without the Hub."
LOG_IN_PAGE = "A log-in page of the network or a wrong HF_ENDPOINT: open a web page in a browser, then try again."
SPACE = "Free some disk space, or let DISTILL_CACHE_DIR name another folder."


def sentence(status: int, retry_after: str, repo: str) -> AssetError:
    """What an HTTP status of 400 and above means for the user."""
    if status == 429:
        wait = f"Wait {retry_after} s" if retry_after.isdigit() else "Wait some minutes"
        return AssetError("The Hub has had too many requests from this network.", f"{wait}, then try again.")
    if status == 403:
        return AssetError(f"The Hub refuses access to {repo}.", "Ask its owner for access, then set HF_TOKEN.")
    if status in (407, 511):
        return AssetError(f"The network wants a log-in before it lets through to {host()} ({status}).", LOG_IN_PAGE)
    return AssetError(f"The Hub is out of order: {host()} answers with error {status}.", TRY_LATER)
