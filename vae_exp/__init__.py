"""Train, sweep and compare variational autoencoders."""
