"""The progress of runs and sweeps, read from their files: no lock is taken and nothing is written."""
