//! Who may do what: tokens, roles, and the caller that a token stands for.
//!
//! Everything is denied that no token allows. A token has one [`Role`], and may be limited to some trails and to some
//! categories of entries. It is kept as its SHA-256 only.

mod caller;
mod error;
mod file;
mod grant;
mod known;
mod link;
mod role;
mod secret;
mod sessions;
mod tokens;
mod usage;

pub use caller::{Caller, Forbidden, Login, Scope};
pub use error::{AuthError, Refused};
pub(crate) use file::{CERTIFICATE, JWT, USER};
pub use file::{NAME_BYTES_MAX, NewToken, TOKENS_MAX, Token};
pub use grant::Grant;
pub use link::LoginCode;
pub use role::{BadRole, Right, Role};
pub use secret::{PREFIX, Secret};
pub(crate) use sessions::OpenSession;
pub use sessions::Sessions;
pub use tokens::{Listed, Made, Tokens};
