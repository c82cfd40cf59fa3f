"""Networks that look at pictures for us: what a distance between piles, or to a target, is taken in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import BadModelFile, DataError
from models.published.files import read_weights
from translate.metrics.layouts import EfficientNetLite, Stem
from translate.training.losses import full

Triple = tuple[float, float, float]
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation per channel: what torchvision's networks were trained with."""
SIDE = 224
"""Pixels that the networks were trained at; piles are resized to it (bilinear, antialiased)."""


@dataclass(frozen=True)
class Kind:
    """One architecture whose weights are recognised."""

    title: str
    build: str | Callable[[], nn.Module]
    """Its name in torchvision.models, or what builds it; it has `features`, one layer after another."""
    layers: tuple[int, ...]
    """Of `features`, whose outputs a perceptual distance compares."""
    family: str = ""
    """The network that its weights come from, where that is another one: it does not judge what it was used for."""
    standard: tuple[Triple, Triple] = IMAGENET
    """Mean and deviation of its pictures."""

    def network(self) -> nn.Module:
        """With fresh weights."""
        if not isinstance(self.build, str):
            return self.build()
        import torchvision.models

        built: nn.Module = getattr(torchvision.models, self.build)(weights=None)
        return built


def efficientnet_lite(number: int) -> Kind:
    """One of the family, looked at after the last block of each resolution."""
    layers = (1, 4, 7, 15, 21) if number else (1, 3, 5, 11, 16)
    standard = ((127 / 255,) * 3, (128 / 255,) * 3)
    return Kind(f"EfficientNet-Lite{number}", partial(EfficientNetLite, number), layers, standard=standard)


VGG19 = Kind("VGG-19", "vgg19", (3, 8, 17, 26, 35))
KINDS = (
    # layers as in LPIPS (Zhang et al. 2018) as far as they are ReLU outputs of a full resolution each
    Kind("SqueezeNet 1.1", "squeezenet1_1", (1, 4, 7, 9, 11)),
    VGG19,
    Kind("VGG-16", "vgg16", (3, 8, 15, 22, 29)),
    Kind("AlexNet", "alexnet", (1, 4, 7, 9, 11)),
    Kind("VGG-19 up to relu3_1", Stem, (6, 13, 17), family="VGG-19", standard=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))),
    *map(efficientnet_lite, range(3)),
)
FETCHED = "IMAGENET1K_V1"
"""torchvision's name of the weights that it fetches."""
NAMES = tuple(kind.build for kind in KINDS if isinstance(kind.build, str))
"""Networks whose weights torchvision fetches."""


class FeatureNetwork(nn.Module):
    """The features of a classifier, frozen. Pictures are [B, 3, H, W] in [0, 1].

    Args:
        origin: of the weights, for whoever must know: SHA-256 of the file, or how it begins.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: nn.Sequential, kind: Kind, origin: str = "") -> None:
        super().__init__()
        self.features = features.eval().requires_grad_(False)
        self.kind, self.origin = kind, origin
        mean, deviation = kind.standard
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1))

    @property
    def title(self) -> str:
        """What the numbers are to be called by."""
        return self.kind.title

    @property
    def family(self) -> str:
        """The network that its weights come from."""
        return self.kind.family or self.kind.title

    @property
    def resize(self) -> str:
        """What becomes of pictures before their features are taken."""
        return f"{SIDE} x {SIDE} (bilinear, antialiased)"

    def forward(self, images: Tensor) -> Tensor:
        """Mean of the last features over the picture, resized to 224 x 224: [B, D]."""
        small = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        features: Tensor = self.features(self.standard(small))
        return features.mean(dim=(2, 3))

    def maps(self, images: Tensor, layers: Sequence[int] = ()) -> list[Tensor]:
        """Outputs of some layers of `features`, those of the kind if not said, at the pictures' own size."""
        wanted = layers or self.kind.layers
        values, found = self.standard(images), []
        for place, layer in enumerate(self.features[: wanted[-1] + 1]):
            values = layer(values)
            if place in wanted:
                found.append(values)
        return found

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """Perceptual distance, [B]: squared distance of features of unit length at each place, averaged over the
        picture and summed over layers (Zhang et al. 2018, eq. 1, with all weights 1)."""
        total = torch.zeros(len(one), device=one.device)
        for a, b in zip(self.maps(one), self.maps(other), strict=True):
            apart = F.normalize(full(a), dim=1) - F.normalize(full(b), dim=1)
            total = total + apart.square().sum(dim=1).mean(dim=(1, 2))
        return total

    def standard(self, images: Tensor) -> Tensor:
        """With the mean and deviation that the network knows."""
        result: Tensor = (images - self.mean) / self.deviation
        return result


def fetch_features(name: str) -> FeatureNetwork:
    """A feature network with torchvision's ImageNet weights.

    Args:
        name: one of torchvision's that KINDS has.
    Raises:
        DataError: the weights are not in torchvision's cache and cannot be fetched.
    """
    import torchvision.models

    kind = next(kind for kind in KINDS if kind.build == name)
    try:
        weights = torchvision.models.get_model_weights(name)[FETCHED]
        network = torchvision.models.get_model(name, weights=weights)
    except OSError as error:  # URLError is one
        raise DataError(
            f"cannot fetch the weights of {kind.title} ({error}). Connect once so that torchvision can keep them, or "
            "name a file with --features."
        ) from None
    return FeatureNetwork(network.features, kind, Path(weights.url).stem.rpartition("-")[2])


def open_features(path: Path) -> FeatureNetwork:
    """Read a feature network: weights of a classifier, told by their names and shapes.

    Raises:
        DataError: unreadable, a pickled program, or weights of something else.
    """
    whole, kind, origin = _read_network(path)
    return FeatureNetwork(_features(whole), kind, origin)


class Classifier(nn.Module):
    """A feature network with its last layers, frozen: pictures, [B, 3, H, W] in [0, 1] -> scores of classes, [B, N]."""

    def __init__(self, whole: nn.Module, kind: Kind, origin: str) -> None:
        super().__init__()
        self.whole = whole.eval().requires_grad_(False)
        self.network = FeatureNetwork(_features(whole), kind, origin)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.whole(self.network.standard(images))
        return scores


def open_classifier(path: Path) -> Classifier:
    """As `open_features`, with its last layers.

    Raises:
        DataError: as there, or it has none.
    """
    whole, kind, origin = _read_network(path)
    if not hasattr(whole, "classifier"):
        raise DataError(f"{path} holds {kind.title}, which has no last layers to tell classes by.")
    return Classifier(whole, kind, origin)


def _read_network(path: Path) -> tuple[nn.Module, Kind, str]:
    """A network of one of KINDS with the weights in a file, which kind it is, and the file's SHA-256."""
    try:
        weights = read_weights(path)
    except BadModelFile as error:
        raise DataError(f"cannot read the feature network {path}: {error}") from None
    for kind in KINDS:
        with torch.device("meta"):
            wanted = kind.network().state_dict()
        fitted = _fitted(weights, wanted, by_name=isinstance(kind.build, str))
        if fitted is not None:
            network = kind.network()
            network.load_state_dict(fitted)
            return network, kind, hashlib.sha256(path.read_bytes()).hexdigest()
    known = ", ".join(kind.title for kind in KINDS)
    seen = ", ".join(list(weights)[:3])
    raise DataError(f"{path} holds weights of none of {known} as they are published (it has {seen}, ...).")


def _features(whole: nn.Module) -> nn.Sequential:
    features: nn.Sequential = whole.features  # type: ignore[assignment]
    return features


def _fitted(
    weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, by_name: bool
) -> Mapping[str, Tensor] | None:
    """Weights by the names that a network has for them, which others are published under in the same order."""
    if by_name and weights.keys() != wanted.keys():
        return None
    named = weights if by_name else dict(zip(wanted, weights.values(), strict=False))
    alike = len(weights) == len(wanted) and all(named[name].shape == wanted[name].shape for name in wanted)
    return named if alike else None


def in_batches(images: Sequence[Tensor], network: Callable[[Tensor], Tensor], size: int = 16) -> Tensor:
    """What a network says of pictures [3, H, W], of any sizes, one by one where they differ: [N, ...]."""
    alike = len({image.shape for image in images}) == 1
    step = size if alike else 1
    with torch.no_grad():
        return torch.cat([network(torch.stack(list(images[i : i + step]))) for i in range(0, len(images), step)])
