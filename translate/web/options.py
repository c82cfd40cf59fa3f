"""What a visitor may choose: some of the options of `translate run`, by the same names and with the same defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from models.errors import ConfigError
from translate.config import AppConfig, RunConfig
from translate.picture import EXTENSIONS, OPTIONS

NONE = "none"
"""As the second model: no second model."""


def choices(name: str) -> list[str]:
    """The words that an option of `translate run` takes."""
    kind = get_type_hints(RunConfig)[name]
    words = get_args(kind)
    return [str(word) for word in (get_args(words[0]) or words)]  # the words alone, or with int beside them


@dataclass(frozen=True)
class Options:
    """One visitor's choice; fields as in `RunConfig` unless they say more."""

    model: str
    second_model: str = NONE
    """Works on what the first one made."""
    strength: float = RunConfig.strength
    size: str = RunConfig.size  # type: ignore[assignment]
    """auto, full, or pixels in digits."""
    scale: str = ""
    """A number in digits; empty for what the models give."""
    alpha: str = RunConfig.alpha
    seamless: str = RunConfig.seamless
    normal_map: str = RunConfig.normal_map
    format: str = "png"
    """png, so that nothing is lost whatever the picture was; `same` is what `translate run` does."""
    quality: int = RunConfig.quality

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, in order."""
        return (self.model,) if self.second_model in ("", NONE) else (self.model, self.second_model)

    def run_config(self, inputs: Sequence[Path], out: Path, app: AppConfig) -> RunConfig:
        """The settings of `translate run` for this choice.

        Raises:
            ConfigError: a word or number that the option does not take.
        """
        words = {name: self._word(name) for name in ("alpha", "seamless", "normal_map", "format")}
        return RunConfig(
            inputs=tuple(inputs),
            model=self.models,
            out=out,
            device=app.device,
            max_pixels=app.max_pixels,
            size=self._size(),
            strength=_number("strength", self.strength),
            scale=_number("scale", self.scale) if str(self.scale).strip() else None,
            quality=int(_number("quality", self.quality)),
            **words,
        )

    def _word(self, name: str) -> Any:
        word, known = getattr(self, name), choices(name)
        if word not in known:
            raise ConfigError(f"--{name.replace('_', '-')} {word} is none of {', '.join(known)}.")
        return word

    def _size(self) -> Any:
        text = str(self.size).strip()
        if text in choices("size"):
            return text
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise ConfigError(f"--size {text[:20]} is neither auto, full nor a number of pixels.")
        return int(text)


def _number(name: str, given: object) -> float:
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ConfigError(f"--{name} {str(given)[:20]} is no number.") from None


def result_name(source: str, form: str, models: Sequence[str]) -> str:
    """What a result is called: `{stem}_{model}` and the extension of its format.

    Args:
        source: the picture's name.
        form: Pillow's name of the result's format.
    """
    path = Path(source)
    extension = next(ending for ending in OPTIONS.values() if EXTENSIONS[ending] == form)
    if EXTENSIONS.get(path.suffix.lower()) == form:
        extension = path.suffix
    models_ = "_".join(models)[:80]
    # A file name holds 255 bytes; the stem gives way.
    return f"{path.stem.encode()[:150].decode(errors='ignore')}_{models_}{extension}"
