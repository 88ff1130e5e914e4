"""Many runs: planned, handed to a launcher, and concluded."""
