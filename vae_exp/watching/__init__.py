"""How far runs and sweeps are, seen from outside: no lock is taken and nothing is written."""
