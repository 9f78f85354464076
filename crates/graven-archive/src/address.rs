//! The URL of an archive: which store, which bucket, and which prefix in it.
//!
//! Credentials never stand in it: they come from the environment, from files that the environment names, or from the role
//! of the machine, as the tools of each store take them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use url::Url;

use crate::error::ArchiveError;
use crate::store::Objects;
use crate::store::retrying;

/// What a URL of an archive begins with.
pub const SCHEMES: [&str; 4] = ["s3://", "gs://", "az://", "file://"];

/// The URL of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    scheme: Scheme,
    /// The bucket or container; empty for a folder.
    bucket: String,
    /// The prefix, without a slash at either end; the whole path for a folder.
    prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    S3,
    Google,
    Azure,
    Folder,
}

impl Address {
    /// Whether a text is meant as such a URL.
    pub fn is_meant(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// `Invalid` when it is none of the four kinds, or has what an address of an archive does not have.
    pub fn parse(text: &str) -> Result<Address, ArchiveError> {
        let invalid = |why: &str| ArchiveError::invalid(format!("{}: {why}", without_password(text)));
        let Some(scheme) = SCHEMES.iter().find(|scheme| text.starts_with(**scheme)) else {
            return Err(invalid(
                "an archive is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER",
            ));
        };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                "credentials do not belong in the URL: they come from the environment, a file or the role of the machine",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() || url.port().is_some() {
            return Err(invalid(
                "it has a port, `?` or `#`, which an archive's URL does not have; an endpoint comes from the environment",
            ));
        }
        let rest = &text[scheme.len()..];
        let (bucket, prefix) = match *scheme {
            "file://" => ("", rest),
            _ => rest.split_once('/').unwrap_or((rest, "")),
        };
        let scheme = match *scheme {
            "s3://" => Scheme::S3,
            "gs://" => Scheme::Google,
            "az://" => Scheme::Azure,
            _ => Scheme::Folder,
        };
        if scheme == Scheme::Folder && !rest.starts_with('/') {
            return Err(invalid("a folder is named by its whole path, with three slashes: file:///FOLDER"));
        }
        if scheme != Scheme::Folder && bucket.is_empty() {
            return Err(invalid("the bucket is missing"));
        }
        let prefix = prefix.trim_matches('/');
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        let of_url = |character: char| character.is_ascii_graphic() && !"%\\\"<>^`{|}*[]".contains(character);
        if !prefix.is_empty() && (prefix.split('/').any(odd) || !prefix.chars().all(of_url)) {
            return Err(invalid(
                "the prefix has an empty part, `.`, `..`, a blank or a character that stores do not agree on",
            ));
        }
        Ok(Address { scheme, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Makes the client of the store. It does not connect yet. A local folder is made if it is not there.
    ///
    /// # Errors
    /// `Invalid` when the environment has settings that do not fit; `Unavailable` when the folder cannot be made.
    pub fn open(&self) -> Result<Objects, ArchiveError> {
        let (store, prefix) = match self.scheme {
            Scheme::Folder => (self.folder()?, String::new()),
            _ => (
                self.client()
                    .map_err(|error| ArchiveError::invalid_because(format!("cannot use {self}"), error))?,
                self.prefix.clone(),
            ),
        };
        Objects::new(store, prefix, self.to_string())
            .map_err(|error| ArchiveError::unavailable("cannot start threads for requests", error))
    }

    /// The same, to read: a local folder that is not there is not made.
    ///
    /// # Errors
    /// `NotFound` when there is no such folder; else as [`open`](Address::open).
    pub fn open_to_read(&self) -> Result<Objects, ArchiveError> {
        if self.scheme == Scheme::Folder {
            let folder = std::path::Path::new("/").join(&self.prefix);
            let there = graven::durable::exists(&graven::disk::OsDisk, &folder);
            if !there.map_err(|error| ArchiveError::unavailable(format!("cannot look at {self}"), error))? {
                return Err(ArchiveError::NotFound { address: self.to_string() });
            }
        }
        self.open()
    }

    fn folder(&self) -> Result<Arc<dyn ObjectStore>, ArchiveError> {
        let folder = std::path::Path::new("/").join(&self.prefix);
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| {
            ArchiveError::unavailable(format!("cannot use the folder {}", folder.display()), error)
        };
        graven::durable::create_dir_all(&graven::disk::OsDisk, &folder)
            .map_err(|error| unavailable(error.into()))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| unavailable(error.into()))?;
        Ok(Arc::new(store.with_fsync(true)))
    }

    fn client(&self) -> object_store::Result<Arc<dyn ObjectStore>> {
        let (bucket, retry) = (self.bucket.as_str(), retrying());
        Ok(match self.scheme {
            Scheme::S3 => {
                Arc::new(AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).build()?)
            }
            Scheme::Google => Arc::new(
                GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry).build()?,
            ),
            _ => Arc::new(
                MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(retry).build()?,
            ),
        })
    }
}

/// The text of what may be a URL, for a message: without what stands before an `@`.
fn without_password(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

impl FromStr for Address {
    type Err = ArchiveError;

    fn from_str(text: &str) -> Result<Address, ArchiveError> {
        Address::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::S3 => "s3",
            Scheme::Google => "gs",
            Scheme::Azure => "az",
            Scheme::Folder => "file",
        };
        match (self.bucket.as_str(), self.prefix.as_str()) {
            ("", prefix) => write!(f, "{scheme}:///{prefix}"),
            (bucket, "") => write!(f, "{scheme}://{bucket}"),
            (bucket, prefix) => write!(f, "{scheme}://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_read_and_printed() {
        for (text, printed) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("gs://bucket/a", "gs://bucket/a"),
            ("az://container/a", "az://container/a"),
            ("file:///srv/archive/", "file:///srv/archive"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for (text, why) in [
            ("https://bucket/a", "an archive is s3://"),
            ("s3://", "bucket is missing"),
            ("s3:///a", "bucket is missing"),
            ("file://folder", "whole path"),
            ("s3://key:secret@bucket/a", "credentials do not belong"),
            ("s3://bucket/a?x=1", "does not have"),
            ("s3://bucket/a/../b", "the prefix has"),
            ("s3://bucket/a//b", "the prefix has"),
            ("s3://bucket/a b", "the prefix has"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
