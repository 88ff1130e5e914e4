"""What is measured, runnable by anyone: see `benchmarks/README.md`."""
