"""One verb per thing that happens. `tx` first, `now` last; no commit, no clock, no network."""
