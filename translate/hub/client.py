"""The Hub's client, and what its failures are to the user."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.card import CARD_NAME
from models.errors import HubError, TranslateError, UsageError
from translate.inference.model_file import MAX_BYTES
from translate.store import FILE_NAME, SAMPLES

MANIFEST_NAME = "manifest.json"
WEIGHTS_NAME = "model.safetensors"
LIMITS = {FILE_NAME: MAX_BYTES, MANIFEST_NAME: 1_000_000, CARD_NAME: 1_000_000} | dict.fromkeys(SAMPLES, 20_000_000)
"""Files that are fetched, and the most bytes of each; whatever else a repository holds stays there."""
SECONDS = 10.0
"""After which a silent server counts as none."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Place:
    """A repository, and which state of it."""

    repository: str
    revision: str = ""
    """Commit, tag or branch; the newest if empty."""

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}" if self.revision else self.repository

    @property
    def pinned(self) -> bool:
        """Whether it means the same files for ever."""
        return _COMMIT.fullmatch(self.revision) is not None


def read_place(text: str, *, revisions: bool = True) -> Place:
    """`user/repo` or `user/repo@revision`.

    Raises:
        UsageError: anything else.
    """
    repository, at, revision = text.partition("@")
    if not _REPOSITORY.fullmatch(repository) or (at and not (revisions and revision)):
        form = "user/repo or user/repo@revision" if revisions else "user/repo"
        raise UsageError(f"{text!r} is no repository of the Hub: write {form}, without an address before it.")
    return Place(repository, revision)


def is_offline(asked: bool) -> bool:
    """Whether no connection is to be made, by --offline or by the Hub's own variable."""
    return asked or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def open_hub() -> Any:
    """huggingface_hub.HfApi for the server that HF_ENDPOINT names, or huggingface.co."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not (sys.stderr and sys.stderr.isatty()):
        disable_progress_bars()
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="translate-images")


@contextlib.contextmanager
def explained(place: Place, endpoint: str) -> Iterator[None]:
    """What goes wrong within, as one sentence and what to do about it.

    Raises:
        HubError: no such repository, revision or file, no access, no network, or the server refuses.
    """
    from huggingface_hub import errors

    login = "If it is private, log in with `hf auth login`, or put a token into HF_TOKEN."
    try:
        yield
    except TranslateError:
        raise
    except errors.GatedRepoError:
        raise HubError(f"{place}: its owner grants access one by one; ask for it on {endpoint}. {login}") from None
    except errors.RepositoryNotFoundError:
        raise HubError(f"{endpoint} shows no repository {place.repository}. {login}") from None
    except errors.RevisionNotFoundError:
        raise HubError(
            f"{place.repository} has no revision {place.revision!r}: name a commit, tag or branch."
        ) from None
    except errors.HfHubHTTPError as error:
        said = (error.server_message or str(error)).strip().splitlines()[0]
        hint = f" {login}" if error.response is not None and error.response.status_code in (401, 403) else ""
        raise HubError(f"{endpoint} refuses {place}: {said}.{hint}") from None
    except errors.OfflineModeIsEnabled:
        raise offline(place) from None
    except errors.LocalEntryNotFoundError:
        raise HubError(f"{endpoint} cannot be reached for {place}. {NETWORK}") from None
    except (RuntimeError, ValueError) as error:  # its word for an upload that fails, or a card that is refused
        said = " ".join(f"{error}".split())
        raise HubError(
            f"{endpoint} did not take it: {said} {error.__cause__ or ''}".rstrip() + ". Try again."
        ) from None
    except Exception as error:  # the transport's, which is httpx or httpx2 by huggingface_hub's version
        if not type(error).__module__.startswith(("httpx", "httpcore")):
            raise
        raise HubError(
            f"{endpoint} cannot be reached for {place} ({error or type(error).__name__}). {NETWORK}"
        ) from None


NETWORK = "Is there a network? HF_ENDPOINT names another server; HTTPS_PROXY a way through a firewall."


def offline(place: Place) -> HubError:
    """What to say where no connection may be made, and one is needed."""
    return HubError(f"{place} is not here, and no connection may be made (--offline or HF_HUB_OFFLINE).")
