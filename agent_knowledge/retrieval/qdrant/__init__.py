"""A store in Qdrant: a collection for each source, or each tenant's part of one."""
