//! `/prometheus/api/v1/targets`.

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use kernel::caller::Permission;
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Telemetry;
use crate::query::api::{answered, json_response};
use crate::query::parameters::Parameters;
use crate::query::targets_json::{self, Wanted};

/// The routes of scraping that Prometheus has too.
pub(crate) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(list_prometheus_targets))
}

/// The scrape targets as Prometheus shows them; `/api/v1/target-status` says more.
#[utoipa::path(
    get, path = "/prometheus/api/v1/targets", tag = "prometheus",
    summary = "List targets as Prometheus does",
    params(("state" = Option<String>, Query, description = "active, dropped or any")),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("targets.read")))
)]
async fn list_prometheus_targets(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    uri: Uri,
) -> Response {
    let answer = || {
        who.require(Permission::TargetsRead)?;
        let parameters = Parameters::parse(b"", uri.query().unwrap_or(""));
        let state = parameters.get("state").unwrap_or("any").to_ascii_lowercase();
        let wanted = match state.as_str() {
            "active" => Wanted { active: true, dropped: false },
            "dropped" => Wanted { active: false, dropped: true },
            _ => Wanted { active: true, dropped: true },
        };
        let scraped = telemetry.manager().scraped();
        let plan = telemetry.manager().last_plan();
        Ok(json_response(targets_json::write(&scraped, &plan, wanted)))
    };
    answered(answer())
}
