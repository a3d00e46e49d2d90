"""What is measured about a task."""
