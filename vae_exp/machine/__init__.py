"""The machine and the process of a run."""
