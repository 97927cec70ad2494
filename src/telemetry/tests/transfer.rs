//! Tests of text going in and coming out: import, export, CSV.

use std::io::Write as _;

use http::{Request, StatusCode};

use super::bed::{Bed, Reply, bed};

const IMPORT: &str = "/api/v1/metrics/import";

async fn import(bed: &Bed, query: &str, text: &str) -> Reply {
    bed.send(Request::post(format!("{IMPORT}{query}")), text.to_owned()).await
}

#[tokio::test]
async fn text_goes_in_and_comes_out() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis() / 1000 * 1000;
    let text = format!(
        "# HELP m what it is\n# TYPE m counter\nm{{a=\"1\",b=\"q\\\"\\n\\\\\"}} 1.5 {}\n\
         m{{a=\"1\",b=\"q\\\"\\n\\\\\"}} 2.5 {now}\n\nother 3 {now}\n",
        now - 1000
    );
    let reply = import(&bed, "", &text).await;
    assert_eq!(
        (reply.status, reply.text.as_str()),
        (StatusCode::OK, r#"{"stored":3,"duplicates":0}"#)
    );
    assert_eq!(import(&bed, "", &text).await.text, r#"{"stored":0,"duplicates":3}"#);
    let known = bed.get("/prometheus/api/v1/metadata?metric=m").await.json();
    assert_eq!(known["data"]["m"][0]["help"], "what it is");
    // Each series once, whichever selector finds it.
    let export = "/api/v1/metrics/export?match[]=m&match[]=%7B__name__=~%22m|other%22%7D";
    let reply = bed.get(export).await;
    let series = "m{a=\"1\",b=\"q\\\"\\n\\\\\"}";
    let expected = format!("{series} 1.5 {}\n{series} 2.5 {now}\nother 3 {now}\n", now - 1000);
    assert_eq!(reply.text, expected);
    assert_eq!(import(&bed, "", &reply.text).await.text, r#"{"stored":0,"duplicates":3}"#);
    let part = bed.get(&format!("/api/v1/metrics/export?match[]=m&start={}", now / 1000)).await;
    assert_eq!(part.text, format!("{series} 2.5 {now}\n"));
}

#[tokio::test]
async fn labels_and_times_are_added() {
    let bed = bed(|_| {}).await;
    let now_s = bed.clock.now().as_millis() / 1000;
    let query = format!("?extra_label=dc=x&extra_label=job=a%3Db&timestamp={}", now_s - 5);
    assert_eq!(import(&bed, &query, "m{job=\"own\"} 1\nm 2\n").await.status, 400);
    let export = bed.get("/api/v1/metrics/export?match[]=m").await;
    let labels = "{dc=\"x\",job=\"a=b\"}";
    assert_eq!(export.text, format!("m{labels} 1 {}\n", (now_s - 5) * 1000));
    for query in ["?extra_label=x", "?extra_label==x", "?timestamp=soon"] {
        let reply = import(&bed, query, "m 1\n").await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}: {}", reply.text);
    }
    // What takes part in every series may be wrong too.
    let reply = import(&bed, &format!("?extra_label={}=1", "n".repeat(600)), "m 1\n").await;
    assert!(reply.text.contains("line 1") && reply.text.contains("600 bytes"), "{}", reply.text);
}

#[tokio::test]
async fn wrong_lines_are_named_and_good_ones_kept() {
    let bed = bed(|_| {}).await;
    let text = b"good 1\nbad{ 2\n\xff\xfe 3\ngood{x=\"1\"} four\ndup{a=\"1\",a=\"2\"} 1\ngood{x=\"2\"} 5\n";
    let reply = bed.send(Request::post(IMPORT), text.to_vec()).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let json = reply.json();
    assert_eq!(json["code"], "receive.samples_refused");
    let detail = json["detail"].as_str().unwrap();
    for part in [
        "4 samples were not stored, all others were",
        "line 2:",
        "line 3: not valid",
        "line 4:",
        "line 5: the label \"a\" occurs twice",
    ] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    assert_eq!(bed.values("good").await, ["good 1", "good{x=\"2\"} 5"]);
    // What the engine refuses has its line too.
    let reply = import(&bed, "", "fine 1\nold 1 1000\n").await;
    assert!(reply.text.contains("line 2: old at 1000 ms: too old"), "{}", reply.text);
    assert_eq!(bed.values("fine").await, ["fine 1"]);
}

#[tokio::test]
async fn open_metrics_and_gzip() {
    let bed = bed(|_| {}).await;
    let now_s = bed.clock.now().as_millis() / 1000;
    let send = |text: String| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let request = Request::post(IMPORT)
            .header("content-type", "application/openmetrics-text; version=1.0.0")
            .header("content-encoding", "gzip");
        let packed = packed.finish().unwrap();
        let bed = &bed;
        async move { bed.send(request, packed).await }
    };
    let whole = format!("# TYPE t counter\nt_total 4 {now_s} # {{id=\"x\"}} 1\n# EOF\n");
    assert_eq!(send(whole).await.status, StatusCode::OK);
    assert_eq!(bed.values("t_total").await, ["t_total 4"]);
    let found = bed.get("/prometheus/api/v1/query_exemplars?query=t_total").await.json();
    assert_eq!(found["data"][0]["exemplars"][0]["labels"], serde_json::json!({"id": "x"}));
    assert_eq!(found["data"][0]["exemplars"][0]["timestamp"], now_s);
    let cut = send(format!("# TYPE u gauge\nu 4 {now_s}\n")).await;
    assert_eq!(
        (cut.status, cut.json()["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("receive.cut_off"))
    );
    assert_eq!(bed.values("u").await, ["u 4"]);
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let bed = bed(|settings| {
        settings.receive.body_bytes_max = 2_000;
        settings.receive.decoded_bytes_max = 50_000;
    })
    .await;
    let check =
        |request: http::request::Builder, body: Vec<u8>, status: u16, code: &'static str| {
            let bed = &bed;
            async move {
                let reply = bed.send(request, body).await;
                assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
                assert_eq!(reply.json()["code"], code);
            }
        };
    let gzip = || Request::post(IMPORT).header("content-encoding", "gzip");
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&[b'\n'; 60_000]).unwrap();
    check(gzip(), bomb.finish().unwrap(), 413, "receive.too_large").await;
    check(gzip(), b"m 1\n".to_vec(), 400, "receive.not_gzip").await;
    check(Request::post(IMPORT), vec![b'\n'; 3_000], 413, "receive.too_large").await;
    let other = Request::post(IMPORT).header("content-encoding", "br");
    check(other, Vec::new(), 415, "receive.unsupported").await;
    let protobuf = Request::post(IMPORT).header("content-type", "application/vnd.google.protobuf");
    check(protobuf, Vec::new(), 415, "receive.unsupported").await;
    assert_eq!(bed.send_powerless(Request::post(IMPORT)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(import(&bed, "", "").await.text, r#"{"stored":0,"duplicates":0}"#);
}

#[tokio::test]
async fn more_than_a_batch_is_stored_whole() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let mut text = String::new();
    for n in 0..120_000 {
        text.push_str(&format!("many{{n=\"{}\"}} {n} {}\n", n % 3, now - 600_000 + n));
    }
    let reply = import(&bed, "", &text).await;
    assert_eq!(reply.text, r#"{"stored":120000,"duplicates":0}"#);
    assert_eq!(bed.values("sum(count_over_time(many[20m]))").await, ["{} 120000"]);
    let export = bed.get("/api/v1/metrics/export?match[]=many&format=csv").await;
    assert_eq!(export.text.lines().count(), 120_001);
}

#[tokio::test]
async fn csv_of_series_and_of_queries() {
    let bed = bed(|_| {}).await;
    let now_s = bed.clock.now().as_millis() / 1000;
    let line = |labels: &str, value: &str| format!("m{labels} {value} {}\n", now_s * 1000);
    let text = [line("{a=\"x,y\"}", "1"), line("{b=\"say \\\"hi\\\"\"}", "NaN")].concat();
    assert_eq!(import(&bed, "", &text).await.status, StatusCode::OK);
    let time = kernel::clock::Time::from_millis(now_s * 1000).to_string();
    let reply = bed.get("/api/v1/metrics/export?match[]=m&format=csv").await;
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let expected = format!(
        "timestamp,__name__,a,b,value\r\n{time},m,\"x,y\",,1\r\n{time},m,,\"say \"\"hi\"\"\",NaN\r\n"
    );
    assert_eq!(reply.text, expected);
    let csv = "/api/v1/metrics/query.csv";
    let reply = bed.get(&format!("{csv}?query=sum(m%7Ba!=%22%22%7D)&time={now_s}")).await;
    assert_eq!(reply.text, format!("timestamp,value\r\n{time},1\r\n"));
    let range = format!("query=m&start={now_s}&end={}&step=1", now_s + 1);
    let reply = bed.get(&format!("{csv}?{range}")).await;
    assert_eq!(reply.text.lines().count(), 5, "{}", reply.text);
    for (path, status) in [
        (format!("{csv}?query=sum("), 400),
        (format!("{csv}?query=%22text%22"), 422),
        (format!("{csv}?query=m&step=1"), 400),
        ("/api/v1/metrics/export".to_owned(), 400),
        ("/api/v1/metrics/export?match[]=m&format=xml".to_owned(), 400),
    ] {
        assert_eq!(bed.get(&path).await.status.as_u16(), status, "{path}");
    }
    for path in ["/api/v1/metrics/export?match[]=m", "/api/v1/metrics/query.csv?query=m"] {
        assert_eq!(bed.send_powerless(Request::get(path)).await.status, StatusCode::FORBIDDEN);
    }
}
