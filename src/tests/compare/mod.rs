//! Prometheus and we on the same made samples: every query of `queries.txt` is answered alike.
//! `make compare` prints the table.

#![expect(clippy::print_stdout, reason = "the table is what `make compare` is for")]

pub(crate) mod answers;
mod data;

use answers::{Pair, Question, difference, says_something};
use data::Hour;
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::peers;
use crate::remote_write::{packed, write};
use crate::server::{PASSWORD, Server, eventually};

const QUERIES: &str = include_str!("queries.txt");
/// What the file promises at least.
const QUERIES_MIN: usize = 80;

/// A query of the file and what the file says about it.
#[derive(Debug, Default)]
struct Asked {
    query: String,
    /// How the older Prometheus writes it.
    there: Option<String>,
    /// Why the older one does not understand it as we do.
    reason: Option<String>,
    refused: bool,
}

/// Reads the file; `at_s` stands for `$AT`.
fn read(text: &str, at_s: i64) -> Vec<Asked> {
    let mut list: Vec<Asked> = Vec::new();
    let text = text.replace("$AT", &at_s.to_string());
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if !line.starts_with(' ') {
            list.push(Asked { query: line.to_owned(), ..Asked::default() });
            continue;
        }
        let asked = list.last_mut().unwrap();
        match line.trim().split_once(": ") {
            Some(("there", query)) => asked.there = Some(query.to_owned()),
            Some(("because", reason)) => asked.reason = Some(reason.to_owned()),
            None if line.trim() == "refused" => asked.refused = true,
            _ => panic!("queries.txt: {line:?} means nothing"),
        }
    }
    list
}

/// The ways in which each query is asked.
fn ways(query: &str, hour: Hour) -> Vec<Question> {
    let mut ways: Vec<Question> =
        [20, 36, 59].map(|minute| Question::instant(query, hour.at_s(minute) as f64)).into();
    ways.push(Question::range(query, hour.at_s(5) as f64, hour.at_s(59) as f64, 45));
    ways
}

/// What is wrong with the answers to a query; `None` when all is as the file says.
async fn verdict(pair: &Pair, asked: &Asked, hour: Hour) -> Option<String> {
    let there = ways(asked.there.as_deref().unwrap_or(&asked.query), hour);
    let ordered = asked.query.starts_with("sort");
    let (mut found, mut unchanged, mut said) = (None, None, false);
    for (here, there) in ways(&asked.query, hour).iter().zip(&there) {
        let ours = pair.ask_us(here).await;
        let theirs = pair.ask_prometheus(there).await;
        said |= says_something(&ours);
        if asked.refused && ours["status"] == "success" {
            return Some("it is not refused".to_owned());
        }
        // The order of a range query's series says nothing.
        let ordered = ordered && ours["data"]["resultType"] == "vector";
        found = found.or_else(|| difference(&theirs, &ours, ordered));
        if asked.there.is_some() {
            let theirs = pair.ask_prometheus(here).await;
            unchanged = unchanged.or_else(|| difference(&theirs, &ours, ordered));
        }
    }
    match found {
        Some(difference) => Some(difference),
        None if asked.there.is_some() && unchanged.is_none() => {
            Some("it no longer differs as it stands: take `there` away".to_owned())
        }
        None if !said && !asked.refused => {
            Some("it answers nothing, so it tests nothing".to_owned())
        }
        None => None,
    }
}

/// Fills both with the same samples.
async fn fill(pair: &Pair, server: &Server, hour: Hour) {
    let sender = server.api("ingest");
    for body in hour.bodies() {
        assert_eq!(write(&sender, &body).await.status(), StatusCode::NO_CONTENT);
        let url = format!("{}/api/v1/write", pair.prometheus);
        let theirs = packed(pair.reader.client.post(url), body.compressed());
        let answer = theirs.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{}", answer.text().await.unwrap());
    }
}

#[tokio::test]
async fn compare_with_prometheus() {
    let dir = TempDir::new().unwrap();
    let peer = peers::prometheus(dir.path(), "");
    let server = Server::start_with("[log]\nlevel = \"error\"\n", |command| {
        command.env("ONEMONITOR_ADMIN_PASSWORD", PASSWORD);
    });
    let prometheus = format!("http://127.0.0.1:{}", peer.port);
    let pair = Pair { reader: server.api("viewer"), prometheus };
    eventually("Prometheus to be ready", async || {
        let ready = pair.reader.client.get(format!("{}/-/ready", pair.prometheus)).send().await;
        ready.ok().filter(|it| it.status().is_success()).map(|_: reqwest::Response| ())
    })
    .await;
    let hour = Hour::last();
    fill(&pair, &server, hour).await;

    let list = read(QUERIES, hour.at_s(30));
    assert!(list.len() >= QUERIES_MIN, "{} queries", list.len());
    let mut wrong = Vec::new();
    for asked in &list {
        let reason = asked.reason.as_deref();
        assert_eq!(reason.is_some(), asked.there.is_some(), "{asked:?}");
        let query = &asked.query;
        match verdict(&pair, asked, hour).await {
            Some(said) => {
                println!("WRONG    {query}\n         {said}");
                wrong.push(format!("{query}: {said}"));
            }
            None if asked.refused => println!("refused  {query}"),
            None => match reason {
                Some(reason) => println!("listed   {query}\n         {reason}"),
                None => println!("equal    {query}"),
            },
        }
    }
    println!("{} queries, {} wrong", list.len(), wrong.len());
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
