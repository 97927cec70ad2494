//! Keyset paging: what a list request asks for.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::{Error, Result};

/// How many items a page has when the request does not say.
pub const DEFAULT_LIMIT: u32 = 50;
/// How many items a page may have at most.
pub const MAX_LIMIT: u32 = 500;

/// The query parameters of a list request.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items to return, 1 to 500; 50 when absent.
    pub limit: Option<u32>,
    /// Where the page before ended: its `next`.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The number of items to return.
    ///
    /// # Errors
    /// `Invalid` outside 1 to 500.
    pub fn checked_limit(&self) -> Result<usize> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            let detail = format!("limit must be 1 to {MAX_LIMIT}, got {limit}");
            return Err(Error::invalid("page.limit", detail).field("limit"));
        }
        Ok(limit as usize)
    }
}
