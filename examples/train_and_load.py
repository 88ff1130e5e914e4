"""Train a small VAE on digits of 8×8 pixels, read it back and use it: `python examples/train_and_load.py [FOLDER]`."""

import sys

import vae_exp
from vae_exp import data
from vae_exp.config import ConvConfig, DigitsConfig, EvaluationConfig, FiguresConfig, TrainerConfig

folder = sys.argv[1] if len(sys.argv) > 1 else "outputs/example"
config = vae_exp.Config(
    model=ConvConfig(latent_dim=4, channels=[1, 16]),
    data=DigitsConfig(),
    trainer=TrainerConfig(epochs=5, threads=1),  # images this small leave a second thread nothing to do
    evaluation=EvaluationConfig(final=False),
    figures=FiguresConfig(which=[]),
)
vae_exp.run(config, folder)  # once more in the same folder: it is finished, and nothing is done

run = vae_exp.load_run(folder)  # a folder, or runs:/<id> of MLflow
print(f"best epoch {run.final['best_epoch']}, validation loss {run.metrics[-1]['val/loss']:.2f} nats at the end")

images = data.load(run.config.data).test.images[:6]  # (6, 1, 8, 8), uint8; floats in [0, 1] do as well
posterior = run.model.encode(images)  # q(z|x): mean and log-variance, (6, 4) each
pixels = run.model.decode(posterior.mean)  # p(x|z)
samples = run.model.sample(3, seed=0)  # (3, 1, 8, 8) in [0, 1], the same for the same seed
print(f"posterior means {tuple(posterior.mean.shape)}, reconstructions {tuple(pixels.mean.shape)}")
print(f"KL {posterior.kl().sum(-1).mean():.2f} nats, brightest sampled pixel {samples.max():.2f}")
