"""Training recipes: NAME.toml beside this file, or the user's own, whose keys are fields of the method's settings."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from models.errors import ConfigError, UnknownRecipe

Config = TypeVar("Config")


def list_recipes() -> list[str]:
    """Names of all recipes."""
    return sorted(Path(entry.name).stem for entry in files(__name__).iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str, method: str, config: type[Any]) -> dict[str, Any]:
    """Field values of a recipe, as the configuration has them.

    Args:
        name: as `list_recipes` gives it, or the path of a .toml file of one's own.
        method: pix2pix, cyclegan, cut or srgan; the recipe must be for it.
        config: the method's dataclass.
    Raises:
        UnknownRecipe: no such recipe.
        ConfigError: a file that cannot be read, a recipe for another method, or a key that is no field.
    """
    try:
        values = tomllib.loads(_read(name))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the recipe {name} is not TOML: {error}.") from None
    made_for = values.pop("method", "")
    if not made_for:
        raise ConfigError(f'the recipe {name} does not say what it is for: begin it with method = "{method}".')
    if made_for != method:
        raise ConfigError(f"the recipe {name} is for `translate train {made_for}`, not {method}.")
    fields = {field.name: str(field.type) for field in dataclasses.fields(config)}
    types = get_type_hints(config)
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0)[0]
            raise ConfigError(f"the recipe {name} has {key!r}, which is no setting; the nearest is {near!r}.")
        values[key] = _fitted(value, fields[key])
        _check_type(name, key, values[key], types[key])
    return values


def _read(name: str) -> str:
    """The text of a recipe of ours, or of a file."""
    known = list_recipes()
    if name in known:
        return (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    if not name.lower().endswith(".toml"):
        raise UnknownRecipe(name, known, "Or give the path of a .toml file.")
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise ConfigError(f"cannot read the recipe {name}: {reason}. Ours are {', '.join(known)}.") from None


def _check_type(recipe: str, key: str, value: Any, wanted: Any) -> None:
    """Hold a value to the kind of its field; a name that is not among those known is answered with the nearest."""
    origin, options = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        if value not in options:
            near = difflib.get_close_matches(str(value), map(str, options), n=1, cutoff=0)[0]
            known = ", ".join(map(str, options))
            raise ConfigError(f"the recipe {recipe} has {key} = {value!r}; the nearest is {near!r} (known: {known}).")
        return
    if origin is tuple:
        kinds = options[:1] * len(value) if isinstance(value, tuple) and options[1:] == (...,) else options
        if isinstance(value, tuple) and len(value) == len(kinds):
            for part, kind in zip(value, kinds, strict=True):
                _check_type(recipe, key, part, kind)
            return
        raise ConfigError(f"the recipe {recipe} has {key} = {value!r}, which must be of the kind tuple ({wanted}).")
    kind = origin or wanted
    if kind is dict and isinstance(value, dict):
        for part in value.values():
            _check_type(recipe, key, part, options[1])
        return
    kinds = tuple(get_origin(option) or option for option in options) if kind is UnionType else (kind,)
    if not isinstance(value, kinds + ((int,) if float in kinds else ())) or (value is True or value is False) > (
        bool in kinds
    ):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ConfigError(f"the recipe {recipe} has {key} = {value!r}, which must be of the kind {names}.")


def _fitted(value: Any, annotation: str) -> Any:
    """TOML's lists as tuples, and texts as paths where the field wants them."""
    if isinstance(value, list):
        return tuple(value)
    return Path(value) if isinstance(value, str) and "Path" in annotation else value


def with_defaults(config: type[Config], values: dict[str, Any], missing: Any) -> Config:
    """An unchecked instance that holds `values`, else the fields' defaults, else `missing`.

    It only tells a command line what to fall back on; the configuration that comes of it is checked as ever.
    """
    instance = object.__new__(config)
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        if field.name in values:
            value = values[field.name]
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            value = missing if field.default is dataclasses.MISSING else field.default
        object.__setattr__(instance, field.name, value)
    return instance
