"""Puts the services together: a gRPC handler for every method of `cluster.proto`, found by name in its parts.

Upload and Download carry bulk data: their `Chunk` messages are framed by hand, which saves copies of every piece.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from rhresources.wire import cluster_pb2 as pb
from rhresources.wire.chunks import chunk_data, chunk_message
from rhserver.auth import with_problems

_SERVICE = pb.DESCRIPTOR.services_by_name["Cluster"]

_HANDLERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def add_services(server: grpc.aio.Server, services: Iterable[object]) -> None:
    """Serve every method of the protocol by the one of `services` that has it; a method that none has is not served."""
    parts = list(services)
    handlers = {}
    for name, method in _SERVICE.methods_by_name.items():
        part = next((part for part in parts if hasattr(part, name)), None)
        if part is None:
            continue
        make: Any = _HANDLERS[method.client_streaming, method.server_streaming]
        handlers[name] = make(
            with_problems(getattr(part, name)),
            request_deserializer=_decoder(method.input_type),
            response_serializer=_encoder(method.output_type),
        )
    server.add_registered_method_handlers(_SERVICE.full_name, handlers)


def _decoder(kind: Any) -> Any:
    return chunk_data if kind.name == "Chunk" else GetMessageClass(kind).FromString


def _encoder(kind: Any) -> Any:
    return _encode_chunk if kind.name == "Chunk" else GetMessageClass(kind).SerializeToString


def _encode_chunk(piece: bytes) -> bytes:
    return chunk_message([piece])
