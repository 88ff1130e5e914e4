"""The files on the disk: the folders of runs and sweeps, and every file in them."""
