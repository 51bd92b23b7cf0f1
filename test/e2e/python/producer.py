"""Makes orders and payments the way the original project did: confluent-kafka, fastavro, librdkafka's default partitioner."""
import io
import json
import random
import struct
import sys
import urllib.request

import fastavro
from confluent_kafka import Producer

ORDER = {
    "type": "record", "name": "Order", "namespace": "macd", "fields": [
        {"name": "order_id", "type": "string"}, {"name": "customer", "type": "string"}, {"name": "store", "type": "string"},
        {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
            {"name": "name", "type": "string"}, {"name": "quantity", "type": "int"}, {"name": "price", "type": "double"}]}}},
        {"name": "total", "type": "double"}, {"name": "ordered_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}
PAYMENT = {
    "type": "record", "name": "Payment", "namespace": "macd", "fields": [
        {"name": "payment_id", "type": "string"}, {"name": "order_id", "type": "string"}, {"name": "method", "type": "string"},
        {"name": "amount", "type": "double"}, {"name": "note", "type": ["null", "string"], "default": None}]}


def register(registry, topic, schema):
    request = urllib.request.Request(
        f"{registry}/subjects/{topic}-value/versions", json.dumps({"schema": json.dumps(schema)}).encode(),
        {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def main(bootstrap, registry, orders, payments, count):
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(str(error))

    writers = {topic: (register(registry, topic, schema), fastavro.parse_schema(schema)) for topic, schema in ((orders, ORDER), (payments, PAYMENT))}

    def send(topic, key, record, timestamp):
        schema_id, schema = writers[topic]
        out = io.BytesIO()
        out.write(struct.pack(">bI", 0, schema_id))
        fastavro.schemaless_writer(out, schema, record)
        while True:
            try:
                producer.produce(topic, out.getvalue(), key, timestamp=timestamp, on_delivery=delivered)
                return
            except BufferError:
                producer.poll(0.1)

    rng = random.Random(7)
    for i in range(int(count)):
        order_id = f"py-{i:06d}"
        at = 1_750_000_000_000 + i * 1000
        price = rng.choice([1.99, 3.49, 5.79])
        send(orders, order_id, {"order_id": order_id, "customer": f"c{i % 97}", "store": "Paris 1", "total": 2 * price, "ordered_at": at,
                                "items": [{"name": "Big Mac", "quantity": 2, "price": price}]}, at)
        send(payments, order_id, {"payment_id": f"pay-{i:06d}", "order_id": order_id, "method": "card", "amount": 2 * price,
                                  "note": None if i % 2 else "tip"}, at + rng.randint(1000, 600_000))
        producer.poll(0)
    producer.flush()
    if failures:
        sys.exit(f"{len(failures)} not delivered, the first: {failures[0]}")


main(*sys.argv[1:])
