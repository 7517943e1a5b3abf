"""The loops beside the doors: one reads what was kept, one sends what is due."""
