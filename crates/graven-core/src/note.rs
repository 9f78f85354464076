//! Signed notes: a text, and signatures that anyone can check with a key of one line.
//!
//! C2SP signed-note, with Ed25519 keys (type 0x01). The parsers take exactly what the printers write; base64
//! has one spelling; signatures are checked by `verify_strict`, which refuses the keys and signatures that
//! verifiers disagree on.

use std::fmt;

use ed25519_dalek::{Signature, Signer};
use zeroize::Zeroizing;

use crate::base64;
use crate::hash::sha256;

/// The longest name of a key. The format sets no limit; cosignatures of later kinds write the length in one
/// byte.
pub const NAME_BYTES_MAX: usize = 255;

/// The most signatures a note may have; the format asks for at least 16.
pub const SIGNATURES_MAX: usize = 100;

/// The longest note: well above a checkpoint with [`SIGNATURES_MAX`] post-quantum signatures of 5 kB.
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// A text with its signatures. [`Display`](fmt::Display) prints the very bytes that [`parse`](Note::parse)
/// reads.
///
/// The text of a note means nothing until [`verify`](Note::verify) has found a signature of a known key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed; it ends with a newline.
    pub text: String,
    /// At least one signature.
    pub signatures: Vec<NoteSignature>,
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The short identifier of the key; together with the name it says which key made the signature.
    pub key_id: u32,
    /// The signature, in the form that the key's type gives it.
    pub signature: Vec<u8>,
}

impl Note {
    /// Reads a note (C2SP signed-note, "Format"). No signature is checked yet.
    ///
    /// # Errors
    ///
    /// [`NoteError`], when these are not bytes that a note prints.
    pub fn parse(note: &[u8]) -> Result<Note, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong { bytes: note.len() });
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteError::NotText)?;
        check_text(note)?;
        // The text may have empty lines of its own: the last one in the note is what parts it from the
        // signatures.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let text = format!("{text}\n");
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (number, line) in (1..).zip(lines.split('\n')) {
            if number > SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::parse(line).ok_or(NoteError::SignatureLine { number })?);
        }
        Ok(Note { text, signatures })
    }

    /// Signs a text.
    ///
    /// # Panics
    ///
    /// When the text cannot stand in a note: it must end with a newline and hold no other control character.
    pub fn sign(text: impl Into<String>, key: &SigningKey) -> Note {
        let text = text.into();
        assert!(check_text(&text).is_ok(), "not the text of a note: {text:?}");
        let signature = key.sign(text.as_bytes()).to_vec();
        Note {
            text,
            signatures: vec![NoteSignature { name: key.name().to_owned(), key_id: key.key_id(), signature }],
        }
    }

    /// Checks the signatures of the known keys, and says which of the keys have signed (C2SP signed-note,
    /// "Signatures"). Signatures of unknown keys are ignored; a signature under the name and identifier of a
    /// known key must be good.
    ///
    /// # Errors
    ///
    /// [`NoteError::BadSignature`] when a known key's signature is not good, [`NoteError::NotSigned`] when no
    /// known key has signed, [`NoteError::AmbiguousKeys`] when two of the known keys share name and identifier.
    pub fn verify<'k>(&self, known: &[&'k VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for signature in &self.signatures {
            let is_signer =
                |key: &&&VerifierKey| key.name == signature.name && key.key_id == signature.key_id;
            let mut matching = known.iter().filter(is_signer);
            let Some(key) = matching.next() else {
                continue;
            };
            if matching.any(|other| other != key) {
                return Err(NoteError::AmbiguousKeys { name: key.name.clone() });
            }
            if !key.verify(self.text.as_bytes(), &signature.signature) {
                return Err(NoteError::BadSignature { name: key.name.clone() });
            }
            if !signers.contains(key) {
                signers.push(key);
            }
        }
        if signers.is_empty() { Err(NoteError::NotSigned) } else { Ok(signers) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<NoteSignature> {
        let (name, blob) = line.strip_prefix("— ")?.split_once(' ')?;
        let blob = base64::decode(blob).ok()?;
        let (key_id, signature) = blob.split_first_chunk::<4>()?;
        if !is_name(name) || signature.is_empty() {
            return None;
        }
        let key_id = u32::from_be_bytes(*key_id);
        Some(NoteSignature { name: name.to_owned(), key_id, signature: signature.to_vec() })
    }
}

impl fmt::Display for NoteSignature {
    /// The line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = self.key_id.to_be_bytes().to_vec();
        blob.extend_from_slice(&self.signature);
        write!(f, "— {} {}", self.name, base64::encode(&blob))
    }
}

/// The public half of a key: a name and an Ed25519 key.
///
/// It is written as one line, the C2SP verifier key: `<name>+<key id, 8 hex digits>+<base64 of type and key>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key_id: u32,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// Reads the line that [`Display`](fmt::Display) writes, and nothing else.
    ///
    /// # Errors
    ///
    /// [`NoteError`], when it is not a sound verifier key of Ed25519.
    pub fn parse(line: &str) -> Result<VerifierKey, NoteError> {
        let malformed = NoteError::VerifierKey;
        let mut parts = line.splitn(3, '+');
        let (Some(name), Some(key_id), Some(blob)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed);
        };
        let blob = base64::decode(blob).map_err(|_| malformed.clone())?;
        let (kind, key) = blob.split_first().ok_or(malformed.clone())?;
        if *kind != ED25519 {
            return Err(NoteError::UnsupportedKey { kind: *kind });
        }
        let key = VerifierKey::from_bytes(name, key.try_into().map_err(|_| malformed)?)?;
        if key_id == format!("{:08x}", key.key_id) { Ok(key) } else { Err(NoteError::KeyId) }
    }

    /// The key with this name and these bytes of RFC 8032.
    ///
    /// # Errors
    ///
    /// [`NoteError`], when the name is not one or the bytes are not a point that can be trusted.
    pub fn from_bytes(name: &str, bytes: &[u8; 32]) -> Result<VerifierKey, NoteError> {
        check_name(name)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| NoteError::PublicKey)?;
        // A point has one canonical spelling, and under a point of small order one signature fits many texts.
        if key.is_weak() || key.to_edwards().compress().to_bytes() != *bytes {
            return Err(NoteError::PublicKey);
        }
        Ok(VerifierKey { name: name.to_owned(), key_id: key_id(name, bytes), key })
    }

    /// The name; for the key of a log, its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short identifier: the first four bytes of SHA-256 over name, newline, type and key.
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.key_id, encode_key(self.key.as_bytes()).as_str())
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// The private half of a key. It shows its secret through [`to_secret_string`](SigningKey::to_secret_string)
/// alone, and wipes it from memory when dropped.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: VerifierKey,
}

impl SigningKey {
    /// The key with this name, made from 32 secret bytes, which must come from a good source of randomness.
    ///
    /// # Errors
    ///
    /// [`NoteError::Name`], when it is not the name of a key.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<SigningKey, NoteError> {
        let seed = Zeroizing::new(seed);
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = VerifierKey::from_bytes(name, key.verifying_key().as_bytes())?;
        Ok(SigningKey { key, public })
    }

    /// Reads the line that [`to_secret_string`](SigningKey::to_secret_string) writes, and nothing else.
    ///
    /// # Errors
    ///
    /// [`NoteError`], when it is not a sound private key of Ed25519. The error never shows the line.
    pub fn parse(secret: &str) -> Result<SigningKey, NoteError> {
        let malformed = NoteError::SigningKey;
        let mut parts = secret.strip_prefix(SECRET_PREFIX).ok_or(malformed.clone())?.splitn(3, '+');
        let (Some(name), Some(key_id), Some(blob)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed);
        };
        let blob = Zeroizing::new(base64::decode(blob).map_err(|_| malformed.clone())?);
        let (kind, seed) = blob.split_first().ok_or(malformed.clone())?;
        if *kind != ED25519 {
            return Err(NoteError::UnsupportedKey { kind: *kind });
        }
        let key = SigningKey::from_seed(name, seed.try_into().map_err(|_| malformed)?)?;
        if key_id == format!("{:08x}", key.key_id()) { Ok(key) } else { Err(NoteError::KeyId) }
    }

    /// The key as one line, to be kept secret: `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`. C2SP
    /// leaves this form open; it is the one of Go's `note` package. The text is wiped from memory when it is dropped.
    pub fn to_secret_string(&self) -> Zeroizing<String> {
        let seed = encode_key(self.key.as_bytes());
        let mut line =
            Zeroizing::new(String::with_capacity(SECRET_PREFIX.len() + self.name().len() + seed.len() + 11));
        // Into the room that there is, with one more for a newline: when a text grows, the old place is not wiped.
        for part in [SECRET_PREFIX, self.name(), "+", &format!("{:08x}", self.key_id()), "+", &seed] {
            line.push_str(part);
        }
        line
    }

    /// The key with the same secret and another name. A verifier takes the two for different keys: what one has signed
    /// counts for nothing under the name of the other.
    ///
    /// # Errors
    ///
    /// [`NoteError::Name`], when it is not the name of a key.
    pub fn named(&self, name: &str) -> Result<SigningKey, NoteError> {
        SigningKey::from_seed(name, self.key.to_bytes())
    }

    /// The name; for the key of a log, its origin.
    pub fn name(&self) -> &str {
        &self.public.name
    }

    /// The short identifier, which is that of the public half.
    pub fn key_id(&self) -> u32 {
        self.public.key_id
    }

    /// The public half.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public)
    }
}

/// Checks the name of a key: 1 to [`NAME_BYTES_MAX`] bytes without Unicode spaces, plus signs and control
/// characters.
///
/// # Errors
///
/// [`NoteError::Name`].
pub fn check_name(name: &str) -> Result<(), NoteError> {
    let sound = is_name(name) && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
    if sound { Ok(()) } else { Err(NoteError::Name { name: name.to_owned() }) }
}

/// What the format asks of a name. We ask more of the keys that we trust, but not of unknown signers.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace())
}

/// Checks that a text, or a whole note, ends with a newline and holds no other of the 32 control characters.
fn check_text(text: &str) -> Result<(), NoteError> {
    match text.bytes().position(|byte| byte < b' ' && byte != b'\n') {
        Some(offset) => Err(NoteError::ControlCharacter { offset }),
        None if text.ends_with('\n') => Ok(()),
        None => Err(NoteError::NoNewline),
    }
}

fn key_id(name: &str, key: &[u8; 32]) -> u32 {
    let hash = sha256(&[name.as_bytes(), b"\n", &[ED25519], key].concat());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The base64 of the type of key and its 32 bytes.
fn encode_key(key: &[u8; 32]) -> Zeroizing<String> {
    let bytes = Zeroizing::new([&[ED25519], key.as_slice()].concat());
    Zeroizing::new(base64::encode(&bytes))
}

/// The type byte of Ed25519 (C2SP signed-note, "Signature types").
const ED25519: u8 = 0x01;

const SECRET_PREFIX: &str = "PRIVATE+KEY+";

/// What is wrong with a note or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// More bytes than a note may have.
    #[error("a note of {bytes} bytes, where at most {NOTE_BYTES_MAX} are read")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// Not valid UTF-8.
    #[error("the note is not UTF-8 text")]
    NotText,
    /// A control character, which no note may hold.
    #[error("a control character at byte {offset} of the note")]
    ControlCharacter {
        /// Where it is.
        offset: usize,
    },
    /// The note or its text does not end with a newline.
    #[error("the note does not end with a newline")]
    NoNewline,
    /// There is no empty line with signature lines after it.
    #[error("the note has no signatures")]
    NoSignatures,
    /// More signatures than a note may have.
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A line behind the text is not a signature line in its one spelling.
    #[error("signature line {number} of the note is malformed")]
    SignatureLine {
        /// Which, from 1.
        number: usize,
    },
    /// A known key's signature is not good.
    #[error("the signature of {name} is not good")]
    BadSignature {
        /// The name of the key.
        name: String,
    },
    /// None of the known keys has signed.
    #[error("the note is not signed by a known key")]
    NotSigned,
    /// Two different known keys cannot be told apart.
    #[error("two different keys share the name {name} and their identifier")]
    AmbiguousKeys {
        /// The name of the keys.
        name: String,
    },
    /// Not the name of a key.
    #[error(
        "{name:?} cannot name a key: 1 to {NAME_BYTES_MAX} bytes without spaces, plus signs and control characters"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// Not the one spelling of a verifier key.
    #[error("not a verifier key: it must read <name>+<8 hex digits>+<base64>")]
    VerifierKey,
    /// Not the one spelling of a private key.
    #[error("not a private key: it must read PRIVATE+KEY+<name>+<8 hex digits>+<base64>")]
    SigningKey,
    /// A key of another type than Ed25519.
    #[error("a key of type {kind:#04x}, where only Ed25519 (0x01) is known")]
    UnsupportedKey {
        /// The type byte.
        kind: u8,
    },
    /// The identifier is not that of name and key, or not in lower-case digits.
    #[error("the key's identifier does not belong to its name and its bytes")]
    KeyId,
    /// The bytes of the public key are no point of the curve, not its canonical spelling, or of small order.
    #[error("the public key is not a sound Ed25519 key")]
    PublicKey,
}
