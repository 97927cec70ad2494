//! Failures of all kinds are problem documents; every answer carries the security headers.

use http::StatusCode;

use super::{bed, plain_bed, problem};

#[tokio::test]
async fn what_is_not_there_is_said_in_a_problem() {
    let bed = bed().await;
    let client = bed.client();
    for path in ["/api/v1/nothing", "/prometheus/api/v1/nothing", "/api", "/metrics/x"] {
        let answer = client.get(bed.url(path)).send().await.unwrap();
        problem(answer, StatusCode::NOT_FOUND, "http.not_found").await;
    }
    let answer = client.put(bed.url("/api/v1/system")).send().await.unwrap();
    assert!(answer.headers()["allow"].to_str().unwrap().contains("GET"));
    problem(answer, StatusCode::METHOD_NOT_ALLOWED, "http.method_not_allowed").await;
    let answer = client.delete(bed.url("/hosts")).send().await.unwrap();
    problem(answer, StatusCode::METHOD_NOT_ALLOWED, "http.method_not_allowed").await;
}

#[tokio::test]
async fn wrong_bodies_are_named_with_their_place() {
    let bed = bed().await;
    let send = async |kind: &str, body: &'static str| {
        let request = bed.client().post(bed.url("/api/v1/session"));
        request.header("content-type", kind).body(body).send().await.unwrap()
    };
    let broken = send("application/json", "{\n \"name\": \"a\",\n ]").await;
    let broken = problem(broken, StatusCode::BAD_REQUEST, "http.bad_request").await;
    assert!(broken["detail"].as_str().unwrap().contains("line 3"), "{broken}");
    let missing = send("application/json", "{\"name\": \"admin\"}").await;
    let missing = problem(missing, StatusCode::BAD_REQUEST, "http.body_invalid").await;
    assert!(missing["detail"].as_str().unwrap().contains("`password`"), "{missing}");
    let more = send("application/json", "{\"name\":\"a\",\"password\":\"b\",\"roles\":[]}").await;
    let more = problem(more, StatusCode::BAD_REQUEST, "http.body_invalid").await;
    assert!(more["detail"].as_str().unwrap().contains("`roles`"), "{more}");
    let form = send("application/x-www-form-urlencoded", "name=a&password=b").await;
    problem(form, StatusCode::UNSUPPORTED_MEDIA_TYPE, "http.unsupported_media_type").await;
}

#[tokio::test]
async fn a_panic_ends_one_request() {
    let bed = bed().await;
    let answer = bed.client().get(bed.url("/test/panic")).send().await.unwrap();
    let told = problem(answer, StatusCode::INTERNAL_SERVER_ERROR, "http.panicked").await;
    assert!(!told.to_string().contains("secret fault"), "{told}");
    let answer = bed.client().get(bed.url("/test/fails")).send().await.unwrap();
    let told = problem(answer, StatusCode::INTERNAL_SERVER_ERROR, "test.failed").await;
    assert!(!told.to_string().contains("cause inside"), "{told}");
    let answer = bed.client().get(bed.url("/healthz")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_clients_request_id_is_kept_when_it_is_plain() {
    let bed = bed().await;
    let ask = async |id: &str| {
        let request = bed.client().get(bed.url("/healthz")).header("x-request-id", id);
        let answer = request.send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask("trace-42.a_b").await, "trace-42.a_b");
    for hostile in ["a b", "x\"y", "<script>", &"a".repeat(65)] {
        let given = ask(hostile).await;
        assert!(given != hostile && given.len() == 26, "{given}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let bed = bed().await;
    let paths = ["/", "/hosts/a", "/healthz", "/api/openapi.json", "/api/v1/x", "/test/panic"];
    for path in paths {
        let answer = bed.client().get(bed.url(path)).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        let (before, after) = policy.split_once("'nonce-").unwrap();
        let (nonce, after) = after.split_once('\'').unwrap();
        assert_eq!(nonce.len(), 24, "{path}: 128 random bits");
        assert_eq!(before, "default-src 'self'; script-src 'self'; style-src 'self' ", "{path}");
        let rest = "; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; \
                    object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
        assert_eq!(after, rest, "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(header("permissions-policy").contains("camera=()"));
        assert!(header("strict-transport-security").starts_with("max-age="));
        assert!(!answer.headers().contains_key("server"), "no word of what serves");
    }
    let plain = plain_bed(|_| {}).await;
    let answer = plain.client().get(plain.url("/healthz")).send().await.unwrap();
    assert!(!answer.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn answers_are_compressed_for_whoever_takes_it() {
    let bed = plain_bed(|_| {}).await;
    // Without the feature's own decoding: what counts is what is sent.
    let client = bed.client_builder().no_gzip().build().unwrap();
    for (accept, expected) in [("gzip", Some("gzip")), ("zstd, gzip", Some("zstd")), ("x", None)] {
        let request = client.get(bed.url("/api/openapi.json")).header("accept-encoding", accept);
        let answer = request.send().await.unwrap();
        let encoding = answer.headers().get("content-encoding");
        assert_eq!(encoding.map(|it| it.to_str().unwrap()), expected, "{accept}");
    }
    // A problem is written anew after it was made, and must still be what its headers say.
    let refused = bed.client().get(bed.url("/api/v1/session")).send().await.unwrap();
    problem(refused, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;
}
