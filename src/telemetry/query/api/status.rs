//! What the server says about itself in the way of Prometheus.

use axum::response::Response;
use kernel::caller::Permission;
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::QueryError;
use super::super::json::push;
use super::{answered, finish_list, success};
use crate::Telemetry;

/// The version of Prometheus whose API this is: clients decide by it what they may ask.
const COMPATIBLE_VERSION: &str = "3.5.0";

/// The routes of the server's status.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(get_build_info))
}

/// The version whose API this is.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/buildinfo", tag = "prometheus",
    summary = "Show build information",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_build_info(Who(who): Who) -> Response {
    let answer = who.require(Permission::MetricsRead).map_err(QueryError::from).map(|()| {
        let mut out = success();
        push(
            &mut out,
            format_args!(
                "{{\"application\":\"OneMonitor\",\"version\":\"{COMPATIBLE_VERSION}\",\
                 \"revision\":\"onemonitor-{}\",\"branch\":\"\",\"buildUser\":\"\",\
                 \"buildDate\":\"\",\"goVersion\":\"\"}}",
                env!("CARGO_PKG_VERSION")
            ),
        );
        finish_list(out, false)
    });
    answered(answer)
}
