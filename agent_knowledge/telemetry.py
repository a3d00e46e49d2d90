"""OpenTelemetry: spans and metrics of what a router does."""
