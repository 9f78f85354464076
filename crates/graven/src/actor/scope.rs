//! Which work an actor holds for: a thread-local that is set while the work runs, and restored afterwards.
//!
//! A future may be polled on a different thread each time, so the thread-local is set at each poll. No runtime is
//! needed.

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Actor;

thread_local! {
    /// The current actor of this thread.
    static CURRENT: RefCell<Option<Actor>> = const { RefCell::new(None) };
}

impl Actor {
    /// The current actor: that of the innermost `scope` or `enter`. To add to it:
    /// `Actor::current().unwrap_or_default().session_id("s")`.
    pub fn current() -> Option<Actor> {
        // A thread that is ending has none.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// Runs a future as this actor, on any executor and any thread. An inner scope replaces the outer one and takes
    /// nothing from it.
    ///
    /// Tasks that the future spawns do not have this actor: see [`carry`](Actor::carry).
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped::new(Some(self.clone()), future)
    }

    /// Calls a function as this actor, on this thread.
    pub fn enter<R>(&self, call: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(Some(self.clone()));
        call()
    }

    /// Makes a future run as the current actor, on any thread. Use it for tasks that are spawned. Without a current
    /// actor the future runs without one.
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

    /// Makes a function run as the current actor, on any thread. Use it for threads and thread pools.
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

/// Looks at the current actor, if there is one.
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
        // `None` only once this is dropped: the future is dropped as the actor, too.
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

/// Sets the actor of this thread until this is dropped, also by a panic. Then the actor before it holds again.
struct Entered {
    before: Option<Actor>,
    /// Keeps this on its thread: it is not `Send`.
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

/// Sets the current actor; returns the one before. On a thread that is ending it does nothing.
fn exchange(actor: Option<Actor>) -> Option<Actor> {
    CURRENT.try_with(|current| current.replace(actor)).ok().flatten()
}
