"""The service's own tables and the queries on them: one module per noun."""
