//! The API document: the committed copy is true, and every operation is fully described.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::server::{BINARY, Server};

fn document() -> String {
    let output = Command::new(BINARY).arg("openapi").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if let Some(operation) = item.get(method) {
                found.push((method.to_owned(), path.clone(), operation.clone()));
            }
        }
    }
    assert!(found.len() > 15, "too few operations: {}", found.len());
    found
}

#[test]
fn the_committed_copy_is_true() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui/src/api/openapi.json");
    let now = document();
    if std::env::vars().any(|(name, _)| name == "UPDATE") {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == now, "the API changed: run `make api` and look at the difference");
}

#[test]
fn every_operation_is_described() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut ids = BTreeSet::new();
    let mut problems = Vec::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let name = format!("{method} {path} ({id})");
        for key in ["summary", "x-permission"] {
            if operation[key].as_str().unwrap_or_default().is_empty() {
                problems.push(format!("{name} has no {key}"));
            }
        }
        if operation["tags"].as_array().is_none_or(Vec::is_empty) {
            problems.push(format!("{name} has no tag"));
        }
        if id.is_empty() || !ids.insert(id) {
            problems.push(format!("{name}: the operationId is missing or used twice"));
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters.iter().filter(|it| it["in"] == "path") {
            let hole = format!("{{{}}}", parameter["name"].as_str().unwrap());
            if !path.contains(&hole) {
                problems.push(format!("{name}: the path parameter {hole} is not in the path"));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Every operation is asked without credentials; those that answer are the golden list.
#[tokio::test]
async fn only_the_listed_operations_are_public() {
    let server = Server::start();
    let client = server.client();
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut public = Vec::new();
    for (method, path, operation) in operations(&document) {
        let filled = path.replace(['{', '}'], "");
        let method = method.to_uppercase();
        let request = client
            .request(method.parse().unwrap(), server.url(&filled))
            .header("content-type", "application/json")
            .body(if method == "GET" { "" } else { "{}" });
        let response = request.send().await.unwrap();
        assert!(response.status().as_u16() < 500, "{method} {path}: {}", response.status());
        if operation["x-permission"] == "public" {
            public.push(format!("{method} {path}"));
        } else {
            assert_eq!(response.status().as_u16(), 401, "{method} {path} without credentials");
        }
    }
    let golden = include_str!("golden/public-operations.txt");
    let listed: Vec<&str> = golden.lines().collect();
    assert_eq!(public, listed);
}

/// Whether the operation cannot be asked without a parameter in the query.
fn needs_query(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.is_some_and(|all| all.iter().any(|it| it["in"] == "query" && it["required"] == true))
}

/// A token that may only send samples gets 403 from everything else.
#[tokio::test]
async fn a_role_without_the_permission_is_refused_everywhere() {
    let server = Server::start();
    let ingest = server.api("ingest");
    let document: Value = serde_json::from_str(&document()).unwrap();
    for (method, path, operation) in operations(&document) {
        let permission = operation["x-permission"].as_str().unwrap();
        if permission == "public" || permission == "metrics.write" {
            continue;
        }
        let url = server.url(&path.replace(['{', '}'], ""));
        let request = ingest
            .client
            .request(method.to_uppercase().parse().unwrap(), url)
            .bearer_auth(&ingest.token)
            .header("content-type", "application/json")
            .body(if method == "get" { "" } else { "{}" });
        let status = request.send().await.unwrap().status().as_u16();
        // A body or id that does not parse may be named before the permission is looked at.
        assert!(matches!(status, 400 | 403 | 404 | 422), "{method} {path}: {status}");
        if method == "get" && !path.contains('{') && !needs_query(&operation) {
            assert_eq!(status, 403, "{method} {path}");
        }
    }
}
