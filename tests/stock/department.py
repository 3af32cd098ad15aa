"""A department's system and a monitor that share no code with us: stock grpcio with stubs made from proto/, and stock nats-py.

Reads one JSON document on stdin, prints one on stdout:
  address, proto, stubs            where the centre is, where the contract lies, where stubs may be written
  clerk, handler                   tokens of a window clerk and of the unit's own system
  nats {url, user, password, inbox_prefix}
  register                         the registration as JSON
"""

import asyncio
import importlib
import json
import pathlib
import sys
import uuid

from google.protobuf import json_format
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc
import grpc
import nats

TIMEOUT = 60


def make_stubs(proto: str, stubs: str) -> None:
    files = sorted(str(path) for path in pathlib.Path(proto, "xiezhi").rglob("*.proto"))
    include = str(pathlib.Path(protoc.__file__).parent / "_proto")
    arguments = ["protoc", f"-I{proto}", f"-I{include}", f"--python_out={stubs}", f"--grpc_python_out={stubs}", *files]
    if protoc.main(arguments) != 0:
        raise SystemExit("the contract cannot be compiled by stock tools")
    sys.path.insert(0, stubs)


def module(name: str):
    return importlib.import_module(f"xiezhi.{name}")


class Caller:
    def __init__(self, channel, token: str):
        self.channel = channel
        self.metadata = (("authorization", f"Bearer {token}"),)

    def service(self, package: str, name: str):
        return getattr(module(f"{package}.v1.{package}_pb2_grpc"), f"{name}Stub")(self.channel)


def command_id() -> str:
    return str(uuid.uuid4())


async def monitor(login: dict, heard: asyncio.Queue):
    """Reads every event as it is published, as CloudEvents in binary mode."""
    connection = await nats.connect(
        login["url"],
        user=login["user"],
        password=login["password"],
        inbox_prefix=login["inbox_prefix"].encode(),
        allow_reconnect=False,
    )

    async def take(message):
        await heard.put((message.subject, dict(message.headers or {}), message.data))

    await connection.subscribe("ev.>", cb=take)
    await connection.flush(timeout=TIMEOUT)
    return connection


def read(kind: str, data: bytes):
    """A body, with the stubs its type names."""
    package = ".".join(kind.split(".")[1:-1])
    module(f"{package}.{'bus' if package == 'bus.v1' else 'events'}_pb2")
    body = GetMessageClass(Default().FindMessageTypeByName(kind))()
    body.ParseFromString(data)
    return body


async def event_about(heard: asyncio.Queue, wanted: str, key: str) -> dict:
    """The first event of this type about this key: its attributes and its body. Several facts of one decision travel together."""
    while True:
        name, headers, data = await asyncio.wait_for(heard.get(), TIMEOUT)
        if headers["ce-subject"] != key:
            continue
        kind = headers["ce-type"]
        together = kind == "xiezhi.bus.v1.Facts"
        facts = [(fact.type, fact.payload) for fact in read(kind, data).facts] if together else [(kind, data)]
        for fact, payload in facts:
            if fact == wanted:
                body = json_format.MessageToDict(read(fact, payload), preserving_proto_field_name=True)
                return {"subject": name, "type": fact, "headers": headers, "body": body}


def register(asked: dict, channel) -> dict:
    pb = module("intake.v1.intake_pb2")
    clerk = Caller(channel, asked["clerk"])
    request = json_format.ParseDict({"command_id": command_id(), **asked["register"]}, pb.RegisterCaseRequest())
    cases = clerk.service("intake", "CaseService")
    first = cases.RegisterCase(request, metadata=clerk.metadata, timeout=TIMEOUT)
    again = cases.RegisterCase(request, metadata=clerk.metadata, timeout=TIMEOUT)
    if first != again:
        raise SystemExit("a repeated command got another answer")
    return json_format.MessageToDict(first, preserving_proto_field_name=True)


def work(asked: dict, channel, case_id: str) -> dict:
    """Waits for the order of the case, signs for it, uploads evidence and completes it."""
    pb = module("assignment.v1.assignment_pb2")
    events = module("assignment.v1.events_pb2")
    bus = module("bus.v1.bus_pb2")
    unit = Caller(channel, asked["handler"])
    doors = unit.service("assignment", "AssignmentService")
    changes, order = [], None
    watch = doors.WatchWorkOrders(pb.WatchWorkOrdersRequest(), metadata=unit.metadata, timeout=TIMEOUT)
    for change in watch:
        changes.append(change.position)
        if change.work_order.case_id == case_id and change.change_code == "dispatched":
            order = change.work_order
            break
    watch.cancel()
    doors.AcknowledgeWorkOrder(
        pb.AcknowledgeWorkOrderRequest(command_id=command_id(), work_order_id=order.work_order_id),
        metadata=unit.metadata,
        timeout=TIMEOUT,
    )
    picture = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000") + case_id.encode()
    chunks = [
        bus.UploadBlobRequest(service="assignment", chunk=picture[:20]),
        bus.UploadBlobRequest(chunk=picture[20:]),
    ]
    blobs = unit.service("bus", "BlobService")
    stored = blobs.UploadBlob(iter(chunks), metadata=unit.metadata, timeout=TIMEOUT)
    completed = doors.CompleteWorkOrder(
        pb.CompleteWorkOrderRequest(
            command_id=command_id(),
            work_order_id=order.work_order_id,
            outcome=events.OUTCOME_PUNISHED,
            evidence_sha256=[stored.sha256],
        ),
        metadata=unit.metadata,
        timeout=TIMEOUT,
    )
    return {
        "positions": changes,
        "media_type": stored.media_type,
        "order": json_format.MessageToDict(completed.work_order, preserving_proto_field_name=True),
    }


def refused(asked: dict, channel) -> dict:
    """A refusal's details are google.rpc's own, readable without us."""
    from google.rpc import error_details_pb2, status_pb2

    pb = module("intake.v1.intake_pb2")
    clerk = Caller(channel, asked["clerk"])
    try:
        clerk.service("intake", "CaseService").RegisterCase(
            pb.RegisterCaseRequest(command_id=command_id()), metadata=clerk.metadata, timeout=TIMEOUT
        )
    except grpc.RpcError as error:
        trailer = dict(error.trailing_metadata())["grpc-status-details-bin"]
        details = status_pb2.Status.FromString(trailer)
        fields, reason = [], ""
        for detail in details.details:
            for kind in (error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()):
                if detail.Is(kind.DESCRIPTOR):
                    detail.Unpack(kind)
                    fields += [violation.field for violation in getattr(kind, "field_violations", [])]
                    reason = getattr(kind, "reason", "") or reason
        return {"code": error.code().name, "fields": fields, "reason": reason}
    raise SystemExit("an empty registration was accepted")


async def main() -> None:
    asked = json.load(sys.stdin)
    make_stubs(asked["proto"], asked["stubs"])
    heard: asyncio.Queue = asyncio.Queue()
    connection = await monitor(asked["nats"], heard)
    with grpc.insecure_channel(asked["address"].removeprefix("http://")) as channel:
        said_no = await asyncio.to_thread(refused, asked, channel)
        case = await asyncio.to_thread(register, asked, channel)
        registered = await event_about(heard, "xiezhi.intake.v1.CaseRegistered", case["case_id"])
        worked = await asyncio.to_thread(work, asked, channel, case["case_id"])
        completed = await event_about(heard, "xiezhi.assignment.v1.WorkOrderCompleted", case["case_id"])
    await connection.close()
    answer = {"refused": said_no, "case": case, "registered": registered, "work": worked, "completed": completed}
    json.dump(answer, sys.stdout, ensure_ascii=False)


asyncio.run(main())
