//! The URL of an archive: which store, which bucket, and which prefix in it.
//!
//! Credentials never stand in it: they come from the environment, from files that the environment names, or from the role
//! of the machine, as the tools of each store take them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use graven::disk::{Disk, Kind, OsDisk};
use graven::durable;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use crate::error::ArchiveError;
use crate::store::{Objects, Variables, azure, google, s3};

/// What a URL of an archive begins with.
pub const SCHEMES: [&str; 4] = ["s3://", "gs://", "az://", "file://"];

/// The URL of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A bucket or container, and the prefix in it, without a slash at either end.
    Bucket { kind: Bucket, bucket: String, prefix: String },
    /// A folder, by its whole path.
    Folder(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    S3,
    Google,
    Azure,
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
        let place = Place::parse(text);
        place.map(Address).map_err(|why| ArchiveError::invalid(format!("{}: {why}", shown(text))))
    }

    /// Makes the client of the store. It does not connect yet. A local folder is made if it is not there.
    ///
    /// # Errors
    /// `Invalid` when the environment has settings that do not fit; `Unavailable` when the folder cannot be made.
    pub fn open(&self) -> Result<Objects, ArchiveError> {
        let in_unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        self.open_with(std::env::vars_os().filter_map(in_unicode))
    }

    /// The same, to read: a local folder that is not there is not made.
    ///
    /// # Errors
    /// `NotFound` when there is no such folder; else as [`open`](Address::open).
    pub fn open_to_read(&self) -> Result<Objects, ArchiveError> {
        if let Place::Folder(folder) = &self.0 {
            let there = durable::exists(&OsDisk, folder);
            if !there.map_err(|error| ArchiveError::unavailable(format!("cannot look at {self}"), error))? {
                return Err(ArchiveError::NotFound { address: self.to_string() });
            }
        }
        self.open()
    }

    /// Makes the client of the store with these variables in the place of the environment's: `AWS_ACCESS_KEY_ID`, for
    /// example.
    ///
    /// # Errors
    /// As [`open`](Address::open).
    pub fn open_with(
        &self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Objects, ArchiveError> {
        let variables: Variables = variables.into_iter().collect();
        let (store, prefix) = match &self.0 {
            Place::Folder(folder) => (open_folder(folder)?, String::new()),
            Place::Bucket { kind, bucket, prefix } => {
                let store = match kind {
                    Bucket::S3 => s3(bucket, &variables)?,
                    Bucket::Google => google(bucket, &variables)?,
                    Bucket::Azure => azure(bucket, &variables)?,
                };
                (store, prefix.clone())
            }
        };
        Objects::new(store, prefix, self.to_string())
            .map_err(|error| ArchiveError::unavailable("cannot start threads for requests", error))
    }
}

impl Place {
    fn parse(text: &str) -> Result<Place, String> {
        const KINDS: &str =
            "an archive is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER";
        let (scheme, rest) = text.split_once("://").ok_or(KINDS)?;
        let kind = match scheme {
            "s3" => Bucket::S3,
            "gs" => Bucket::Google,
            "az" => Bucket::Azure,
            "file" => return folder(text, rest).map(Place::Folder),
            _ => return Err(KINDS.to_owned()),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if rest.contains('@') {
            return Err("credentials do not belong in the URL: they come from the environment, a file or the role of the \
                        machine"
                .to_owned());
        }
        if rest.contains(['?', '#']) || bucket.contains(':') {
            return Err("it has a port, `?` or `#`, which an archive's URL does not have; an endpoint comes from the \
                        environment"
                .to_owned());
        }
        if bucket.is_empty() {
            return Err("the bucket is missing".to_owned());
        }
        // What all three kinds allow. The store says the rest.
        let of_bucket = |character: char| character.is_ascii_alphanumeric() || ".-_$".contains(character);
        if !bucket.chars().all(of_bucket) || bucket.chars().all(|character| character == '.') {
            return Err(format!(
                "{bucket:?} is no name of a bucket: it may have letters, digits, `.`, `-` and `_`"
            ));
        }
        let prefix = prefix.trim_end_matches('/');
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        let of_url =
            |character: char| character.is_ascii_graphic() && !"%\\\"<>^`{|}*[]~".contains(character);
        if !prefix.is_empty() && (prefix.split('/').any(odd) || !prefix.chars().all(of_url)) {
            return Err(
                "the prefix has an empty part, `.`, `..`, a blank or a character that stores do not agree on"
                    .to_owned(),
            );
        }
        Ok(Place::Bucket { kind, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// Reads the URL of a folder: `%20` is a blank, and a blank is one too.
fn folder(text: &str, rest: &str) -> Result<PathBuf, String> {
    if !rest.starts_with('/') {
        return Err("a folder is named by its whole path, with three slashes: file:///FOLDER".to_owned());
    }
    if rest.contains(['?', '#']) {
        return Err("a `?` is written as %3F in a URL, and a `#` as %23".to_owned());
    }
    // The library for URLs would leave these out without a word.
    if rest.contains(|character: char| character.is_control() || character == '\\') {
        return Err(
            "it has a control character or a backslash: write them as %0A and %5C, for example".to_owned()
        );
    }
    if rest.trim() != rest {
        return Err("it ends with a blank: write it as %20".to_owned());
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let path = url.to_file_path().map_err(|()| "it names no folder".to_owned())?;
    let text = path.to_str().ok_or("the path is not UTF-8")?;
    if text.contains('\0') {
        return Err("a path has no NUL".to_owned());
    }
    let odd = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if rest.split('/').any(odd) {
        return Err("the path has `.` or `..`: name the folder itself".to_owned());
    }
    Ok(path.components().collect())
}

/// The store in a folder, which is made if it is not there.
fn open_folder(folder: &Path) -> Result<Arc<dyn ObjectStore>, ArchiveError> {
    let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| {
        ArchiveError::unavailable(format!("cannot use the folder {}", folder.display()), error)
    };
    durable::create_dir_all(&OsDisk, folder).map_err(|error| unavailable(error.into()))?;
    let found = OsDisk.metadata(folder).map_err(|error| unavailable(error.into()))?;
    if found.kind != Kind::Dir {
        return Err(ArchiveError::invalid(format!("{} is not a folder: name another one", folder.display())));
    }
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unavailable(error.into()))?;
    Ok(Arc::new(store.with_fsync(true)))
}

/// The text of what may be a URL, for a message: without what stands before an `@`, and without control characters.
fn shown(text: &str) -> String {
    let shown = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) if scheme != "file" => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    };
    shown.escape_debug().to_string()
}

impl FromStr for Address {
    type Err = ArchiveError;

    fn from_str(text: &str) -> Result<Address, ArchiveError> {
        Address::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Folder(folder) => {
                let url = Url::from_file_path(folder).expect("it was read as a whole path");
                f.write_str(url.as_str())
            }
            Place::Bucket { kind, bucket, prefix } => {
                let scheme = match kind {
                    Bucket::S3 => "s3",
                    Bucket::Google => "gs",
                    Bucket::Azure => "az",
                };
                let slash = if prefix.is_empty() { "" } else { "/" };
                write!(f, "{scheme}://{bucket}{slash}{prefix}")
            }
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
            ("file:///srv//archive", "file:///srv/archive"),
            ("file:///srv/an archive", "file:///srv/an%20archive"),
            ("file:///srv/an%20archive", "file:///srv/an%20archive"),
            ("file:///srv/100%25", "file:///srv/100%25"),
            ("file:///srv/a@b", "file:///srv/a@b"),
            ("file:///", "file:///"),
            ("s3://bucket/year=2026/a+b", "s3://bucket/year=2026/a+b"),
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
            ("s3://bucket/./b", "the prefix has"),
            ("s3://bucket//b", "the prefix has"),
            ("s3://bucket/a%2F..%2Fb", "the prefix has"),
            ("s3://bucket/a\\..\\b", "the prefix has"),
            ("s3://bucket/ä", "the prefix has"),
            ("s3://bucket/a\nb", "the prefix has"),
            ("s3://bucket/a#b", "does not have"),
            ("s3://bucket:9000/a", "does not have"),
            ("s3://../a", "no name of a bucket"),
            ("s3://a b/c", "no name of a bucket"),
            ("s3://a%2Fb/c", "no name of a bucket"),
            ("S3://bucket", "an archive is s3://"),
            ("file://localhost/folder", "whole path"),
            ("file:///a/../b", "name the folder itself"),
            ("file:///a/%2e%2e/b", "name the folder itself"),
            ("file:///a?b", "%3F"),
            ("file:///a\nb", "control character"),
            ("file:///a\\b", "backslash"),
            ("file:///a%00b", "NUL"),
            ("file:///a%ffb", "UTF-8"),
            ("file:///a ", "%20"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
