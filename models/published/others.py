"""Further networks, by spandrel, which recognises them by their keys and brings their code from its own package."""

from __future__ import annotations

from torch import Tensor, nn

from models.errors import BadCheckpoint
from models.layers import Generator
from models.published.weights import Weights


class Other(Generator):
    """A network of spandrel's: RGB or grey in [0, 1], in and out.

    `radius` and `normalization` are for whoever measures them; until then 0 and "none".
    """

    def __init__(self, body: nn.Module, name: str, channels: int, scale: int, multiple: int, minimum: int) -> None:
        super().__init__()
        self.body, self.name = body, name
        self.channels, self.scale, self.multiple = channels, scale, multiple
        self.minimum = -(-max(minimum, 1) // multiple) * multiple
        self.radius, self.normalization = 0, "none"

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image)


def other(weights: Weights) -> Other | None:
    """The network that spandrel builds for these weights; None if it knows none.

    Raises:
        ModuleNotFoundError: spandrel is not installed.
        BadCheckpoint: it knows the network, but that takes or makes something else than one picture of any size.
    """
    from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError

    try:
        found = ModelLoader(device="cpu").load_from_state_dict(weights)
    except UnsupportedModelError:
        return None
    except (RuntimeError, KeyError, ValueError, IndexError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadCheckpoint(f"spandrel takes it for a network that it knows, and fails: {reason}") from error
    name = found.architecture.name
    if not isinstance(found, ImageModelDescriptor) or found.input_channels != found.output_channels:
        raise BadCheckpoint(f"it is {name} for spandrel, which takes something else than one picture.")
    rule = found.size_requirements
    if rule.square:
        raise BadCheckpoint(f"it is {name} for spandrel, which takes square pictures only.")
    body = found.model.eval()
    for layer in body.modules():
        if hasattr(layer, "update_params"):  # SPAN folds its layers anew in every pass, on which the exporter crashes
            layer.update_params()
            layer.update_params = lambda: None
    return Other(body, name, found.input_channels, found.scale, rule.multiple_of or 1, rule.minimum or 1)
