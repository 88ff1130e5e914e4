"""Decoders and codes of runs as data for the page, which decodes images while the reader moves a point."""

from vae_exp.comparison.decoders.chosen import MOST_BYTES, Decoders, decoders

__all__ = ["MOST_BYTES", "Decoders", "decoders"]
