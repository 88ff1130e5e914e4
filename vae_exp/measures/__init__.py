"""The measures of a finished model beyond its loss: the numbers of `final.json`."""

from vae_exp.measures.final import measure

__all__ = ["measure"]
