"""What a contender, a series and an aim are; how they are run, told and kept. Knows no product."""
