# The command line, the page and the MCP server in one image: `docker build -t agent-knowledge .`
# What it knows is mounted at /knowledge; docs/containers.md says how.
ARG BASE=python:3.13-slim

FROM ${BASE} AS installed
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY agent_knowledge ./agent_knowledge
RUN python3 -m venv /opt/agent-knowledge \
 && /opt/agent-knowledge/bin/pip install --no-cache-dir --disable-pip-version-check \
      '.[mcp,office,postgres,qdrant,ui]'

FROM ${BASE}
RUN useradd --uid 10001 --no-log-init --create-home knowledge \
 && install -d -o knowledge -g knowledge /knowledge
COPY --from=installed /opt/agent-knowledge /opt/agent-knowledge
ENV PATH=/opt/agent-knowledge/bin:$PATH \
    PYTHONUNBUFFERED=1
USER knowledge
WORKDIR /knowledge
EXPOSE 7860
# Any answer will do: with a password the page answers 401 to whoever has none.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", \
  "import http.client as h; c = h.HTTPConnection('127.0.0.1', 7860, timeout=4); c.request('GET', '/'); c.getresponse()"]
ENTRYPOINT ["agent-knowledge"]
CMD ["ui", "--host", "0.0.0.0"]
