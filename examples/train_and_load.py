"""Train a small VAE on digits of 8×8 pixels and use it: `python examples/train_and_load.py [FOLDER]`."""

import sys

import vae_exp
from vae_exp import data

folder = sys.argv[1] if len(sys.argv) > 1 else "outputs/example"
config = vae_exp.Config(
    model=vae_exp.ConvConfig(latent_dim=4, channels=[1, 16]),
    data=vae_exp.DigitsConfig(),
    trainer=vae_exp.TrainerConfig(epochs=5, threads=1),  # a second thread gains nothing on images this small
    evaluation=vae_exp.EvaluationConfig(final=False),
    figures=vae_exp.FiguresConfig(which=[]),
)
run = vae_exp.run(config, folder)  # started again in the same folder, it returns the finished run
print(f"best epoch {run.final['best_epoch']}, validation loss {run.metrics['val/loss'].iloc[-1]:.2f} nats at the end")

run = vae_exp.load_run(folder)  # the same; `runs:/<id>` loads one from MLflow
images = data.load(run.config.data).test.images[:6]  # (6, 1, 8, 8), uint8; floats in [0, 1] do as well
posterior, likelihood = run.model(images)  # q(z|x), and p(x|z) at its mean
print(f"posterior means {tuple(posterior.mean.shape)}, reconstructions {tuple(likelihood.mean.shape)}")
print(f"KL {posterior.kl().sum(-1).mean():.2f} nats")

samples = run.model.sample(3, seed=0)  # (3, 1, 8, 8) in [0, 1], the same for the same seed
print(f"brightest sampled pixel {samples.max():.2f}")
