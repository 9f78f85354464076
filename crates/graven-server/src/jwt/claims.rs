//! What the claims of a JWT say: who its holder is, and what gives a role.

use std::sync::Arc;

use chrono::DateTime;
use serde_json::{Map, Value};

use crate::auth::{Caller, JWT, Login, NAME_BYTES_MAX, Refused};
use crate::settings::JwtSettings;

/// The holder of a JWT that is good.
pub(super) fn caller(settings: &JwtSettings, claims: &Map<String, Value>) -> Result<Arc<Caller>, Refused> {
    let name = claim(claims, &settings.name_claim).and_then(Value::as_str).unwrap_or_default();
    let is_plain = !name.trim().is_empty() && name.trim() == name && !name.chars().any(char::is_control);
    if !is_plain || name.len() > NAME_BYTES_MAX {
        return Err(Refused::Jwt("a JWT without a name that can be used"));
    }
    let expires =
        claims.get("exp").and_then(seconds).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let expires = expires.ok_or(Refused::Jwt("a JWT whose end cannot be read"))?;
    let values: Vec<&str> = match claim(claims, &settings.role_claim) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let row = |value: &&str| settings.roles.iter().find(|row| row.name == **value);
    let row = values.iter().find_map(row).ok_or(Refused::Jwt("a JWT without a role"))?;
    Ok(row.caller(format!("{JWT}{name}"), Login::Jwt, Some(expires)))
}

/// A claim by its name, or by the names of the objects around it with dots between them.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}

/// A time of a claim: seconds since 1970, which may be a fraction.
fn seconds(time: &Value) -> Option<i64> {
    time.as_i64().or_else(|| {
        let seconds = time.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
        Some(seconds as i64)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_found_by_its_name_or_by_its_way() {
        let claims = json!({"a": {"b": {"c": 1}, "d.e": 2}, "https://example.com/roles": 3, "a.x": 4});
        let claims = claims.as_object().unwrap();
        for (name, found) in [("a.b.c", 1), ("a.d.e", 2), ("https://example.com/roles", 3), ("a.x", 4)] {
            assert_eq!(claim(claims, name), Some(&json!(found)), "{name}");
        }
        for name in ["", "b", "a.b.c.d", "a."] {
            assert_eq!(claim(claims, name), None, "{name}");
        }
    }
}
