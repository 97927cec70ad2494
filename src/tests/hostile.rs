//! Each door that takes samples, tried as an attacker or a broken sender would: the refusal has
//! the right status and says what was wrong, and the server goes on.

use std::io::Write;

use reqwest::{Client, StatusCode};

use crate::remote_write::{Body, write};
use crate::server::{Api, Server};

/// A way in: path, content type, encoding that it takes, and what a wrong body is told.
struct Door {
    path: &'static str,
    kind: &'static str,
    packing: &'static str,
    /// What is said of bytes that are none of its own.
    malformed: &'static str,
}

const PROTOBUF: &str = "application/x-protobuf";

const DOORS: [Door; 6] = [
    Door {
        path: "/prometheus/api/v1/write",
        kind: PROTOBUF,
        packing: "snappy",
        malformed: "protobuf",
    },
    Door { path: "/otlp/v1/metrics", kind: PROTOBUF, packing: "gzip", malformed: "protobuf" },
    Door {
        path: "/v1/metrics",
        kind: "application/json",
        packing: "gzip",
        malformed: "broken JSON",
    },
    Door { path: "/influx/write?db=x", kind: "text/plain", packing: "gzip", malformed: "line 1" },
    Door {
        path: "/influx/api/v2/write?bucket=x",
        kind: "text/plain",
        packing: "gzip",
        malformed: "line 1",
    },
    Door {
        path: "/api/v1/metrics/import",
        kind: "text/plain",
        packing: "gzip",
        malformed: "line 1",
    },
];

/// A limit that bodies of the test pass.
const LIMIT: &str = "[limits]\ningest_body_bytes = 200000\n";

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let plain = plain.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&plain).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

fn pack(door: &Door, plain: &[u8]) -> Vec<u8> {
    match door.packing {
        "snappy" => snap::raw::Encoder::new().compress_vec(plain).unwrap(),
        _ => gzip(plain),
    }
}

/// Sends a body; the answer has this status and, in its text, this part.
async fn refused(api: &Api, door: &Door, body: Vec<u8>, status: StatusCode, part: &str) {
    let sent = api
        .post(door.path)
        .header("content-type", door.kind)
        .header("content-encoding", door.packing)
        .body(body)
        .send()
        .await
        .unwrap();
    let (path, found) = (door.path, sent.status());
    let said = String::from_utf8_lossy(&sent.bytes().await.unwrap()).into_owned();
    assert_eq!(found, status, "{path}: {said}");
    assert!(said.contains(part), "{path}: {said:?} does not say {part:?}");
}

#[tokio::test]
async fn every_door_refuses_what_is_wrong_by_name_and_stays_open() {
    let server = Server::start_with(LIMIT, |_| ());
    let api = server.api("ingest");
    let viewer = server.api("viewer");
    let nobody = Api { token: "om_nobody".to_owned(), ..server.api("viewer") };
    let bad = StatusCode::BAD_REQUEST;
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(300_000)
    .collect();
    let zeros = vec![b'0'; 100 << 20];
    for door in &DOORS {
        refused(&viewer, door, pack(door, b"x"), StatusCode::FORBIDDEN, "metrics.write").await;
        refused(&nobody, door, pack(door, b"x"), StatusCode::UNAUTHORIZED, "").await;
        let whole = pack(door, b"\xff\xfe{ this = is none of it \xff");
        refused(&api, door, whole.clone(), bad, door.malformed).await;
        let half = whole[..whole.len() / 2].to_vec();
        refused(&api, door, half, bad, door.packing).await;
        refused(&api, door, b"not packed at all".to_vec(), bad, door.packing).await;
        let too_large = StatusCode::PAYLOAD_TOO_LARGE;
        refused(&api, door, pack(door, &noise), too_large, "200000").await;
        refused(&api, door, pack(door, &zeros), too_large, "bytes").await;
        let sent = api.post(door.path).header("content-encoding", "br").body("x").send().await;
        let sent = sent.unwrap();
        assert_eq!(sent.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", door.path);
        assert!(sent.text().await.unwrap().contains("br"), "{}", door.path);
    }
    let good = Body::new().sample(&[("__name__", "good")], Body::now_ms(), 1.0);
    assert_eq!(write(&api, &good).await.status(), StatusCode::NO_CONTENT);
    let stored = viewer.query("good", None).await;
    assert_eq!(stored["result"][0]["value"][1], "1");
}

/// A unary call by hand; gives the status of gRPC and its text.
async fn call(client: &Client, api: &Api, framed: Vec<u8>, packing: &str) -> (String, String) {
    let path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    let sent = client
        .post(format!("{}{path}", api.base))
        .bearer_auth(&api.token)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", packing)
        .body(framed)
        .send()
        .await
        .unwrap();
    let header = |name| sent.headers().get(name).map_or("", |it| it.to_str().unwrap()).to_owned();
    (header("grpc-status"), header("grpc-message"))
}

#[tokio::test]
async fn the_door_of_grpc_refuses_by_its_own_status() {
    let server = Server::start_with(LIMIT, |_| ());
    let api = server.api("ingest");
    let viewer = server.api("viewer");
    let framed = |packed: u8, message: &[u8]| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[packed], length.as_slice(), message].concat()
    };
    let truncated = gzip(&[7; 5000]);
    let truncated = framed(1, &truncated[..truncated.len() / 2]);
    for (who, body, packing, status, part) in [
        (&viewer, framed(0, b""), "", "7", "metrics.write"),
        (&api, framed(0, b"\xff\xff\xff"), "", "3", "protobuf"),
        (&api, b"\0\0\0\0\x09ab".to_vec(), "", "3", "message of 9 bytes"),
        (&api, b"\0".to_vec(), "", "3", "no message"),
        (&api, truncated, "gzip", "3", "gzip"),
        (&api, framed(1, b"x"), "zstd", "12", "zstd"),
        (&api, framed(1, &gzip(&vec![0; 100 << 20])), "gzip", "8", "bytes"),
        // The gateway's own limit, before anything is read as gRPC.
        (&api, vec![0; 300_000], "", "", ""),
    ] {
        let (found, said) = call(&api.client, who, body, packing).await;
        assert_eq!(found, status, "{part}: {said}");
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}
