//! Tests of Influx line protocol over HTTP, as its clients send it.

use std::io::Write as _;

use http::{Request, StatusCode};
use serde_json::json;

use super::bed::{Bed, Reply, bed};

async fn write(bed: &Bed, path: &str, body: &str) -> Reply {
    bed.send(Request::post(format!("/influx/{path}")), body.to_owned()).await
}

#[tokio::test]
async fn fields_become_metrics_and_tags_labels() {
    let bed = bed(|_| {}).await;
    let now_s = bed.clock.now().as_millis() / 1000;
    let body = format!(
        "cpu,host=a,cpu.core=0 usage_idle=98.5,on=t,note=\"text\" {0}\n\
         disk.io,9path=/,db=own reads=5i,writes=6u {0}\nplain value=1\n",
        now_s * 1_000_000_000
    );
    let reply = write(&bed, "write?db=telegraf", &body).await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::NO_CONTENT, ""));
    let labels = "cpu_core=\"0\", db=\"telegraf\", host=\"a\"";
    assert_eq!(bed.values("cpu_usage_idle").await, [format!("cpu_usage_idle{{{labels}}} 98.5")]);
    assert_eq!(bed.values("cpu_on").await, [format!("cpu_on{{{labels}}} 1")]);
    assert_eq!(bed.values("cpu_note").await, [""; 0]);
    let own = "{_9path=\"/\", db=\"own\"}";
    assert_eq!(bed.values("disk_io_reads").await, [format!("disk_io_reads{own} 5")]);
    assert_eq!(bed.values("disk_io_writes").await, [format!("disk_io_writes{own} 6")]);
    assert_eq!(bed.values("plain_value").await, ["plain_value{db=\"telegraf\"} 1"]);
    let counted = "receive_not_stored_total{kind=\"text_field\"} 1";
    assert!(bed.metrics.gather_text().contains(counted));
}

#[tokio::test]
async fn every_precision_and_both_versions() {
    let bed = bed(|_| {}).await;
    let now_ms = bed.clock.now().as_millis() / 1000 * 1000 - 7000;
    let units =
        [("ns", 1_000_000, 1), ("u", 1000, 1), ("us", 1000, 1), ("ms", 1, 1), ("s", 1, 1000)];
    for (unit, finer, coarser) in units {
        let stamp = now_ms * finer / coarser;
        let path = format!("api/v2/write?org=o&bucket=b&precision={unit}");
        let reply = write(&bed, &path, &format!("{unit} f=1 {stamp}")).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{unit}: {}", reply.text);
        let at = bed.values(&format!("timestamp({unit}_f)")).await;
        assert_eq!(at, [format!("{{db=\"b\"}} {}", now_ms / 1000)], "{unit}");
    }
    let reply = write(&bed, "api/v2/write?precision=fortnight", "m f=1").await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("invalid"))
    );
    let reply = write(&bed, "write?precision=fortnight", "m f=1").await;
    assert!(reply.json()["error"].as_str().unwrap().contains("invalid precision"));
}

#[tokio::test]
async fn wrong_lines_are_named_and_good_ones_kept() {
    let bed = bed(|_| {}).await;
    let body = "good f=1\nbad f=x\ngood,n=2 f=2\nbad,t=1,t=2 f=3\nold f=1 1000\nbad,__name__=x f=1";
    let reply = write(&bed, "write", body).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let error = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("partial write: 4 samples were not stored, all others were"),
        "{error}"
    );
    for part in [
        "line 2: the value \"x\"",
        "line 4: the label \"t\" occurs twice",
        "line 5: old_f at 0 ms: too old",
        "line 6:",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(reply.headers["x-influxdb-error"].to_str().unwrap().starts_with("partial write"));
    assert_eq!(bed.values("good_f").await, ["good_f 1", "good_f{n=\"2\"} 2"]);
    let reply = write(&bed, "api/v2/write?bucket=b", "bad f=x").await;
    assert_eq!(reply.json()["code"], "invalid");
    assert!(reply.json()["message"].as_str().unwrap().contains("line 1"));
}

#[tokio::test]
async fn bodies_packed_and_too_large() {
    let bed = bed(|settings| {
        settings.receive.body_bytes_max = 1000;
        settings.receive.decoded_bytes_max = 5000;
    })
    .await;
    let pack = |text: String| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let gzip = || Request::post("/influx/write").header("content-encoding", "gzip");
    let reply = bed.send(gzip(), pack("packed f=1".to_owned())).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    assert_eq!(bed.values("packed_f").await, ["packed_f 1"]);
    let reply = bed.send(gzip(), pack("m f=1\n".repeat(5000))).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(write(&bed, "write", &"x".repeat(2000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let reply = write(&bed, "api/v2/write", &"x".repeat(2000)).await;
    assert_eq!(reply.json()["code"], "request too large");
    let other = Request::post("/influx/write").header("content-encoding", "zstd");
    assert_eq!(bed.send(other, "").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for path in ["/influx/write", "/influx/api/v2/write", "/influx/query"] {
        let refused = bed.send_powerless(Request::post(path)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn what_clients_ask_before_they_write() {
    let bed = bed(|_| {}).await;
    let reply = bed.get("/influx/ping").await;
    assert_eq!(
        (reply.status, &reply.headers["x-influxdb-version"]),
        (StatusCode::NO_CONTENT, &http::HeaderValue::from_static("1.8.10"))
    );
    assert_eq!(bed.get("/influx/health").await.json()["status"], "pass");
    let databases = bed.get("/influx/query?q=show%20databases&db=telegraf").await.json();
    let series = json!([{"name": "databases", "columns": ["name"], "values": [["telegraf"]]}]);
    assert_eq!(databases["results"][0]["series"], series);
    let create = "q=CREATE+DATABASE+%22telegraf%22%3B";
    let request =
        Request::post("/influx/query").header("content-type", "application/x-www-form-urlencoded");
    let reply = bed.send(request, create).await;
    assert_eq!(reply.text, r#"{"results":[{"statement_id":0}]}"#);
    let reply = bed.get("/influx/query?q=SHOW+RETENTION+POLICIES+ON+x").await.json();
    assert_eq!(reply["results"][0]["series"][0]["values"][0][0], "autogen");
    let reply = bed.get("/influx/query?q=SELECT+1").await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.json()["error"].as_str().unwrap().contains("PromQL"));
}
