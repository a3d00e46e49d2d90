"""From a decision to the knowledge that a model is given."""
