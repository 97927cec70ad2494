//! `GET /api/v1/metrics/cardinality`: where series come from.

use axum::Json;
use axum::extract::{Query, State};
use kernel::error::Result;
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Telemetry;
use crate::cardinality::{CardinalityQuery, CardinalityReport};

/// The route.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(get_cardinality))
}

/// Counts active series by metric, label, value or source, and shows the limits with what of
/// them is used.
#[utoipa::path(
    get, path = "/api/v1/metrics/cardinality", tag = "metrics",
    summary = "Show where series come from, by metric, label, value or source",
    params(CardinalityQuery),
    responses(
        (status = 200, description = "the largest groups", body = CardinalityReport),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_cardinality(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Query(query): Query<CardinalityQuery>,
) -> Result<Json<CardinalityReport>> {
    Ok(Json(telemetry.get_cardinality(&who, query).await?))
}
