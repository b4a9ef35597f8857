"""Routes about the model: /v1/models, /tokenize, /detokenize. They compute no answers.

A client can pin what it has tested: the hashes tell another template or tokenizer, the defaults are said.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from adotx.chat import chat_template, render_for
from adotx.checkpoint import Checkpoint
from adotx.errors import AdotxError
from adotx.server.bodies import JsonRoute
from adotx.server.clients import answer
from adotx.server.requests import DetokenizeRequest, TokenizeRequest
from adotx.server.service import Service, service_of

router = APIRouter(tags=["model"], route_class=JsonRoute)


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """The one model that is served."""
    return {"object": "list", "data": [await asyncio.to_thread(card, service_of(request))]}


@router.get("/v1/models/{name:path}")
async def model(request: Request, name: str) -> dict[str, Any]:
    """The model, by its name."""
    service = service_of(request)
    service.check_name(name)
    return await asyncio.to_thread(card, service)


def card(service: Service) -> dict[str, Any]:
    """The model as /v1/models tells it; `max_model_len` is vLLM's name for the context."""
    checkpoint, settings = service.model.model.checkpoint, service.settings
    rule, sampling = checkpoint.config.tiles, service.defaults
    context = service.model.model.engine.backend.context
    tiles = rule and {
        "size": rule.tile_size,
        "max": rule.max_tiles,
        "thumbnail": rule.use_thumbnail,
        "tokens_per_tile": rule.tokens_per_tile,
        "max_image_tokens": rule.max_image_tokens,
        "low_detail": min(settings.low_detail_tiles, rule.max_tiles),
    }
    return {
        "id": service.name,
        "object": "model",
        "created": service.created,
        "owned_by": "adotx",
        "max_model_len": context,
        "family": checkpoint.config.family,
        "weights": service.weights,
        "tasks": _tasks(checkpoint),
        "tiles": tiles,
        "template_sha256": _sha256(chat_template(checkpoint.config.family).encode()),
        "tokenizer_sha256": _tokenizer_hash(checkpoint.path),
        "defaults": {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "repetition_penalty": sampling.repetition_penalty,
            "max_tokens": settings.max_tokens or context,
        },
    }


def _tasks(checkpoint: Checkpoint) -> list[str]:
    """What it is of use for; all routes take every model."""
    chat = [] if checkpoint.extra.get("reader") == "rows" else ["chat"]
    return [*chat, *(["transcription"] if checkpoint.config.tiles else [])]


@router.post("/tokenize")
async def tokenize(request: Request, body: TokenizeRequest) -> dict[str, Any]:
    """The ids of a text, taken literally, or of a conversation as the model reads it."""
    service = service_of(request)
    service.check_name(body.model)
    return await answer(request, _tokenize(service, body))


@router.post("/detokenize")
async def detokenize(request: Request, body: DetokenizeRequest) -> dict[str, Any]:
    """The text of ids, control tokens by their names."""
    service = service_of(request)
    service.check_name(body.model)
    tokenizer = service.model.model.checkpoint.tokenizer
    outside = next((token for token in body.tokens if token >= tokenizer.vocab_size), None)
    if outside is not None:
        what, size = "id {token} is outside the vocabulary of {vocabulary}", tokenizer.vocab_size
        raise AdotxError("request.id", what, "tokens", token=outside, vocabulary=size)
    return {"prompt": await asyncio.to_thread(tokenizer.decode, body.tokens, False)}


async def _tokenize(service: Service, body: TokenizeRequest) -> dict[str, Any]:
    model = service.model.model
    tokenizer = model.checkpoint.tokenizer
    if body.messages is None:
        assert body.prompt is not None
        ids = await asyncio.to_thread(tokenizer.encode, body.prompt)
    else:
        opened = await service.pictures.open(body.messages, model.checkpoint.config.tiles)
        rendered = await asyncio.to_thread(
            render_for,
            model.checkpoint,
            opened.messages,
            tools=body.tools,
            tiles=opened.sizes,
            add_generation_prompt=body.add_generation_prompt is not False,
            continue_final_message=bool(body.continue_final_message),
        )
        ids = rendered.ids
    names = [tokenizer.decode([token], False) for token in ids] if body.return_token_strs else None
    context = model.engine.backend.context
    return {"count": len(ids), "max_model_len": context, "tokens": ids, "token_strs": names}


def _sha256(*data: bytes) -> str:
    return hashlib.sha256(b"".join(data)).hexdigest()


@cache
def _tokenizer_hash(folder: Path) -> str:
    """Of the file that defines the tokenizer, or of the pair of files."""
    names = ("tokenizer.json",) if (folder / "tokenizer.json").exists() else ("vocab.json", "merges.txt")
    return _sha256(*((folder / name).read_bytes() for name in names))
