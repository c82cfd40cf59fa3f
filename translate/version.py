"""The version of the installed application."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("translate-images")
except PackageNotFoundError:  # run from a clone by PYTHONPATH
    VERSION = "0+clone"

CREATED_BY = f"translate-images {VERSION}"
