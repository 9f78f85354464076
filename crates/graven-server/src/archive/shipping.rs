//! Ships one trail, from when it is opened until the server ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use graven::Category;
use graven::reader::Reader;
use graven_archive::{Address, ArchiveError, ShipOptions, Shipper, State, Status};
use tokio::sync::watch;
use tokio::time::Instant;

use super::standing::{FencedBy, Lag};
use super::{Doubt, Phase, Standing};
use crate::name::TrailName;
use crate::settings::ArchiveSettings;

/// The archive of one trail.
///
/// It follows the files of the trail, so it goes on when the writer is opened again after a failure.
#[derive(Debug)]
pub(crate) struct Archive {
    address: Address,
    options: ShipOptions,
    required: bool,
    patience: Duration,
    required_for: Vec<Category>,
    reader: Reader,
    /// None until it could be started: the folder of an archive may be away.
    shipper: watch::Sender<Option<Arc<Shipper>>>,
    /// Why it could not be started.
    cannot_start: Mutex<Option<String>>,
    began: Instant,
    /// Why nothing more is shipped.
    ended: OnceLock<Doubt>,
    /// Whether entries wait for long.
    is_behind: AtomicBool,
}

impl Archive {
    /// The archive of a trail, if there is to be one. Nothing is shipped before [`start`](Archive::start).
    pub(crate) fn of(settings: &ArchiveSettings, trail: &TrailName, reader: &Reader) -> Option<Archive> {
        let url = settings.url.as_ref()?;
        // A prefix has one chain of trails: each trail has its own, also when there is only one. Names of trails are such that
        // the address stays one.
        let address = Address::parse(&format!("{}/{trail}", url.trim_end_matches('/'))).ok()?;
        let name = settings.name.clone();
        let mut options = ShipOptions::new(name.unwrap_or_else(machine_name));
        (options.every, options.gc) = (settings.every, settings.gc);
        Some(Archive {
            address,
            options,
            required: settings.required,
            patience: settings.patience,
            required_for: settings.required_for.clone(),
            reader: reader.clone(),
            shipper: watch::Sender::new(None),
            cannot_start: Mutex::default(),
            began: Instant::now(),
            ended: OnceLock::new(),
            is_behind: AtomicBool::new(false),
        })
    }

    /// The address, with the name of the trail.
    pub(crate) fn url(&self) -> String {
        self.address.to_string()
    }

    /// After this time entries wait for too long; as long as they are to wait for others, they do not.
    pub(crate) fn patience(&self) -> Duration {
        self.patience + self.options.every
    }

    /// Starts to ship. May wait for the disk.
    ///
    /// # Errors
    /// When that cannot be done now.
    pub(crate) fn start(&self) -> Result<Arc<Shipper>, ArchiveError> {
        match Shipper::start(self.reader.clone(), &self.address, self.options.clone()) {
            Ok(shipper) => {
                let shipper = Arc::new(shipper);
                self.shipper.send_replace(Some(Arc::clone(&shipper)));
                Ok(shipper)
            }
            Err(error) => {
                *self.cannot_start.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// Notes that nothing more is shipped.
    pub(crate) fn end(&self, why: Doubt) {
        // The first reason stays.
        let _ = self.ended.set(why);
    }

    /// Notes whether entries wait for too long.
    pub(crate) fn set_behind(&self, is_behind: bool) {
        self.is_behind.store(is_behind, Ordering::Relaxed);
    }

    /// Whether entries of a category are answered only when they are in the archive.
    pub(crate) fn is_required_for(&self, category: &Category) -> bool {
        self.required_for.contains(category)
    }

    /// Why the trail takes no entries, if it does not because of its archive.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        self.ended.get().filter(|_| self.required).map(|why| why.words())
    }

    /// What is not as it should be.
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        let behind = || self.is_behind.load(Ordering::Relaxed).then_some(Doubt::Behind);
        self.ended.get().copied().or_else(behind)
    }

    /// How it stands. Looks at the files of the trail.
    pub(crate) fn standing(&self) -> Standing {
        let shipper = self.shipper.borrow().clone();
        let url = self.url();
        let Some(shipper) = shipper else {
            let error = self.cannot_start.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let entries = self.reader.durable_len().ok().flatten().unwrap_or(0);
            let lag = Lag { entries, bytes: 0, seconds: self.began.elapsed().as_secs_f64() };
            let state = if error.is_some() { Phase::Failing } else { Phase::Starting };
            return Standing { url, state, epoch: None, entries: 0, lag, error, fenced: None };
        };
        let Status { state, epoch, shipped, lag, .. } = shipper.status();
        let (state, error, fenced) = match state {
            State::Starting => (Phase::Starting, None, None),
            State::Shipping => (Phase::Shipping, None, None),
            State::Failing { error, .. } => (Phase::Failing, Some(error.to_string()), None),
            State::Fenced(by) => {
                let by = FencedBy { other: by.other, first_differing: by.first_differing };
                (Phase::Fenced, None, Some(by))
            }
            State::Refused(error) => (Phase::Refused, Some(error.to_string()), None),
            // Others that there may be are ends too.
            _ => (Phase::Stopped, None, None),
        };
        let lag = Lag { entries: lag.entries, bytes: lag.bytes, seconds: lag.time.as_secs_f64() };
        Standing { url, state, epoch, entries: shipped, lag, error, fenced }
    }

    /// Waits until an entry is in the archive, under a head that this server has created there. `false` when it will never
    /// be. A client that goes away ends the waiting.
    pub(crate) async fn has(&self, index: u64) -> bool {
        let mut shipper = self.shipper.subscribe();
        let shipper = shipper.wait_for(Option::is_some).await.ok().and_then(|shipper| shipper.clone());
        match shipper {
            Some(shipper) => shipper.shipped(index).await.is_ok(),
            None => false,
        }
    }

    /// Asks it to ship what is sealed, and to end.
    pub(crate) fn end_soon(&self) {
        if let Some(shipper) = &*self.shipper.borrow() {
            shipper.end_soon();
        }
    }

    /// Waits until it has ended.
    pub(crate) async fn has_ended(&self) {
        let shipper = self.shipper.borrow().clone();
        if let Some(shipper) = shipper {
            // There is no such entry, so this ends with the shipper.
            let _ = shipper.shipped(u64::MAX).await;
        }
    }
}

/// The name of the machine, as it calls itself.
fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
