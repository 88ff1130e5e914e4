"""All measures of a finished run, in the order of their computation."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from vae_exp.config import Config
from vae_exp.data import Splits
from vae_exp.evaluation import means, per_image
from vae_exp.measures import latent
from vae_exp.measures.estimates import estimate, leave_out
from vae_exp.measures.labels import label_measures
from vae_exp.measures.likelihood import likelihood, scale
from vae_exp.measures.subject import Codes, Subject
from vae_exp.models.vae import Vae
from vae_exp.objectives import PARTS, build_objective

MOST_POSTERIORS, MOST_DRAWS = 50_000, 2_000
"""Number of training images whose posteriors are aggregated, and of those that z is drawn for: the first ones."""

Found = dict[str, Any]

log = logging.getLogger(__name__)


@torch.no_grad()
def measure(model: Vae, splits: Splits, config: Config, say: Callable[[str], None]) -> Found:
    """Return the measures of a model in evaluation mode by name, ready for JSON; nats are per image.

    `val/…` and `test/…` are the means that every epoch has, and estimates of −log p(x). The information is that of
    training images. All else is measured on the test images; on validation images where the data has no test split,
    and on training images where it has neither: `measured_on` names them. What is an estimate has its standard error
    beside it, `<name>_se`, and a share its 95 % interval, `<name>_interval`. A measure that is not defined here, or
    not finite, is left out, and the log says why. `say` shows what is being done. `docs/measures.md` has every name.
    """
    subject = Subject(model, splits, config, say)
    codes = subject.codes(subject.measured_on)
    found = losses(subject) | {"measured_on": subject.measured_on} | likelihood(subject) | scale(subject)
    found |= latent_measures(subject, codes)
    # With arrays this small, several threads in scikit-learn's libraries are twenty times slower.
    with threadpool_limits(1):
        found |= label_measures(subject, codes)
    for name in [name for name, value in found.items() if isinstance(value, float) and not math.isfinite(value)]:
        leave_out(name, f"it is {found.pop(name)}")
    return found


def losses(subject: Subject) -> Found:
    """Return objective, loss, reconstruction and KL of validation and test images, as after each epoch."""
    evaluation, objective = subject.config.evaluation, build_objective(subject.config.objective)
    found: Found = {}
    for name in ("val", "test"):
        if split := subject.splits.named(name):
            stream, size = f"evaluation/{name}", evaluation.batch_size
            parts, kl = per_image(
                subject.model, objective, split.images, seed=subject.config.seed, stream=stream, batch_size=size
            )
            for part, values in zip(PARTS, parts, strict=True):
                found |= estimate(f"{name}/{part}", values)
            found |= {f"{name}/{part}": mean for part, mean in means(objective, parts, kl).items()}
    return found


def latent_measures(subject: Subject, codes: Codes) -> Found:
    """Return KL per dimension, active units, and the information in z about its training image."""
    subject.say("use of the latent space")
    kl, active = codes.posterior.kl().mean(0), latent.is_active(codes.posterior.mean)
    for dimension in torch.nonzero(active & (kl < latent.UNUSED)).flatten().tolist():
        log.info("latent dimension %s is active, but its mean KL is %.4f nats", dimension, kl[dimension])
    train = subject.codes("train", MOST_POSTERIORS).posterior
    return {
        "kl_per_dimension": kl.tolist(),
        "active_units": int(active.sum()),
        **latent.information(train, subject.stream("information"), MOST_DRAWS),
    }
