//! For which work an actor holds: a thread-local that is set while the work runs, and put back afterwards.
//!
//! Work that is a future runs a poll at a time, on whatever thread polls it: so the thread-local is set at each poll,
//! and no runtime is needed.

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Actor;

thread_local! {
    /// The actor of what runs on this thread now.
    static CURRENT: RefCell<Option<Actor>> = const { RefCell::new(None) };
}

impl Actor {
    /// The actor of the work at hand: of the innermost `scope` or `enter`. To add to it:
    /// `Actor::current().unwrap_or_default().session_id("s")`.
    pub fn current() -> Option<Actor> {
        // A thread that is ending has none any more.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// Runs a future as this actor, wherever it is polled, on any executor. Within it an inner scope counts alone; it
    /// takes nothing from the outer one.
    ///
    /// What the future spawns is not part of it: see [`carry`](Actor::carry).
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped::new(Some(self.clone()), future)
    }

    /// Calls a function as this actor, on this thread.
    pub fn enter<R>(&self, call: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(Some(self.clone()));
        call()
    }

    /// Makes a future run as the actor of now, wherever it is polled: for what is spawned. Without an actor now, it
    /// runs without one.
    ///
    /// ```
    /// # use graven::Actor;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let task = Actor::new("alice").scope(async {
    ///     tokio::spawn(Actor::carry(async { Actor::current() }))
    /// });
    /// assert_eq!(task.await.await.unwrap(), Some(Actor::new("alice")));
    /// # });
    /// ```
    pub fn carry<F: Future>(future: F) -> Scoped<F> {
        Scoped::new(Actor::current(), future)
    }

    /// Makes a function run as the actor of now, on whatever thread it is called: for threads, and for pools of them.
    ///
    /// ```
    /// # use graven::Actor;
    /// let thread = Actor::new("alice").enter(|| std::thread::spawn(Actor::carry_fn(Actor::current)));
    /// assert_eq!(thread.join().unwrap(), Some(Actor::new("alice")));
    /// ```
    pub fn carry_fn<R>(call: impl FnOnce() -> R) -> impl FnOnce() -> R {
        let actor = Actor::current();
        move || {
            let _entered = Entered::new(actor);
            call()
        }
    }
}

/// Looks at the actor of the work at hand, if there is one.
pub(super) fn with_current(look: impl FnOnce(&Actor)) {
    let _ending = CURRENT.try_with(|current| {
        if let Some(actor) = &*current.borrow() {
            look(actor);
        }
    });
}

pin_project! {
    /// A future that runs as an actor: see [`Actor::scope`]. It is `Send` when the future in it is.
    #[must_use = "a future does nothing before it is polled"]
    #[derive(Debug)]
    pub struct Scoped<F> {
        actor: Option<Actor>,
        // Gone only when this is dropped: what it holds is dropped as the actor, too.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = Entered::new(this.actor.take());
            this.future.set(None);
        }
    }
}

impl<F> Scoped<F> {
    fn new(actor: Option<Actor>, future: F) -> Scoped<F> {
        Scoped { actor, future: Some(future) }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = Entered::new(this.actor.clone());
        this.future.as_pin_mut().expect("it is gone only when this is dropped").poll(context)
    }
}

/// An actor holds on this thread until this is dropped, in a panic too. Then the one before it holds again.
struct Entered {
    before: Option<Actor>,
    /// Not for another thread.
    _here: PhantomData<*const ()>,
}

impl Entered {
    fn new(actor: Option<Actor>) -> Entered {
        Entered { before: exchange(actor), _here: PhantomData }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        drop(exchange(self.before.take()));
    }
}

/// Puts an actor in place; the one that was there. On a thread that is ending there is no place any more.
fn exchange(actor: Option<Actor>) -> Option<Actor> {
    CURRENT.try_with(|current| current.replace(actor)).ok().flatten()
}
