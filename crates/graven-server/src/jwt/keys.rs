//! The public keys of an issuer, by their ids.

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The keys that can be used.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<Option<String>, Key>);

/// A key.
pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    /// The only algorithm that it is for, if it says so.
    pub(super) algorithm: Option<Algorithm>,
}

/// Without the key itself, which is long.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithm)
    }
}

/// The document, as far as it must have one form. Keys of unknown kinds may stand among the others.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Keys {
    /// Reads the document. What is no public key for signatures is passed over.
    ///
    /// # Errors
    ///
    /// When it is no document with keys, or none of them can be used.
    pub(super) fn read(json: &[u8]) -> Result<Keys, String> {
        let document: Document = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let keys: HashMap<_, _> = document.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err("no key in it can be used".to_owned()) } else { Ok(Keys(keys)) }
    }

    /// The key with this id. A JWT that names none is for the only key, which has none either.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        self.0.get(&id.map(str::to_owned))
    }
}

fn usable(key: Value) -> Option<(Option<String>, Key)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    // A secret that the document shows to everybody proves nothing.
    let is_public = !matches!(key.algorithm, AlgorithmParameters::OctetKey(_));
    let is_for_signatures = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let algorithm = match key.common.key_algorithm {
        None => None,
        // One that this program does not know.
        Some(algorithm) => Some(Algorithm::try_from(algorithm).ok()?),
    };
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    (is_public && is_for_signatures).then_some((key.common.key_id, Key { decoding, algorithm }))
}
