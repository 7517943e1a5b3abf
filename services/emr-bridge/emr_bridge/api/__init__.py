"""The HTTP door: links and messages for people. Metadata only, but for the raw message itself."""
