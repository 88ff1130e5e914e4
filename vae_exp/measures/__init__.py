"""What a finished model is worth, beyond its loss: the numbers of `final.json`."""

from vae_exp.measures.final import measure

__all__ = ["measure"]
