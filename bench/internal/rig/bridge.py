"""A bridge from HTTP to Kafka as guides for Python write it: aiohttp in front of aiokafka, acknowledged by all."""

import asyncio
import datetime
import json
import sys
import uuid

from aiohttp import web
from aiokafka import AIOKafkaProducer


async def main(broker, topic):
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", enable_idempotence=True)
    await producer.start()

    async def post(request):
        ticket = str(uuid.uuid4())
        now = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
        command = {"command_id": ticket, "event_timestamp": now}
        await producer.send_and_wait(topic, json.dumps(command).encode(), ticket.encode())
        return web.json_response({"id": ticket})

    app = web.Application()
    app.router.add_post("/api/v1/timestamp", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = "%s:%d" % runner.addresses[0][:2]
    print(json.dumps({"msg": "listening", "part": "http", "address": address}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
