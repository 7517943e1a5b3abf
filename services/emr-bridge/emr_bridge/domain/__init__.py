"""What emr-bridge decides: states of messages, what a refusal means, when to send again. Pure."""
