//! `graven serve`: one audit trail for programs in any language, over HTTP.
