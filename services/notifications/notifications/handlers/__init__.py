"""What the service does, one verb per module; each call runs inside its caller's transaction."""
