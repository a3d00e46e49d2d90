"""The page: ask, and see the route, the evidence and the passages."""
