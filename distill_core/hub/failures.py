"""What went wrong with the Hub, in a sentence and with the next step. The worker alone needs huggingface_hub."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import httpx2
from huggingface_hub import errors as hf

from distill_core.errors import AssetError, DistillError, ModelError
from distill_core.files import disk
from distill_core.hub.names import Request, cache_root, host
from distill_core.hub.statuses import LOG_IN_PAGE, NETWORK, SPACE, TRY_LATER, sentence


class NotTheHub(Exception):
    """A web page came where data was asked for."""


def explain(error: BaseException, request: Request) -> DistillError:
    """The same failure as the user should read it."""
    error = _origin(error)
    if isinstance(error, DistillError):
        return error
    if isinstance(error, hf.HfHubHTTPError):
        return _refused(error, request)
    if isinstance(error, hf.HFValidationError):
        return ModelError(f"{request.repo[:100]!r} is not a name on the Hub.", "Names look like google-bert/bert-base.")
    if isinstance(error, NotTheHub | ValueError | KeyError | TypeError | hf.FileMetadataError):
        return AssetError(f"Something other than the Hub answers at {host()}.", LOG_IN_PAGE)
    if isinstance(error, httpx2.HTTPError):
        return _unreachable(error, request)
    return _disk(error, request)


def _origin(error: BaseException) -> BaseException:
    """huggingface_hub hides what happened behind "not found on disk"."""
    while isinstance(error, hf.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _refused(error: hf.HfHubHTTPError, request: Request) -> DistillError:
    kind = ModelError if request.kind == "model" else AssetError
    repo = request.repo
    if isinstance(error, hf.GatedRepoError):
        return kind(
            f"{repo} is gated: its owner must grant access.", "Ask for it on the page of the Hub, then set HF_TOKEN."
        )
    if isinstance(error, hf.RevisionNotFoundError):
        return kind(f"{repo} has no revision {request.revision!r}.", "Give a branch, a tag or a commit hash.")
    if isinstance(error, hf.RemoteEntryNotFoundError):
        return kind(f"A file of {repo} is missing on the Hub.", "The upload is broken: choose another repository.")
    if isinstance(error, hf.DisabledRepoError):
        return kind(f"The Hub has disabled {repo}.", "Choose another repository.")
    answer = error.response
    if "Invalid credentials" in answer.headers.get("X-Error-Message", ""):
        return AssetError("The Hub refuses the access token.", "Set HF_TOKEN to a valid one, or unset it.")
    if isinstance(error, hf.RepositoryNotFoundError) or answer.status_code in (401, 404):
        return kind(f"{repo} is not on the Hub, or it is private.", "Check the spelling; a private one needs HF_TOKEN.")
    return sentence(answer.status_code, answer.headers.get("Retry-After", ""), repo)


def _unreachable(error: Exception, request: Request) -> DistillError:
    if isinstance(error, httpx2.ProxyError):
        return AssetError(f"The proxy does not let through to {host()}.", "Check HTTPS_PROXY and NO_PROXY.")
    if isinstance(error, httpx2.TimeoutException):
        return AssetError(f"The Hub ({host()}) does not answer in time.", NETWORK)
    if isinstance(error, httpx2.ConnectError):
        return AssetError(*_no_connection(error))
    return AssetError(f"The connection to {host()} broke off while fetching {request.repo}.", TRY_LATER)


def _no_connection(error: httpx2.ConnectError) -> tuple[str, str]:
    chain = list(_chain(error))
    if any(isinstance(link, socket.gaierror) for link in chain):
        return f"The name {host()} cannot be looked up: there is no network or no DNS.", NETWORK
    if any(isinstance(link, ssl.SSLError) for link in chain):
        return (
            f"The certificate of {host()} is not trusted: a filter in the network may read along.",
            "Ask the network's administrator; SSL_CERT_FILE names a certificate to trust.",
        )
    return f"No connection to the Hub ({host()}).", NETWORK


def _disk(error: BaseException, request: Request) -> DistillError:
    if disk.is_full(error) or getattr(error, "errno", None) == errno.EFBIG:
        return AssetError(f"The disk is full: {request.repo} does not fit into {cache_root()}.", SPACE)
    if "Consistency check failed" in str(error):
        return AssetError(f"A file of {request.repo} did not come whole.", TRY_LATER)
    reason = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), type(error).__name__)
    return AssetError(
        f"{request.repo} cannot be stored in {cache_root()}: {reason}.", "Check the folder's permissions."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
