"""Small networks are slower with many threads than with one, above all on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from exporting import Exported, describe, small_generator

from export import export_onnx
from models.zoo import GENERATORS


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package", params=GENERATORS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Each network of the zoo, exported once for all files of tests."""
    name = request.param
    network, arguments = small_generator(name)
    manifest = describe(network, name=name, generator=name, arguments=arguments, metrics={"psnr": 28.5})
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    return Exported(network, manifest, path, export_onnx(network, manifest, path))
