"""Pure rules of promises, notices and deliveries: no SQL, HTTP, clock, settings or logs."""
