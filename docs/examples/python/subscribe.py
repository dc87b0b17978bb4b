#!/usr/bin/env python3
"""Prints the programs that one namespace starts on a node, a line each: a small, complete subscriber.

It comes back by itself when the agent ends or the connection breaks, and says what was lost.
Needs the packages of requirements.txt; the client is made from the schema when this starts.
"""

import argparse
import importlib
import pathlib
import random
import signal
import sys
import tempfile
import time

import grpc
import grpc_tools
from grpc_tools import protoc

# Where picket/v1/event.proto and picket/v1/sensor.proto are.
SCHEMA = pathlib.Path(__file__).resolve().parents[3] / "sensor" / "proto"

# Pauses between attempts, in seconds: doubled from the first to the last.
PAUSE_FIRST = 0.5
PAUSE_LAST = 30.0

# A request that is wrong does not get right by trying again.
FINAL = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED)


def load_schema():
    """The modules of messages and client that protoc makes."""
    folder = tempfile.TemporaryDirectory()
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = [str(path) for path in sorted(SCHEMA.glob("picket/v1/*.proto"))]
    arguments = [f"-I{SCHEMA}", f"-I{known}", f"--python_out={folder.name}", f"--grpc_python_out={folder.name}"]
    if protoc.main(["protoc", *arguments, *files]) != 0:
        sys.exit(f"the schema in {SCHEMA} cannot be compiled")
    sys.path.insert(0, folder.name)
    modules = [importlib.import_module(f"picket.v1.{name}") for name in ("event_pb2", "sensor_pb2", "sensor_pb2_grpc")]
    folder.cleanup()
    return modules


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--connect", default="unix:///run/picket/picket.sock", help="or https://HOST:PORT")
    parser.add_argument("--ca", type=pathlib.Path, help="authorities that sign the certificates of agents (PEM)")
    parser.add_argument("--certificate", type=pathlib.Path, help="of this client (PEM)")
    parser.add_argument("--key", type=pathlib.Path, help="its private key (PEM)")
    parser.add_argument("--server-name", help="name in the agent's certificate, where it is not HOST")
    given = parser.parse_args()
    if given.connect.startswith("https://"):
        if not (given.ca and given.certificate and given.key):
            parser.error("https needs --ca, --certificate and --key")
    elif not given.connect.startswith("unix://"):
        parser.error("--connect unix:///PATH or https://HOST:PORT")
    return given


def channel(given):
    """Where to connect. The files are read each time: certificates are renewed."""
    # A node that vanished says nothing: so it is asked for a sign of life.
    settings = [("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 30_000)]
    if not given.connect.startswith("https://"):
        # gRPC would name the socket's path as the host of its requests, which is no valid name of one.
        settings.append(("grpc.default_authority", "localhost"))
        return grpc.insecure_channel(given.connect, options=settings)
    if given.server_name:
        settings.append(("grpc.ssl_target_name_override", given.server_name))
    files = [path.read_bytes() for path in (given.ca, given.key, given.certificate)]
    return grpc.secure_channel(
        given.connect.removeprefix("https://"), grpc.ssl_channel_credentials(*files), options=settings
    )


def name(enumeration, number):
    """Newer agents have values that this schema does not name."""
    return enumeration.Name(number) if number in enumeration.values() else str(number)


def show(event_pb2, event):
    if event.HasField("loss"):
        # Losses come whatever the filter says; one of SLOW_SUBSCRIBER is this program's own.
        reason = name(event_pb2.Loss.Reason, event.loss.reason)
        of = name(event_pb2.Class, getattr(event.loss, "class"))
        print(f"LOST {event.loss.count} events: {reason} {of}", file=sys.stderr, flush=True)
        return
    container, process = event.container, event.process
    line = f"{container.pod.name}/{container.name} {process.executable} {' '.join(process.arguments)}"
    # What a container says of itself must not reach a terminal as it is.
    print("".join(c if c.isprintable() else repr(c)[1:-1] for c in line), flush=True)


def follow(given, event_pb2, sensor_pb2, sensor_pb2_grpc, connected):
    """Subscribes, and prints until the stream ends. What happened while nobody was connected is not told later."""
    request = sensor_pb2.SubscribeRequest(classes=[event_pb2.PROCESS_EXEC], namespaces=[given.namespace])
    with channel(given) as way:
        stream = sensor_pb2_grpc.SensorStub(way).Subscribe(request)
        # The agent answers as soon as it has the subscription: nothing is missed from here on.
        stream.initial_metadata()
        if stream.is_active():
            connected()
        for response in stream:
            for event in response.events:
                show(event_pb2, event)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    given = options()
    modules = load_schema()
    pause = PAUSE_FIRST

    def connected():
        nonlocal pause
        pause = PAUSE_FIRST
        print(f"connected to {given.connect}", file=sys.stderr, flush=True)

    while True:
        reason = "the agent ended the stream"
        try:
            follow(given, *modules, connected)
        except grpc.RpcError as error:
            if error.code() in FINAL:
                sys.exit(f"the agent refuses: {error.details()}")
            reason = error.details()
        except OSError as error:
            reason = str(error)
        # With some chance in it, so that many clients do not come back at once.
        wait = random.uniform(pause / 2, pause)
        print(f"not connected: {reason}; again in {wait * 1000:.0f} ms", file=sys.stderr, flush=True)
        time.sleep(wait)
        pause = min(pause * 2, PAUSE_LAST)


if __name__ == "__main__":
    main()
