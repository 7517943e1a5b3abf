"""Side-by-side measurements: ours beside the baselines and the peers, in one run on one machine."""
