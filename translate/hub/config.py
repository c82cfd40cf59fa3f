"""Settings of `translate models pull` and `translate models push`. Field docstrings are the manual of `--help`."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import FlagCreatePairsOff, Positional


@dataclass(frozen=True, kw_only=True)
class PullConfig:
    """Bring a model from the Hugging Face Hub into the user's folder. Its files are checked and kept, none is run; the
    commit and the SHA-256 are recorded beside it. Private ones need HF_TOKEN or `hf auth login`."""

    repository: Positional[str]
    """user/repo, or user/repo@revision: a commit, a tag or a branch. Without one, the newest."""
    name: str = ""
    """What to call it here; the repository's own name if not given."""
    replace: FlagCreatePairsOff[bool] = False
    """Replace a model of that name."""
    offline: FlagCreatePairsOff[bool] = False
    """Make no connection: only see whether it is here already. So does HF_HUB_OFFLINE=1."""


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """Publish a model on the Hugging Face Hub: its .onnx file, its weights, its description and a model card. Needs
    HF_TOKEN or `hf auth login`."""

    model: Positional[str]
    """Name of an installed model (`translate models list`) or path of an .onnx file. A card of ours (README.md) and
    samples (sample.png, sample.jpg) beside it go with it."""
    repository: Positional[str]
    """user/repo; it is made if there is none."""
    private: FlagCreatePairsOff[bool] = False
    """Make a new repository that only you see."""
    message: str = ""
    """What to say of this commit; the model's name if not given."""
    offline: FlagCreatePairsOff[bool] = False
    """Make no connection: say what would be sent, and send nothing."""
