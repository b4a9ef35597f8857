"""The application: a `Service` in, FastAPI with every route out.

A family of routes is a module with a `router`; a new one is a line here. Knows no route's insides.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from adotx import __version__
from adotx.server import chat, completions, documents, errors, health, models, page, responses
from adotx.server.guard import Guard
from adotx.server.service import Service

#: each has a `router`
FAMILIES = (chat, completions, responses, documents, models, health, page)


def create_app(service: Service) -> FastAPI:
    """All routes of a server, with the guard before them.

    Args:
        service: what they share; `request.app.state.service` to them.
    """
    # Documents about the API are ours (docs/server.md); the pages of FastAPI load scripts from elsewhere. A
    # redirect would lead to what this server believes to be its name, behind a proxy without TLS.
    app = FastAPI(title="adotx", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.service = service
    errors.install(app)
    for family in FAMILIES:
        app.include_router(family.router)
    app.add_middleware(Guard, service=service)
    if service.settings.origins:
        # Outside the guard: a browser asks beforehand, without a key, whether a page of that origin may ask.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after"],
        )
    return app
