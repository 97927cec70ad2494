//! Who is asking: cookies, anti-forgery tokens, API tokens, trusted networks.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use http::StatusCode;
use kernel::caller::Caller;
use reqwest::{Client, Response};
use serde_json::Value;

use super::{Bed, PASSWORD, bed, bed_with, plain_bed, problem};

/// A browser: keeps the cookie and the anti-forgery token of its session.
struct Browser<'a> {
    bed: &'a Bed,
    client: Client,
    cookie: String,
    csrf: String,
}

impl Bed {
    async fn try_sign_in(&self, password: &str) -> Response {
        let body = serde_json::json!({ "name": "admin", "password": password }).to_string();
        let request = self.client().post(self.url("/api/v1/session"));
        request.header("content-type", "application/json").body(body).send().await.unwrap()
    }

    async fn browser(&self, password: &str) -> Browser<'_> {
        let answer = self.try_sign_in(password).await;
        assert_eq!(answer.status(), StatusCode::OK);
        Browser::of(self, answer).await
    }
}

impl<'a> Browser<'a> {
    async fn of(bed: &'a Bed, answer: Response) -> Self {
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let session: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let csrf = session["csrf_token"].as_str().unwrap().to_owned();
        Self { bed, client: bed.client(), cookie, csrf }
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.client.get(self.bed.url(path)).header("cookie", &self.cookie);
        request.send().await.unwrap()
    }

    fn post(&self, path: &str, body: &str) -> reqwest::RequestBuilder {
        let request = self.client.post(self.bed.url(path)).header("cookie", &self.cookie);
        request.header("content-type", "application/json").body(body.to_owned())
    }
}

const TOKEN: &str = "{\"name\":\"agent\",\"role\":\"ingest\"}";

#[tokio::test]
async fn a_session_lives_in_a_guarded_cookie() {
    let bed = bed().await;
    let answer = bed.try_sign_in(PASSWORD).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (value, flags) = cookie.split_once("; ").unwrap();
    assert!(value.starts_with("om_session=") && value.len() == "om_session=".len() + 43);
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Strict; Secure");
    let browser = Browser::of(&bed, answer).await;
    let session: Value =
        serde_json::from_str(&browser.get("/api/v1/session").await.text().await.unwrap()).unwrap();
    assert_eq!(session["user"]["name"], "admin", "{session}");
    assert_eq!(session["csrf_token"], browser.csrf.as_str());
    assert!(session["user"]["permissions"].as_array().unwrap().len() > 5);

    let request = bed.client().delete(bed.url("/api/v1/session"));
    let request = request.header("cookie", &browser.cookie).header("x-csrf-token", &browser.csrf);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    let ended = browser.get("/api/v1/session").await;
    problem(ended, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;

    let plain = plain_bed(|_| {}).await;
    let answer = plain.try_sign_in(PASSWORD).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(!cookie.contains("Secure"), "browsers drop such a cookie without TLS");
}

#[tokio::test]
async fn a_change_needs_the_sessions_own_token_and_page() {
    let bed = bed().await;
    let (browser, other) = (bed.browser(PASSWORD).await, bed.browser(PASSWORD).await);
    let bare = browser.post("/api/v1/tokens", TOKEN).send().await.unwrap();
    problem(bare, StatusCode::FORBIDDEN, "identity.csrf").await;
    let foreign = browser.post("/api/v1/tokens", TOKEN).header("x-csrf-token", &other.csrf);
    problem(foreign.send().await.unwrap(), StatusCode::FORBIDDEN, "identity.csrf").await;
    for site in ["cross-site", "same-site"] {
        let request = browser.post("/api/v1/tokens", TOKEN).header("x-csrf-token", &browser.csrf);
        let answer = request.header("sec-fetch-site", site).send().await.unwrap();
        problem(answer, StatusCode::FORBIDDEN, "identity.other_site").await;
    }
    let request = browser.post("/api/v1/tokens", TOKEN).header("x-csrf-token", &browser.csrf);
    let made = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    assert!(made.headers()["location"].to_str().unwrap().starts_with("/api/v1/tokens/tok_"));
    let again = browser.post("/api/v1/session", "{\"name\":\"admin\",\"password\":\"x\"}");
    let again = again.send().await.unwrap();
    problem(again, StatusCode::UNAUTHORIZED, "identity.bad_credentials").await;
}

#[tokio::test]
async fn api_tokens_come_in_the_authorization_header_alone() {
    let bed = bed().await;
    let token = bed.token("viewer").await;
    let roles = bed.url("/api/v1/roles");
    let client = bed.client();
    let bearer = client.get(&roles).bearer_auth(&token).send().await.unwrap();
    assert_eq!(bearer.status(), StatusCode::OK);
    let basic = client.get(&roles).basic_auth("anyone", Some(&token)).send().await.unwrap();
    assert_eq!(basic.status(), StatusCode::OK);
    for scheme in [format!("Token {token}"), format!("Token anyone:{token}")] {
        let influx = client.get(&roles).header("authorization", scheme).send().await.unwrap();
        assert_eq!(influx.status(), StatusCode::OK);
    }
    for scheme in [format!("Token {token}"), format!("Token anyone:{token}")] {
        let influx = client.get(&roles).header("authorization", scheme).send().await.unwrap();
        assert_eq!(influx.status(), StatusCode::OK);
    }
    let query = client.get(format!("{roles}?token={token}&access_token={token}"));
    let query = query.send().await.unwrap();
    assert_eq!(query.headers()["www-authenticate"], "Bearer realm=\"onemonitor\"");
    problem(query, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;
    let wrong = client.get(&roles).bearer_auth(format!("{token}x")).send().await.unwrap();
    problem(wrong, StatusCode::UNAUTHORIZED, "identity.bad_token").await;
    for authorization in ["Bearer", "Digest x", "Basic !!!", "Basic YWI="] {
        let request = client.get(&roles).header("authorization", authorization);
        let answer = request.send().await.unwrap();
        problem(answer, StatusCode::UNAUTHORIZED, "identity.bad_authorization").await;
    }
}

#[tokio::test]
async fn guessing_is_slowed_and_the_clock_heals() {
    let bed = bed().await;
    let mut slowed = None;
    for _ in 0..10 {
        let answer = bed.try_sign_in("wrong, and wrong again").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            slowed = Some(answer);
            break;
        }
    }
    let slowed = slowed.expect("ten wrong passwords in a row are not slowed");
    let wait: u64 = slowed.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    problem(slowed, StatusCode::TOO_MANY_REQUESTS, "identity.too_many_tries").await;
    assert_eq!(bed.try_sign_in(PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS);
    bed.clock.advance(Duration::from_secs(wait));
    assert_eq!(bed.try_sign_in(PASSWORD).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_one_time_password_opens_its_own_change_alone() {
    let bed = bed().await;
    let one_time =
        bed.identity.recover_user(&Caller::local_administrator(), "admin").await.unwrap();
    let browser = bed.browser(one_time.expose()).await;
    let required = "identity.password_change_required";
    for path in ["/api/v1/tokens", "/api/v1/account/sessions", "/api/v1/system", "/api/v1/roles"] {
        problem(browser.get(path).await, StatusCode::FORBIDDEN, required).await;
    }
    assert_eq!(browser.get("/api/v1/session").await.status(), StatusCode::OK);
    let body = serde_json::json!({
        "current_password": one_time.expose(), "new_password": "thirty purple umbrellas",
    });
    let request = browser.post("/api/v1/account/password", &body.to_string());
    let changed = request.header("x-csrf-token", &browser.csrf).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    let browser = Browser::of(&bed, changed).await;
    assert_eq!(browser.get("/api/v1/tokens").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_trusted_network_may_send_and_nothing_else() {
    let stranger = bed().await;
    let write = async |bed: &Bed| {
        bed.client().post(bed.url("/prometheus/api/v1/write")).send().await.unwrap()
    };
    let refused = write(&stranger).await;
    problem(refused, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;
    let bed = bed_with(|settings| settings.trusted = vec!["127.0.0.0/8".parse().unwrap()]).await;
    assert_eq!(write(&bed).await.text().await.unwrap(), "metrics.write");
    let read = bed.client().get(bed.url("/api/v1/system")).send().await.unwrap();
    problem(read, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;
}

thread_local! {
    /// What was logged on this thread; each test has one of its own.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_requests_and_no_secrets() {
    // For the whole program: one of a single thread would be missed by what others saw first.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(|| Log)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let bed = plain_bed(|_| {}).await;
    let token = bed.token("viewer").await;
    let browser = bed.browser(PASSWORD).await;
    bed.try_sign_in("a wrong secret password").await;
    let path = "/api/v1/roles?password=query-secret";
    bed.client().get(bed.url(path)).bearer_auth(&token).send().await.unwrap();
    let request = browser.post("/api/v1/tokens?x=query-secret", TOKEN);
    let request = request.header("x-csrf-token", &browser.csrf);
    let made = request.header("x-request-id", "find-me").send().await.unwrap();
    let made: Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    let log = String::from_utf8(LOGGED.take()).unwrap();
    let line = log.lines().find(|line| line.contains("find-me") && line.contains("status=201"));
    let line = line.unwrap_or_else(|| panic!("the request is not in the log: {log}"));
    assert!(line.contains("route=\"/api/v1/tokens\"") && line.contains("asked=\"usr_"), "{line}");
    let cookie = browser.cookie.split_once('=').unwrap().1;
    let secret = made["secret"].as_str().unwrap();
    let hidden = [PASSWORD, "a wrong secret", &token, cookie, &browser.csrf, secret];
    // Of our own lines: the libraries below say what they receive at the level of tracing bytes.
    let is_ours =
        |line: &&str| ["gateway", "identity", "kernel"].iter().any(|it| line.contains(it));
    for ours in log.lines().filter(is_ours) {
        for text in hidden {
            assert!(!ours.contains(text), "{ours}");
        }
        assert!(!ours.contains("query-secret"), "{ours}");
    }
}
