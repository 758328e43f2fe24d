//! The ids in a path. One that is no text is answered as one that does not exist.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::Problem;

/// The ids in the path of a request, in their order.
pub(super) struct PathIds<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for PathIds<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let read: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, api).await;
        read.map(|Path(ids)| Self(ids)).map_err(|_| Problem::not_found("thing"))
    }
}
