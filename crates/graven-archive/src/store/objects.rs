//! A bucket of S3, Google Cloud Storage or Azure, or a local folder, by the library `object_store`.
//!
//! The library is asynchronous. Its requests run on threads of their own here, and the caller waits for the answer: so the
//! caller may be any thread, also one of another runtime.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::{Builder, Runtime};

use super::answer::{Answer, NoAnswer, kind_without_answer};
use super::{Created, Listed, Store, StoreError, StoreErrorKind};

/// How many requests run at once.
const REQUESTS_MAX: usize = 16;

/// How long a request with a short body may take, with all its attempts.
const REQUEST: Duration = Duration::from_secs(30);

/// A longer body has the time that it takes at this rate, too.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 << 10;

/// A bucket, or a local folder.
#[derive(Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// What all names begin with.
    prefix: String,
    /// How the bucket is called in messages: the URL, without a slash at its end.
    url: String,
    /// Whether it is known that the bucket is there. A store does not say so when it is asked for a length.
    bucket_seen: AtomicBool,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Objects {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: String, url: String) -> std::io::Result<Objects> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("graven-archive")
            .enable_all()
            .build()?;
        Ok(Objects { store, prefix, url, bucket_seen: AtomicBool::new(false), runtime: Some(runtime) })
    }

    /// The whole name of an object in the bucket.
    fn path(&self, name: &str) -> Result<Path, object_store::path::Error> {
        match (self.prefix.is_empty(), name.is_empty()) {
            (true, _) => Path::parse(name),
            (false, true) => Path::parse(&self.prefix),
            (false, false) => Path::parse(format!("{}/{name}", self.prefix)),
        }
    }

    /// Runs a request, and waits for its answer.
    fn run<T: Send + 'static>(&self, request: impl Future<Output = T> + Send + 'static) -> T {
        let (answer, wait) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().expect("it is there until it is dropped");
        runtime.spawn(async move {
            // Nobody waits for it any more only when the caller has panicked.
            let _ = answer.send(request.await);
        });
        wait.recv().expect("the request runs to its end")
    }

    fn failed(&self, what: &'static str, name: &str, error: object_store::Error) -> StoreError {
        let (kind, source) = match (Answer::of(&error), NoAnswer::of(&error)) {
            (Some(answer), _) => (answer.kind(), Box::from(answer)),
            (None, Some(silence)) => (StoreErrorKind::Unavailable, Box::from(silence)),
            (None, None) => (kind_without_answer(&error), Box::from(error)),
        };
        StoreError { kind, what, name: self.address(name), source }
    }

    /// An error of a request for which no object has to be there: what is missing is the bucket, then.
    fn failed_without_object(
        &self,
        what: &'static str,
        name: &str,
        error: object_store::Error,
    ) -> StoreError {
        let error = self.failed(what, name, error);
        let kind = if error.kind == StoreErrorKind::NotFound { StoreErrorKind::Refused } else { error.kind };
        StoreError { kind, ..error }
    }

    /// Runs several requests, some at a time. The answers are in their order.
    fn run_all<I, T, F>(
        &self,
        asked: Vec<I>,
        request: impl Fn(Arc<dyn ObjectStore>, I) -> F + Send + 'static,
    ) -> Vec<T>
    where
        I: Send + 'static,
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        self.run(async move {
            let requests = asked.into_iter().map(|asked| request(Arc::clone(&store), asked));
            stream::iter(requests.collect::<Vec<_>>()).buffered(REQUESTS_MAX).collect().await
        })
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // Also within another runtime, where waiting for the threads would panic.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits for a request whose body, or whose answer's body, has this length.
async fn within<T>(
    bytes: u64,
    request: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    let patience = REQUEST + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
    tokio::time::timeout(patience, request).await.unwrap_or_else(|_| {
        let source = format!("no answer within {} s", patience.as_secs()).into();
        Err(object_store::Error::Generic { store: "archive", source })
    })
}

/// Creates an object, only if there is none.
async fn create(store: Arc<dyn ObjectStore>, path: Path, bytes: Bytes) -> object_store::Result<Created> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let length = bytes.len() as u64;
    match within(length, store.put_opts(&path, PutPayload::from(bytes), options)).await {
        Ok(_) => Ok(Created::New),
        // Some stores call the failed condition by this name.
        Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
            Ok(Created::Exists)
        }
        Err(error) => Err(error),
    }
}

impl Store for Objects {
    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, StoreError> {
        self.create_all(vec![(name.to_owned(), bytes)]).remove(0)
    }

    fn create_all(&self, objects: Vec<(String, Bytes)>) -> Vec<Result<Created, StoreError>> {
        let names: Vec<String> = objects.iter().map(|(name, _)| name.clone()).collect();
        let objects = objects.into_iter().map(|(name, bytes)| (self.path(&name), bytes)).collect();
        let answers: Vec<object_store::Result<Created>> =
            self.run_all(objects, |store, (path, bytes)| async move { create(store, path?, bytes).await });
        let failed = |(name, answer): (&String, object_store::Result<Created>)| {
            answer.map_err(|error| self.failed_without_object("cannot create", name, error))
        };
        names.iter().zip(answers).map(failed).collect()
    }

    fn replace(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        let replaced: object_store::Result<()> =
            self.run(
                async move { within(bytes.len() as u64, store.put(&path?, bytes.into())).await.map(|_| ()) },
            );
        replaced.map_err(|error| self.failed_without_object("cannot replace", name, error))
    }

    fn read(&self, name: &str) -> Result<Bytes, StoreError> {
        self.read_all(vec![name.to_owned()]).remove(0)
    }

    fn read_all(&self, names: Vec<String>) -> Vec<Result<Bytes, StoreError>> {
        let paths = names.iter().map(|name| self.path(name)).collect();
        let answers: Vec<object_store::Result<Bytes>> =
            self.run_all(paths, |store, path: Result<Path, _>| async move {
                let found = within(0, store.get(&path?)).await?;
                within(found.meta.size, found.bytes()).await
            });
        let failed = |(name, answer): (&String, object_store::Result<Bytes>)| {
            answer.map_err(|error| self.failed("cannot read", name, error))
        };
        names.iter().zip(answers).map(failed).collect()
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        let read: object_store::Result<Bytes> = self.run(async move {
            let length = range.end.saturating_sub(range.start);
            within(length, store.get_range(&path?, range)).await
        });
        read.map_err(|error| self.failed("cannot read", name, error))
    }

    fn bytes(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        let bucket_seen = self.bucket_seen.load(Ordering::Relaxed);
        let found: object_store::Result<u64> = self.run(async move {
            let path = path?;
            match within(0, store.head(&path)).await {
                // Of a missing object and of a missing bucket the head is the same. Only a whole answer says which it is.
                Err(object_store::Error::NotFound { .. }) if !bucket_seen => {
                    Ok(within(0, store.get(&path)).await?.meta.size)
                }
                found => Ok(found?.size),
            }
        });
        let bytes = super::if_there(found.map_err(|error| self.failed("cannot look at", name, error)))?;
        self.bucket_seen.store(true, Ordering::Relaxed);
        Ok(bytes)
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StoreError> {
        let (store, path) = (Arc::clone(&self.store), self.path(folder));
        let prefix = self.prefix.clone();
        let listed: object_store::Result<Vec<Listed>> = self.run(async move {
            let path = path?;
            let names = store.list(Some(&path)).map_ok(move |found| {
                let whole = found.location.as_ref();
                let name = whole.strip_prefix(&prefix).unwrap_or(whole).trim_start_matches('/');
                Listed { name: name.to_owned(), bytes: found.size }
            });
            names.try_collect().await
        });
        listed.map_err(|error| self.failed_without_object("cannot list", folder, error))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        let removed: object_store::Result<()> =
            self.run(async move { within(0, store.delete(&path?)).await });
        super::if_there(removed.map_err(|error| self.failed("cannot remove", name, error))).map(|_| ())
    }

    fn address(&self, name: &str) -> String {
        if name.is_empty() { self.url.clone() } else { format!("{}/{name}", self.url) }
    }
}
