"""The whole life of a connector through the PyPI packages kafka-connect-py and
kafka-connect-api."""

import sys
import time

import requests
from kafka_connect import KafkaConnect
from kafka_connect_api.errors import ConnectGenericException
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

NAME = "python-life"


def wait(what, done):
    end = time.time() + 60
    while True:
        got = done()
        if got is True:
            return
        if time.time() > end:
            raise AssertionError(f"waited in vain for {what}: {got}")
        time.sleep(0.05)


def states(client):
    try:
        status = client.get_connector_status(NAME)
    except requests.HTTPError as e:
        assert e.response.status_code == 404, e
        return ["none yet"]
    return [status["connector"]["state"]] + [t["state"] for t in status["tasks"]]


def becomes(client, *want):
    wait(f"{want}", lambda: states(client) == list(want) or states(client))


def refused(status, call):
    try:
        call()
    except requests.HTTPError as e:
        body = e.response.json()
        assert e.response.status_code == status == body["error_code"], body
        return body["message"]
    raise AssertionError(f"not refused with {status}")


def with_kafka_connect_py(url):
    client = KafkaConnect(url)
    assert client.get_cluster_info()["version"] == "4.3.1"
    assert any(p["class"].endswith("DatagenConnector") for p in client.list_connector_plugins())
    config = {"connector.class": "DatagenSource", "kafka.topic": "python_life", "quickstart": "ORDERS", "max.interval": 50, "tasks.max": 2}
    assert client.validate_connector_config("DatagenSource", dict(config, name=NAME))["error_count"] == 0
    assert client.create_connector({"name": NAME, "config": config})["name"] == NAME
    assert client.get_connector_config(NAME)["max.interval"] == "50"
    assert NAME in client.list_connectors()
    becomes(client, "RUNNING", "RUNNING", "RUNNING")
    assert len(client.list_connector_tasks(NAME)) == 2
    assert client.get_connector_task_status(NAME, 1)["state"] == "RUNNING"
    assert NAME in client.list_connectors(expand="status", state="RUNNING")
    wait("topics", lambda: "python_life" in client.list_connector_topics(NAME)[NAME]["topics"])
    client.reset_connector_topics(NAME)
    client.pause_connector(NAME)
    becomes(client, "PAUSED", "PAUSED", "PAUSED")
    client.resume_connector(NAME)
    becomes(client, "RUNNING", "RUNNING", "RUNNING")
    client.restart_connector_task(NAME, 0)
    client.restart_connector(NAME, include_tasks=True)
    becomes(client, "RUNNING", "RUNNING", "RUNNING")
    client.stop_connector(NAME)
    becomes(client, "STOPPED")
    client.resume_connector(NAME)
    assert client.update_connector(NAME, dict(config, **{"tasks.max": 1}))["config"]["tasks.max"] == "1"
    becomes(client, "RUNNING", "RUNNING")
    assert "already exists" in refused(409, lambda: client.create_connector({"name": NAME, "config": config}))
    assert "Not a number of type INT" in refused(400, lambda: client.update_connector(NAME, dict(config, **{"tasks.max": "many"})))
    client.delete_connector(NAME)
    refused(404, lambda: client.get_connector_status(NAME))
    refused(404, lambda: client.get_connector(NAME))


def all_states(connector):
    try:
        return [connector.state] + [t.state for t in connector.tasks]
    except ConnectGenericException as e:
        assert e.code == 404, e
        return "none yet"


def with_kafka_connect_api(host, port):
    cluster = Cluster(Api(host, port=int(port), protocol="http"))
    name = NAME + "-2"
    config = {"connector.class": "DatagenSource", "kafka.topic": "python_life_2", "quickstart": "ORDERS", "max.interval": "50", "tasks.max": "1"}
    connector = Connector(cluster, name)
    assert name not in cluster.connectors
    connector.config = config
    assert name in cluster.connectors and connector.config == dict(config, name=name)
    wait("a task", lambda: all_states(connector) == ["RUNNING"] * 2 or all_states(connector))
    connector.cycle_connector()
    wait("a task", lambda: all_states(connector) == ["RUNNING"] * 2 or all_states(connector))
    connector.restart()
    connector.delete()
    assert name not in cluster.connectors


with_kafka_connect_py(sys.argv[1])
with_kafka_connect_api(*sys.argv[1].removeprefix("http://").split(":"))
print("life completed")
