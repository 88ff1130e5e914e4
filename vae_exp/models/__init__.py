"""The models: a VAE from a configuration and the shape of the images."""

from vae_exp.models import conv as conv
from vae_exp.models import mlp as mlp
from vae_exp.models.vae import Vae, build_model

__all__ = ["Vae", "build_model"]
