"""Before anything is imported: ONNX Runtime sends no events to its maker, also where a test uses it by itself, and no
test fills this user's cache with compiled models."""

import os
from pathlib import Path

import pytest

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["TRANSLATE_CACHE"] = ""


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SqueezeNet 1.1 with random weights."""
    import torch
    from torchvision.models import squeezenet1_1

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("features") / "squeezenet.pth"
    torch.save(squeezenet1_1(weights=None).state_dict(), path)
    return path
