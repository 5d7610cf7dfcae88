#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client in Python, with nothing but ctypes.

    python3 client.py demo
"""
import ctypes
import ctypes.util
import json
import os
import select
import sys

OK, FAILED = 0, 1
JSON, TIMEOUT = 6, 32000


class Value(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int32), ("reserved", ctypes.c_int32), ("integer", ctypes.c_int64),
                ("number", ctypes.c_double), ("data", ctypes.c_char_p), ("size", ctypes.c_size_t)]


class Call(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("command", ctypes.c_char_p), ("command_size", ctypes.c_size_t),
                ("value", Value), ("bytes", ctypes.c_char_p), ("bytes_size", ctypes.c_size_t),
                ("payload", ctypes.c_void_p), ("seq", ctypes.c_char_p), ("timeout_ms", ctypes.c_uint32),
                ("when_full", ctypes.c_int32), ("abort", ctypes.c_void_p)]


COMPLETION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

library = ctypes.CDLL(os.environ.get("OROIPC_LIBRARY", "liboroipc.so.1"))
pointer, text, status = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
for name, result, *arguments in [
    ("last_error", text),
    ("client_connect", status, text, pointer, ctypes.POINTER(pointer)),
    ("client_release", None, pointer),
    ("client_call", status, pointer, ctypes.POINTER(Call), ctypes.POINTER(pointer)),
    ("client_call_async", status, pointer, ctypes.POINTER(Call), COMPLETION, pointer,
     ctypes.POINTER(ctypes.c_uint64)),
    ("client_descriptor", ctypes.c_int, pointer),
    ("client_turn", status, pointer, ctypes.POINTER(ctypes.c_int)),
    ("result_is_ok", ctypes.c_int, pointer),
    ("result_json", text, pointer),
    ("result_error_name", text, pointer),
    ("result_error_message", text, pointer),
    ("result_bytes", pointer, pointer),
    ("result_bytes_size", ctypes.c_size_t, pointer),
    ("result_release", None, pointer),
]:
    function = getattr(library, "oroipc_" + name)
    function.restype, function.argtypes = result, arguments


class IPCError(Exception):
    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name


class Result:
    """What a command came to; read before the handle goes."""

    def __init__(self, handle):
        if not library.oroipc_result_is_ok(handle):
            raise IPCError(library.oroipc_result_error_name(handle).decode(),
                           library.oroipc_result_error_message(handle).decode())
        data = library.oroipc_result_json(handle)
        self.data = None if data is None else json.loads(data)
        size = library.oroipc_result_bytes_size(handle)
        self.bytes = ctypes.string_at(library.oroipc_result_bytes(handle), size) if size else b""


class Client:
    def __init__(self, name):
        self.handle = pointer()
        self.check(library.oroipc_client_connect(name.encode(), None, ctypes.byref(self.handle)))
        self.callbacks = {}

    def check(self, outcome):
        if outcome < 0:
            raise OSError(library.oroipc_last_error().decode())
        return outcome

    @staticmethod
    def prepare(command, value, payload, timeout):
        call = Call(size=ctypes.sizeof(Call), command=command.encode(), timeout_ms=timeout)
        if value is not None:
            encoded = json.dumps(value).encode()
            call.value = Value(kind=JSON, data=encoded, size=len(encoded))
        if payload is not None:
            call.bytes, call.bytes_size = payload, len(payload)
        return call

    def call(self, command, value=None, payload=None, timeout=0):
        result = pointer()
        self.check(library.oroipc_client_call(
            self.handle, ctypes.byref(self.prepare(command, value, payload, timeout)), ctypes.byref(result)))
        try:
            return Result(result)
        finally:
            library.oroipc_result_release(result)

    def call_async(self, command, value=None, payload=None, timeout=TIMEOUT, then=None):
        key = object()

        def completed(result, _context):
            del self.callbacks[key]
            try:
                outcome = Result(result)
            except IPCError as error:
                outcome = error
            then(outcome)

        self.callbacks[key] = COMPLETION(completed)
        self.check(library.oroipc_client_call_async(
            self.handle, ctypes.byref(self.prepare(command, value, payload, timeout)), self.callbacks[key], None, None))

    def run(self):
        """A small event loop: until every call has its result."""
        timeout = ctypes.c_int()
        while True:
            self.check(library.oroipc_client_turn(self.handle, ctypes.byref(timeout)))
            if not self.callbacks:
                return
            wait = None if timeout.value < 0 else timeout.value / 1000
            select.select([library.oroipc_client_descriptor(self.handle)], [], [], wait)

    def close(self):
        library.oroipc_client_release(self.handle)
        self.handle = None


def main():
    client = Client(sys.argv[1] if len(sys.argv) > 1 else "demo")
    print("ping:", client.call("ping").data)
    large = client.call("echo", {"large": 123456789012345678901234567890}, b"hello")
    print("echo:", large.data, large.bytes)
    print("noise:", len(client.call("noise", {"size": 1 << 20}).bytes), "bytes")
    try:
        client.call("unknown")
    except IPCError as error:
        print("unknown:", error)
    results = []
    for _ in range(20):
        client.call_async("later", then=results.append)
    client.run()
    print("later:", len(results), "results, all", {result.data for result in results})
    client.close()


if __name__ == "__main__":
    main()
