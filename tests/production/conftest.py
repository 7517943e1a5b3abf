"""The three services on PostgreSQL and Kafka, looked at with tools that know none of our code."""

from tests.faults.conftest import ground, world, world_of

__all__ = ["ground", "world", "world_of"]
