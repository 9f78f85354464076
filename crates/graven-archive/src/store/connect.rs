//! Makes the clients of the stores, with what the tools of each store take their settings from: variables, files that the
//! variables name, and the role of the machine.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::profile::{Profile, Variables};
use crate::error::ArchiveError;

type Client = Result<Arc<dyn ObjectStore>, ArchiveError>;

/// A failed request is tried again by the library for this long. After that the caller decides: the shipper goes on
/// trying, and a command ends.
fn retrying() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(10) }
}

/// Without the library's limit of a request's time, which is the same for an object of any length: [`Objects`] has its own.
///
/// [`Objects`]: super::Objects
fn patient() -> ClientOptions {
    ClientOptions::new().with_timeout_disabled()
}

// The bucket is set last: a variable may name another one.

/// A bucket of S3, or of a store that speaks its protocol.
pub(crate) fn s3(bucket: &str, variables: &Variables) -> Client {
    let mut builder = AmazonS3Builder::new().with_client_options(patient()).with_retry(retrying());
    // Where it is comes from the profile too, but the variables win.
    let profile = Profile::of(variables).map_err(|error| unusable("s3", bucket, error))?;
    if let Some(region) = profile.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = profile.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    for (key, value) in settings::<AmazonS3ConfigKey>(variables, "AWS_", None) {
        builder = builder.with_config(key, value);
    }
    if let Some(files) = profile.credentials {
        builder = builder.with_credentials(Arc::new(files));
    }
    Ok(Arc::new(builder.with_bucket_name(bucket).build().map_err(|error| unusable("s3", bucket, error))?))
}

/// A bucket of Google Cloud Storage.
pub(crate) fn google(bucket: &str, variables: &Variables) -> Client {
    let mut builder = GoogleCloudStorageBuilder::new().with_client_options(patient()).with_retry(retrying());
    for (key, value) in settings::<GoogleConfigKey>(variables, "GOOGLE_", Some("SERVICE_ACCOUNT")) {
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(builder.with_bucket_name(bucket).build().map_err(|error| unusable("gs", bucket, error))?))
}

/// A container of Azure.
pub(crate) fn azure(container: &str, variables: &Variables) -> Client {
    let mut builder = MicrosoftAzureBuilder::new().with_client_options(patient()).with_retry(retrying());
    for (key, value) in settings::<AzureConfigKey>(variables, "AZURE_", Some("IDENTITY_ENDPOINT")) {
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(
        builder.with_container_name(container).build().map_err(|error| unusable("az", container, error))?,
    ))
}

fn unusable(
    scheme: &str,
    bucket: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> ArchiveError {
    ArchiveError::invalid_because(
        format!("cannot use {scheme}://{bucket} with these settings"),
        Box::new(error),
    )
}

/// What of the variables the library knows: those that begin so, and one more.
fn settings<K: FromStr>(
    variables: &Variables,
    begin: &str,
    also: Option<&str>,
) -> impl Iterator<Item = (K, String)> {
    variables.iter().filter_map(move |(name, value)| {
        let meant = name.starts_with(begin) || Some(name.as_str()) == also;
        let key = name.to_ascii_lowercase().parse().ok().filter(|_| meant)?;
        Some((key, value.clone()))
    })
}
