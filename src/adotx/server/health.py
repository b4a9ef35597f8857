"""Routes for whoever runs the server: /health, /ready, /metrics, /version. Know no requests."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from adotx import __version__
from adotx.server.service import service_of

router = APIRouter(tags=["operation"])


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers. Needs no key."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "not taking requests"}})
async def ready(request: Request) -> Response:
    """The model is loaded and new requests are taken; 503 where not."""
    service = service_of(request)
    return JSONResponse({"ready": service.ready, "model": service.name}, 200 if service.ready else 503)


@router.get("/version")
async def version() -> dict[str, str]:
    """The version of adotx."""
    return {"version": __version__}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Counters in Prometheus' text format."""
    text = service_of(request).metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
