"""Decoders and codes of runs as data for the page, where an image is decoded anew at every movement of a hand."""

from vae_exp.comparison.decoders.chosen import MOST_BYTES, Decoders, decoders

__all__ = ["MOST_BYTES", "Decoders", "decoders"]
