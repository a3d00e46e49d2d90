"""The Model Context Protocol: an agent of any make asks the router."""
