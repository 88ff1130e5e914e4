"""A VAE with closed forms: x = Wz + b + s·ε, so that x ~ N(b, WWᵀ + s²I), and the posterior is Gaussian.

W has orthogonal columns, which makes the exact posterior a diagonal Gaussian.
"""

import torch

from vae_exp.distributions import DiagonalGaussian, Gaussian
from vae_exp.models.vae import MOST_POINTS

W = torch.tensor([[1.0, 0.5], [1.0, -0.5], [0.0, 2.0], [1.0, 0.0], [0.5, 0.0]], dtype=torch.float64)
W[2, 0], W[3, 1] = 0.25, -0.5
W[:, 1] -= W[:, 0] * (W[:, 0] @ W[:, 1]) / (W[:, 0] @ W[:, 0])
B = torch.tensor([0.1, -0.2, 0.3, 0.0, 0.5], dtype=torch.float64)
SCALE = torch.tensor(0.7, dtype=torch.float64)


class LinearGaussian:
    """Has the interface of `Vae`. The encoder is off by `shift` in the mean and by `log_factor` in the log-variance."""

    latent_dim = 2
    likelihood = "gaussian"
    points_at_once = MOST_POINTS

    def __init__(self, shift=0.0, log_factor=0.0):
        self.shift, self.log_factor = shift, log_factor
        self.most_points = 0

    def eval(self):
        return self

    def encode(self, images):
        precision = 1 + (W**2).sum(0) / SCALE**2
        mean = (images.flatten(1) - B) @ W / SCALE**2 / precision
        return DiagonalGaussian(mean + self.shift, (-precision.log() + self.log_factor).expand_as(mean))

    def decode(self, z):
        self.most_points = max(self.most_points, z[..., 0].numel())
        return Gaussian((z @ W.T + B)[..., None, None, :], SCALE.log())

    def log_likelihood(self, images):
        covariance = W @ W.T + SCALE**2 * torch.eye(5, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(B, covariance).log_prob(images.flatten(1))

    def elbo(self, images):
        """Return E_q log p(x|z) − KL(q ‖ p) in closed form: (N,)."""
        posterior = self.encode(images)
        variance = posterior.log_variance.exp()
        squares = ((images.flatten(1) - B - posterior.mean @ W.T) ** 2).sum(1) + (variance * (W**2).sum(0)).sum(1)
        reconstruction = -0.5 * squares / SCALE**2 - 5 * (SCALE.log() + 0.5 * torch.log(torch.tensor(2 * torch.pi)))
        kl = 0.5 * (posterior.mean**2 + variance - 1 - posterior.log_variance).sum(1)
        return reconstruction - kl


def images(n, seed=0):
    """Draw x from the model: (n, 1, 1, 5)."""
    noise = torch.Generator().manual_seed(seed)
    z, e = (torch.randn(n, d, generator=noise, dtype=torch.float64) for d in (2, 5))
    return (z @ W.T + B + SCALE * e)[:, None, None]
