"""Sends metrics as a program with OpenTelemetry's SDK does: otlp.py http|grpc BASE TOKEN CA.

Exits with 1 and says why when an export is not taken whole.
"""

import logging
import sys

import grpc
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as by_grpc
from opentelemetry.exporter.otlp.proto.http import metric_exporter as by_http
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource

way, base, token, ca = sys.argv[1:]
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def exporter(**more):
    if way == "http":
        return by_http.OTLPMetricExporter(
            endpoint=f"{base}/otlp/v1/metrics",
            certificate_file=ca,
            headers={"Authorization": f"Bearer {token}"},
            **more,
        )
    with open(ca, "rb") as file:
        credentials = grpc.ssl_channel_credentials(root_certificates=file.read())
    headers = (("authorization", f"Bearer {token}"),)
    return by_grpc.OTLPMetricExporter(
        endpoint=base, credentials=credentials, headers=headers, **more
    )


def run(name, **more):
    """Two exports of a counter, a gauge, an up-down counter and a histogram."""
    reader = PeriodicExportingMetricReader(exporter(**more), export_interval_millis=3_600_000)
    resource = Resource.create(
        {"service.name": "shop", "service.namespace": "eu", "service.instance.id": f"{way}-{name}"}
    )
    provider = MeterProvider(metric_readers=[reader], resource=resource)
    meter = provider.get_meter("till", "1.2")
    orders = meter.create_counter("orders", unit="1", description="Orders taken.")
    latency = meter.create_histogram("order.latency", unit="s")
    queue = meter.create_up_down_counter("queue.length")
    meter.create_gauge("temperature", unit="Cel").set(21.5, {"room": "größer"})
    for number in (5, 7):
        orders.add(number, {"kind": "web", "http.status_code": 200})
        queue.add(2)
        for value in (0.002, 0.3, 20.0):
            latency.record(value)
        if not provider.force_flush(20_000):
            sys.exit(f"{way} {name}: not flushed")
    provider.shutdown()


delta = AggregationTemporality.DELTA
run("cumulative")
run("delta", preferred_temporality={Counter: delta, ObservableCounter: delta, Histogram: delta})
run("exponential", preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()})
