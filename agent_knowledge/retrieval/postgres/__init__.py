"""A store in PostgreSQL with pgvector: many readers and writers, and a row for each tenant's own."""
