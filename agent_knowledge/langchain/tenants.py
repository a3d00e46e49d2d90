"""Whose knowledge a run may see: what LangGraph's runtime context says, and nothing else does.

The context comes from whoever invokes the agent. Neither a message, nor the state, nor an argument
that a model writes can name a tenant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from agent_knowledge.errors import TenantMissingError, shown
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.types.filters import Scope

TenantReader: TypeAlias = Callable[[Any], "str | int | None"]
"""From the runtime context of a run to its tenant; None or nothing where it has none."""


def router_of_run(
    router: KnowledgeRouter, context: object, tenant: TenantReader | None = None
) -> KnowledgeRouter:
    """The router as one run may use it.

    Args:
        router: The agent's router.
        context: The run's `runtime.context`.
        tenant: Reads the tenant off it; default: the key or attribute that `agents.NAME.tenant`
            names.

    Returns:
        The router, of that tenant. As it is where the agent has no tenants, and where the context
        names none: then it refuses what keeps tenants apart, unless the host has scoped it.

    Raises:
        TenantMissingError: What the context holds is no text or whole number.
        InputError: The host has scoped the router to another tenant.
    """
    if tenant is None and router.agent.tenant is None:
        return router
    found = tenant(context) if tenant else _held(context, router.agent.tenant or "")
    if found is None or found == "":
        return router
    if isinstance(found, bool) or not isinstance(found, str | int):
        msg = f"the runtime context's tenant is {shown(found)}; give a text or a whole number"
        raise TenantMissingError(msg)
    return router.scoped(Scope(tenant=str(found)))


def mark_of(router: KnowledgeRouter) -> str:
    """What a state keeps to tell one tenant's knowledge from another's; empty without a tenant."""
    tenant = router.scope.tenant
    return hashlib.sha256(tenant.encode()).hexdigest() if tenant else ""


def _held(context: object, key: str) -> Any:
    if isinstance(context, Mapping):
        return cast("Mapping[str, Any]", context).get(key)
    return getattr(context, key, None)
