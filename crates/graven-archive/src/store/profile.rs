//! The files that `aws configure` writes: `~/.aws/credentials` and `~/.aws/config`, with a profile for each use.
//!
//! `object_store` does not read them. Here they are read again for each request, so that credentials which another program
//! renews in the file count from then on. No message and no `Debug` has a value of theirs.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use configparser::ini::{Ini, IniDefault};
use graven::disk::OsDisk;
use graven::durable;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

/// Variables by their names, as those of a process.
pub(crate) type Variables = BTreeMap<String, String>;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Variables that say where credentials come from, before any file.
const CREDENTIALS: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE"];

/// Variables that say which region it is, before any file.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Keys of a profile whose credentials another program has to fetch first.
const FETCHED: [&str; 5] =
    ["role_arn", "sso_session", "sso_start_url", "credential_process", "login_session"];

/// What a profile has.
#[derive(Default)]
struct Values(BTreeMap<String, String>);

/// What of a profile counts, beside the variables.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// The region.
    pub(crate) region: Option<String>,
    /// Where the store is, if it is not Amazon's.
    pub(crate) endpoint: Option<String>,
    /// Where the credentials are.
    pub(crate) credentials: Option<SharedFiles>,
}

/// Where a profile is.
#[derive(Debug, Clone)]
pub(crate) struct SharedFiles {
    credentials: PathBuf,
    config: PathBuf,
    profile: String,
    /// Whether somebody has named the profile, so that it must be there.
    named: bool,
}

/// Why the credentials of a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl Profile {
    /// Reads the profile, unless the variables have both credentials and a region.
    pub(crate) fn of(variables: &Variables) -> Result<Profile, Unusable> {
        let has = |names: &[&str]| names.iter().any(|name| variables.contains_key(*name));
        let (credentials, region) = (has(&CREDENTIALS), has(&REGIONS));
        let Some(files) = SharedFiles::of(variables).filter(|_| !(credentials && region)) else {
            return Ok(Profile::default());
        };
        let Some(values) = files.read()? else { return Ok(Profile::default()) };
        let taken = |key: &str| values.get(key).map(str::to_owned);
        let mut profile =
            Profile { region: taken("region"), endpoint: taken("endpoint_url"), credentials: None };
        if !credentials {
            let fetched = FETCHED.into_iter().find(|key| values.get(key).is_some());
            match (values.credential(), fetched) {
                (Some(_), _) => profile.credentials = Some(files),
                (None, Some(key)) => return Err(files.must_be_fetched(key)),
                // The role of the machine has them, perhaps.
                (None, None) => {}
            }
        }
        Ok(profile)
    }
}

impl SharedFiles {
    /// Where the files are: `None` when nothing says so.
    fn of(variables: &Variables) -> Option<SharedFiles> {
        let folder = variables.get("HOME").map(|home| Path::new(home).join(".aws"));
        let file = |variable: &str, name: &str| match (variables.get(variable), &folder) {
            (Some(path), _) => Some(PathBuf::from(path)),
            (None, Some(folder)) => Some(folder.join(name)),
            (None, None) => None,
        };
        let named = variables.get("AWS_PROFILE").filter(|name| !name.is_empty());
        Some(SharedFiles {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
            config: file("AWS_CONFIG_FILE", "config")?,
            profile: named.map_or("default", String::as_str).to_owned(),
            named: named.is_some(),
        })
    }

    /// What the profile has, from both files. `None` when it is in neither, and nobody has named it.
    fn read(&self) -> Result<Option<Values>, Unusable> {
        let in_config = match self.profile.as_str() {
            "default" => self.profile.clone(),
            name => format!("profile {name}"),
        };
        let (mut values, mut found) = (Values::default(), false);
        // What both have, the file of credentials has the last word on.
        for (path, section) in [(&self.config, &in_config), (&self.credentials, &self.profile)] {
            let Some(sections) = read(path)? else { continue };
            let Some(section) = sections.get_map_ref().get(section).cloned() else { continue };
            found = true;
            let set = section.into_iter().filter_map(|(key, value)| Some((key.to_ascii_lowercase(), value?)));
            values.0.extend(set);
        }
        if !found && self.named {
            return Err(Unusable(format!(
                "the profile {} (AWS_PROFILE) is neither in {} nor in {}",
                self.profile,
                self.credentials.display(),
                self.config.display()
            )));
        }
        Ok(found.then_some(values))
    }

    fn must_be_fetched(&self, key: &str) -> Unusable {
        let profile = &self.profile;
        Unusable(format!(
            "the profile {profile} in {} has `{key}` and no keys: fetch them by `aws configure export-credentials \
             --profile {profile} --format env`, and set these variables",
            self.config.display()
        ))
    }

    fn credential(&self) -> Result<AwsCredential, Unusable> {
        let values = self.read()?;
        values.and_then(|values| values.credential()).ok_or_else(|| {
            let (file, profile) = (self.credentials.display(), &self.profile);
            Unusable(format!(
                "{file} has no aws_access_key_id and aws_secret_access_key of the profile {profile}"
            ))
        })
    }
}

impl Values {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn credential(&self) -> Option<AwsCredential> {
        Some(AwsCredential {
            key_id: self.get("aws_access_key_id")?.to_owned(),
            secret_key: self.get("aws_secret_access_key")?.to_owned(),
            token: self.get("aws_session_token").map(str::to_owned),
        })
    }
}

impl CredentialProvider for SharedFiles {
    type Credential = AwsCredential;

    fn get_credential<'this, 'future>(
        &'this self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'future>>
    where
        'this: 'future,
        Self: 'future,
    {
        let unusable = |error: Unusable| object_store::Error::Generic { store: "S3", source: error.into() };
        Box::pin(ready(self.credential().map(Arc::new).map_err(unusable)))
    }
}

/// Reads a file. `None` when it is not there.
fn read(path: &Path) -> Result<Option<Ini>, Unusable> {
    let unusable = |why: String| Unusable(format!("cannot read {}: {why}", path.display()));
    let bytes = match durable::read_at_most(&OsDisk, path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unusable(error.to_string())),
    };
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8".to_owned()))?;
    // As Amazon's own tools read it: a secret may have `#` and `;`, and what is indented belongs to the key above.
    let mut rules = IniDefault::default();
    (rules.case_sensitive, rules.multiline, rules.enable_inline_comments) = (true, true, false);
    let mut sections = Ini::new_from_defaults(rules);
    sections.read(text).map_err(unusable)?;
    Ok(Some(sections))
}
