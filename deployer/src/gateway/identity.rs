//! The identity source: what an authorizer's answers are cached by, and without which it is
//! not asked at all.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Finds the value of `method.request.header.Authorization`, or says why there is none.
pub fn authorization(headers: &HeaderMap) -> Result<&str, &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next().ok_or("there is no Authorization header")?;
    if values.next().is_some() {
        return Err("there is more than one Authorization header");
    }
    match first.to_str() {
        Ok("") => Err("the Authorization header is empty"),
        Ok(value) => Ok(value),
        Err(_) => Err("the Authorization header is not visible ASCII"),
    }
}
