"""One generator and its Manifest, there and back; everything else is refused with a reason."""

import dataclasses
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_networks import picture, small

from models.checkpoint import load_checkpoint, read_manifest, save_checkpoint
from models.errors import BadCheckpoint, BadManifest
from models.manifest import METADATA_KEY, Manifest
from models.zoo import GENERATORS, build_generator


def described(name, **arguments):
    torch.manual_seed(0)
    network = build_generator(name, **arguments)
    manifest = Manifest(
        name="tést-model",
        task="super-resolution" if network.scale > 1 else "translation",
        source="a",
        target="b",
        generator=name,
        arguments=arguments,
        channels=network.channels,
        scale=network.scale,
        multiple=network.multiple,
        minimum=network.minimum,
        radius=network.radius,
        normalization=network.normalization,
        metrics={"psnr": 30.25},
    )
    return network, manifest


@pytest.fixture
def saved(tmp_path):
    network, manifest = described("compact_x4", width=4, convs=1)
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, network, manifest)
    return path


def rewrite(path, manifest=None, **changes):
    """The same file with other tensors or another Manifest."""
    state = load_file(path) | changes
    manifest = manifest or read_manifest(path)
    save_file({k: v for k, v in state.items() if v is not None}, path, {METADATA_KEY: manifest.to_json()})


@pytest.mark.parametrize("name", GENERATORS)
def test_round_trip(name, tmp_path):
    network, manifest = described(name, **small(GENERATORS, name))
    image = picture(2, 3, max(16, network.minimum), max(16, network.minimum))
    network.train()(image)  # moves running statistics off their defaults
    path = tmp_path / "deep" / "model.safetensors"
    save_checkpoint(path, network, manifest)
    loaded, told = load_checkpoint(path)
    assert told == manifest == read_manifest(path)
    assert not loaded.training
    assert all(weight.requires_grad for weight in loaded.parameters())
    with torch.no_grad():
        assert torch.equal(loaded(image), network.eval()(image))
    assert [entry.name for entry in path.parent.iterdir()] == ["model.safetensors"]


def test_saving_leaves_the_generator_as_it_is(tmp_path):
    network, manifest = described("compact_x4", width=4, convs=1)
    network = network.to(memory_format=torch.channels_last).train()
    save_checkpoint(tmp_path / "m.safetensors", network, manifest)
    assert network.training
    assert network.body[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_reading_the_manifest_needs_no_torch(saved):
    program = (
        "import sys; from models.checkpoint import read_manifest; "
        f"print(read_manifest({str(saved)!r}).generator, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["compact_x4", "False"]


def test_pix2pix_manifest_says_picture_and_the_network_keeps_its_batchnorm(tmp_path):
    network, manifest = described("unet_128", width=2)
    save_checkpoint(tmp_path / "m.safetensors", network, dataclasses.replace(manifest, normalization="picture"))
    loaded, told = load_checkpoint(tmp_path / "m.safetensors")
    assert (loaded.normalization, told.normalization) == ("fixed", "picture")


@pytest.mark.parametrize("read", [read_manifest, load_checkpoint])
def test_no_file_and_no_safetensors(read, tmp_path, saved):
    with pytest.raises(BadCheckpoint, match="there is no checkpoint"):
        read(tmp_path / "missing.safetensors")
    for content in (b"", b"\x80\x02}q\x00.", saved.read_bytes()[:-100], saved.read_bytes()[:40]):
        (tmp_path / "broken").write_bytes(content)
        with pytest.raises(BadCheckpoint, match="cannot read"):
            read(tmp_path / "broken")
    with pytest.raises(BadCheckpoint):
        read(tmp_path)


@pytest.mark.parametrize("read", [read_manifest, load_checkpoint])
def test_no_manifest_or_a_damaged_one(read, tmp_path, saved):
    path = tmp_path / "other.safetensors"
    save_file(load_file(saved), path)
    with pytest.raises(BadManifest, match="no Manifest"):
        read(path)
    save_file(load_file(saved), path, {METADATA_KEY: json.dumps({"schema": 99})})
    with pytest.raises(BadManifest, match="schema 99"):
        read(path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"body.0.bias": torch.zeros(5)}, r"body.0.bias is \[5\], not \[4\]"),
        ({"body.0.bias": torch.tensor([0.0, 0.0, float("nan"), 0.0])}, "not finite"),
        ({"body.0.bias": torch.full((4,), float("inf"))}, "not finite"),
        ({"body.0.bias": torch.zeros(4, dtype=torch.int32)}, "int32"),
        ({"body.0.bias": None}, "1 missing, 0 left over"),
        ({"extra": torch.zeros(1)}, "0 missing, 1 left over"),
    ],
)
def test_weights_that_do_not_fit(saved, changes, complaint):
    rewrite(saved, **changes)
    with pytest.raises(BadCheckpoint, match=complaint):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("changes", "error", "complaint"),
    [
        ({"generator": "compact_x5"}, BadManifest, "Did you mean 'compact_x4'"),
        ({"arguments": {"wdith": 4}}, BadManifest, "wdith"),
        ({"arguments": {"width": 10**8}}, BadManifest, "out of range"),
        ({"arguments": {"width": 4096, "convs": 1}}, BadCheckpoint, "do not fit"),
        ({"scale": 2}, BadCheckpoint, "declares scale 2"),
        ({"radius": 1}, BadCheckpoint, "declares radius 1"),
        ({"normalization": "picture"}, BadCheckpoint, "declares normalization"),
    ],
)
def test_manifest_that_does_not_fit(saved, changes, error, complaint):
    rewrite(saved, dataclasses.replace(read_manifest(saved), **changes))
    with pytest.raises(error, match=complaint):
        load_checkpoint(saved)


def test_a_checkpoint_that_could_not_be_loaded_is_not_written(saved):
    before = saved.read_bytes()
    network, manifest = described("compact_x4", width=4, convs=1)
    other, _ = described("compact_x4", width=8, convs=1)
    network.body[0].bias.data[0] = float("nan")
    for wrong in (network, other):
        with pytest.raises(BadCheckpoint):
            save_checkpoint(saved, wrong, manifest)
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_half_precision_weights_are_widened(saved):
    rewrite(saved, **{key: value.half() for key, value in load_file(saved).items()})
    network, _ = load_checkpoint(saved)
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


def test_filters_that_no_file_holds_are_there_again(tmp_path):
    network, manifest = described("resnet_6blocks", width=4, blocks=1, smooth="both")
    save_checkpoint(tmp_path / "g.safetensors", network, manifest)
    loaded, _ = load_checkpoint(tmp_path / "g.safetensors")
    image = picture(1, 3, 16, 16)
    assert torch.equal(loaded(image), network.eval()(image))
