"""Faces for LangChain: tool, middleware, retriever. They translate and decide nothing."""
