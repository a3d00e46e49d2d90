"""Embedders: `minilm`, packaged and offline; `langchain`, any LangChain embeddings."""
