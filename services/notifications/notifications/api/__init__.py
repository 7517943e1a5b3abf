"""The HTTP edge: what people and tools ask about promises and deliveries, and gateways' callbacks."""
