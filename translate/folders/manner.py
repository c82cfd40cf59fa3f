"""How a run treats each picture between its files: what it is taken for, and the last touch."""

from __future__ import annotations

from dataclasses import dataclass

from translate.config import RunConfig
from translate.finish import Finish, finished
from translate.formats.options import EncodingOptions
from translate.inference.chain import Chain
from translate.picture import Picture
from translate.recognise import Treatment, recognised


@dataclass(frozen=True)
class Manner:
    """What the settings say on pictures."""

    options: EncodingOptions
    treatment: Treatment
    finish: Finish

    @classmethod
    def of(cls, config: RunConfig) -> Manner:
        """Those of a run."""
        return cls(
            EncodingOptions.of(config),
            Treatment(config.alpha, config.seamless, config.normal_map),
            Finish(palette=config.palette, strip=config.strip, provenance=config.provenance),
        )

    def before(self, picture: Picture, name: str) -> Picture:
        """A picture that was just read, as it is translated.

        Raises:
            BadPicture: the format that was asked for cannot hold it.
        """
        return self.options.fit(recognised(picture, name, self.treatment))

    def after(self, picture: Picture, chain: Chain) -> Picture:
        """A result as it is written."""
        return finished(picture, chain, self.finish)
