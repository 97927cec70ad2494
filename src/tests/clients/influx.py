"""Writes with the clients of InfluxDB 2 and 1, and tells what they say of mistakes.

influx.py BASE TOKEN CA; prints a line for each refusal.
"""

import sys
from urllib.parse import urlsplit

import influxdb
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

base, token, ca = sys.argv[1:]
place = urlsplit(base)


def second(token, **more):
    url = f"{base}/influx"
    return InfluxDBClient(url=url, token=token, org="site", ssl_ca_cert=ca, **more)


with second(token, enable_gzip=True) as client:
    assert client.ping()
    with client.write_api(write_options=SYNCHRONOUS) as write:
        point = Point("pump").tag("line", "a b").field("bar", 2.5).field("on", True)
        write.write("plant", record=point)
        write.write("plant", record=["pump,line=c bar=3i", "pump,line=d bar=4,note=\"text\""])
        try:
            lines = ["valve open=1 1700000000", "valve open=2"]
            write.write("plant", record=lines, write_precision=WritePrecision.S)
        except ApiException as refusal:
            print("old", refusal.status, refusal.body)
    with client.write_api(write_options=WriteOptions(batch_size=100, flush_interval=200)) as write:
        for number in range(250):
            point = Point("batch").tag("n", str(number)).field("v", number)
            write.write("plant", record=point)
    with client.write_api(write_options=SYNCHRONOUS) as write:
        try:
            write.write("plant", record="pump,line=e bar=")
        except ApiException as refusal:
            print("bad", refusal.status, refusal.body)
with second("om_nobody") as client, client.write_api(write_options=SYNCHRONOUS) as write:
    try:
        write.write("plant", record="pump bar=1")
    except ApiException as refusal:
        print("nobody", refusal.status)

first = influxdb.InfluxDBClient(
    host=place.hostname, port=place.port, username="any", password=token, database="works",
    ssl=True, verify_ssl=ca, path="influx", gzip=True,
)
first.ping()
first.create_database("works")
assert first.get_list_database() == [{"name": "works"}], first.get_list_database()
points = [
    {"measurement": "oven", "tags": {"zone": str(zone)}, "fields": {"celsius": 180.5 + zone}}
    for zone in range(3)
]
assert first.write_points(points, time_precision="ms")
try:
    first.write_points([{"measurement": "oven", "fields": {"celsius": 1.0}, "time": 1}])
except influxdb.exceptions.InfluxDBClientError as refusal:
    print("v1", refusal.code, refusal.content)
