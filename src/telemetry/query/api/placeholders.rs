//! What clients of Prometheus ask for and nothing here has yet: alerts. The
//! answers are valid and empty; questions are checked as Prometheus checks them.

use axum::response::Response;
use kernel::caller::{Caller, Permission};
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answered, answered, finish_list, success};
use crate::Telemetry;

/// The routes of what is empty.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(list_prometheus_alerts)).routes(routes!(list_alertmanagers))
}

/// Alerts that fire or are pending.
#[utoipa::path(
    get, path = "/prometheus/api/v1/alerts", tag = "prometheus", summary = "List alerts",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_prometheus_alerts(Who(who): Who) -> Response {
    answered(empty(&who, b"{\"alerts\":[]}"))
}

/// The Alertmanagers that alerts are sent to: none, alerts stay in the house.
#[utoipa::path(
    get, path = "/prometheus/api/v1/alertmanagers", tag = "prometheus",
    summary = "List Alertmanagers",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_alertmanagers(Who(who): Who) -> Response {
    answered(empty(&who, b"{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}"))
}

fn empty(who: &Caller, data: &[u8]) -> Answered {
    who.require(Permission::MetricsRead)?;
    let mut out = success();
    out.extend_from_slice(data);
    Ok(finish_list(out, false))
}
