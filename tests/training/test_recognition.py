"""A classifier that is to recognise what results show."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from models.errors import ConfigError, DataError
from translate.metrics.layouts import EfficientNetLite, Stem
from translate.training.config import CUTConfig, CycleGANConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.method import Batch
from translate.training.recognition import Recognition

CPU = torch.device("cpu")
TINY: dict[str, Any] = {
    "data": Path("data"), "out": Path("run"), "generator": "resnet_6blocks",
    "generator_arguments": {"width": 8, "blocks": 1}, "discriminator_arguments": {"width": 4, "layers": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torchvision.models

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    return path


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_it_is_the_classifiers_cross_entropy(squeezenet: Path) -> None:
    import torchvision.models

    whole = torchvision.models.squeezenet1_1(weights=None).eval()
    whole.load_state_dict(torch.load(squeezenet, weights_only=True))
    pictures = noise(2, 3, 40, 48).requires_grad_()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    scores = whole(((pictures + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1))
    wanted = [F.cross_entropy(scores, torch.full((2,), number)) for number in (340, 339)]
    recognition = Recognition(squeezenet, (340, 339))
    found = recognition(pictures, pictures)
    assert torch.allclose(found, wanted[0] + wanted[1])
    found.backward()  # type: ignore[no-untyped-call]
    assert pictures.grad is not None
    assert float(pictures.grad.abs().max()) > 0
    assert all(parameter.grad is None for parameter in recognition.parameters())
    assert list(recognition.judges) == ["SqueezeNet 1.1"]


def test_lite_networks_tell_classes_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = EfficientNetLite(1).eval()
    torch.save(whole.state_dict(), tmp_path / "lite.pth")
    picture = noise(1, 3, 32, 32)
    scores = whole(((picture + 1) / 2 - 127 / 255) / (128 / 255))
    assert scores.shape == (1, 1000)
    assert torch.allclose(Recognition(tmp_path / "lite.pth", (3,))(picture), F.cross_entropy(scores, torch.tensor([3])))


def test_what_cannot_tell_classes_is_refused(squeezenet: Path, tmp_path: Path) -> None:
    torch.save(Stem().features.state_dict(), tmp_path / "stem.pth")
    with pytest.raises(DataError, match=r"VGG-19 up to relu3_1, which has no last layers"):
        Recognition(tmp_path / "stem.pth", (1,))
    with pytest.raises(ConfigError, match=r"--classes 1000: SqueezeNet 1\.1 knows 0 to 999"):
        Recognition(squeezenet, (1000,))


@pytest.mark.parametrize(
    ("config", "settings", "complaint"),
    [
        (CUTConfig, {"classes": (340,)}, "--classes needs it"),
        (CUTConfig, {"classifier": Path("c")}, "--classifier needs --classes"),
        (CUTConfig, {"classifier": Path("c"), "classes": (340, 339)}, "--classes 340 339: name 1, one for each"),
        (CycleGANConfig, {"classifier": Path("c"), "classes": (340,)}, "--classes 340: name 2, one for each"),
        (CUTConfig, {"classifier": Path("c"), "classes": (-1,)}, "counted from 0"),
        (CUTConfig, {"class_weight": 0.3}, r"--class-weight 0\.3 needs --classifier"),
        (CUTConfig, {"classifier": Path("c"), "classes": (1,), "generator_arguments": {"channels": 1}}, "--classifier"),
    ],
)
def test_settings_that_make_no_sense(config: Any, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config(**{**TINY, **settings})


@pytest.mark.parametrize(
    ("method", "config", "classes"), [(CUT, CUTConfig, (340,)), (CycleGAN, CycleGANConfig, (340, 339))]
)
def test_results_come_to_be_recognised(method: Any, config: Any, classes: tuple[int, ...], squeezenet: Path) -> None:
    torch.manual_seed(0)
    settings = config(**TINY, classifier=squeezenet, classes=classes, class_weight=100.0, learning_rate=5e-3, batch=1)
    trained = method(settings, CPU)
    batch = Batch(noise(1, 3, 32, 32), -noise(1, 3, 32, 32))
    found = [float(trained.step(batch)["g_class"]) for _ in range(15)]
    assert found[-1] < found[0]
    assert {name for _, manifest in trained.generators().values() for name in manifest.judges} == {"SqueezeNet 1.1"}
