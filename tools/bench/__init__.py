"""One command per published number; docs/benchmarks.md has the latest table."""
