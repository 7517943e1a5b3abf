"""The event log: a port with the words of Kafka, and its adapters."""
