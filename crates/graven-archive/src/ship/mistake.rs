//! Mistakes that shipping makes on purpose, only with the feature `sim`: the simulator must find each of them.

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "sim"), expect(unreachable_pub, reason = "only the simulator names one"))]
pub enum Mistake {
    /// The next head does not wait for the full tiles under the one before.
    TilesLater,
    /// A head is created before the objects with its entries.
    EntriesLater,
    /// Entries count as shipped once they are in objects, although no head covers them.
    TailsAcknowledge,
    /// A newer epoch of another writer is not looked at.
    EpochsIgnored,
    /// The epochs before are not closed.
    LeftOpen,
    /// Of the epochs before, only the newest is closed.
    OneClosed,
    /// That an epoch is about to be taken is remembered only when it was taken.
    RememberedLate,
    /// A closed segment gets its number before its manifest is there.
    NumberedEarly,
}

/// Which mistake is made. Without the feature: none.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Making {
    #[cfg(feature = "sim")]
    pub(crate) mistake: Option<Mistake>,
}

impl Making {
    /// Whether this one is made.
    pub(super) fn is(self, mistake: Mistake) -> bool {
        #[cfg(feature = "sim")]
        return self.mistake == Some(mistake);
        #[cfg(not(feature = "sim"))]
        {
            // Nothing but the simulator makes one.
            let _ = mistake;
            false
        }
    }
}
