"""Sweeps that propose their own jobs: a space, a sampler, and rungs at which the best trials are promoted."""
