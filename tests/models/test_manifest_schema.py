"""Manifests of earlier versions are read; of newer ones it is said that the application is too old."""

import pytest

from models.errors import BadManifest
from models.manifest import SCHEMA, Manifest
from models.migration import migrated

WITHOUT_A_NUMBER = """{
  "name": "horse2zebra", "task": "translation", "source": "horses", "target": "zebras", "generator": "resnet_9blocks",
  "arguments": {}, "channels": 3, "scale": 1, "multiple": 4, "minimum": 16, "radius": 0, "normalization": "picture",
  "input_range": [-1.0, 1.0], "output_range": [-1.0, 1.0], "work_size": 256, "training_data": "", "license": "",
  "steps": 12, "metrics": {}, "created_by": "translate-images 0.1"
}"""
"""The fields of the first Manifests."""


def test_a_manifest_without_a_number_is_the_earliest() -> None:
    manifest = Manifest.from_json(WITHOUT_A_NUMBER)
    assert (manifest.schema, manifest.name, manifest.work_size) == (SCHEMA, "horse2zebra", 256)
    assert (manifest.pixels, manifest.judges, manifest.precisions, manifest.radius_error) == (
        "float32 NCHW", {}, {}, 0.0,
    )  # fmt: skip
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_a_newer_manifest_asks_for_an_update() -> None:
    with pytest.raises(BadManifest, match=r"schema 99; this version reads up to 1: update translate-images\."):
        Manifest.from_json('{"schema": 99}')


@pytest.mark.parametrize("number", ['"1"', "-1", "1.0", "true", "null"])
def test_what_is_no_number_is_no_reason_to_update(number: str) -> None:
    with pytest.raises(BadManifest, match="no number of one: it is damaged"):
        Manifest.from_json(f'{{"schema": {number}}}')


def test_migrations_follow_each_other() -> None:
    renamed = (lambda values: {"b": values["a"]}, lambda values: {**values, "c": 1})
    assert migrated({"a": 5}, renamed) == {"b": 5, "c": 1, "schema": 2}
    assert migrated({"b": 6, "schema": 1}, renamed) == {"b": 6, "c": 1, "schema": 2}
