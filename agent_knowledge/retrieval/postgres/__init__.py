"""A store in PostgreSQL with pgvector: many readers and writers, rows that only a tenant sees."""
