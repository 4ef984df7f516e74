//! Errors of the device: captured by scopes around pipelines and first dispatches, by the handler
//! for everything else, and by the device-lost callback. Nothing here aborts.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use wgpu::{Device, ErrorFilter};

/// A lock that a panic elsewhere cannot make unusable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type ScopeFuture = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;

/// An error scope whose answer has not come yet (browsers answer later).
struct Pending {
    what: String,
    future: ScopeFuture,
}

#[derive(Default)]
struct State {
    seen: BTreeSet<String>,
    first: Option<String>,
    lost: Option<String>,
}

/// Collects the errors of one device.
#[derive(Clone, Default)]
pub(super) struct Faults {
    state: Arc<Mutex<State>>,
    pending: Arc<Mutex<Vec<Pending>>>,
    lost: Arc<AtomicBool>,
}

impl Faults {
    /// Installs the handlers. `wake` asks for a repaint.
    pub(super) fn watch(&self, device: &Device, wake: impl Fn() + Send + Sync + Clone + 'static) {
        let (faults, repaint) = (self.clone(), wake.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            faults.record("device", &error.to_string());
            repaint();
        }));
        let faults = self.clone();
        device.set_device_lost_callback(move |reason, text| {
            faults.lose(format!("{reason:?}: {text}"));
            wake();
        });
    }

    fn lose(&self, why: String) {
        // A device that is dropped in order reports itself lost as well: no error, no log.
        self.lost.store(true, Ordering::Release);
        lock(&self.state).lost.get_or_insert(why);
    }

    /// Whether the device is lost.
    pub(super) fn lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Why the device was lost, or the first error seen.
    pub(super) fn first(&self) -> Option<String> {
        let state = lock(&self.state);
        state
            .lost
            .as_ref()
            .map(|why| format!("the device was lost ({why})"))
            .or_else(|| state.first.clone())
    }

    /// Forgets errors (not the loss of the device), so that the user can try again.
    pub(super) fn forgive(&self) {
        let mut state = lock(&self.state);
        state.first = None;
    }

    fn record(&self, what: &str, text: &str) {
        let message = format!("{what}: {}", text.trim());
        let mut state = lock(&self.state);
        if state.seen.insert(message.clone()) {
            log::error!("GPU error in {message}");
        }
        state.first.get_or_insert(message);
    }

    /// Runs `work` inside scopes for validation errors and lack of memory. An answer that is there
    /// at once (native) is returned; a later one is recorded by [`Faults::poll`].
    pub(super) fn scoped<T>(
        &self,
        device: &Device,
        what: &str,
        work: impl FnOnce() -> T,
    ) -> Result<T, String> {
        let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
        let validation = device.push_error_scope(ErrorFilter::Validation);
        let out = work();
        let answers: [ScopeFuture; 2] = [Box::pin(validation.pop()), Box::pin(memory.pop())];
        let mut problem = None;
        for mut future in answers {
            match future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(None) => {}
                Poll::Ready(Some(error)) => {
                    self.record(what, &error.to_string());
                    problem.get_or_insert(error.to_string());
                }
                Poll::Pending => lock(&self.pending).push(Pending {
                    what: what.to_owned(),
                    future,
                }),
            }
        }
        problem.map_or(Ok(out), Err)
    }

    /// Takes answers of scopes that came since the last call.
    pub(super) fn poll(&self) {
        let waiting = std::mem::take(&mut *lock(&self.pending));
        for mut scope in waiting {
            match scope
                .future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(None) => {}
                Poll::Ready(Some(error)) => self.record(&scope.what, &error.to_string()),
                Poll::Pending => lock(&self.pending).push(scope),
            }
        }
    }
}
