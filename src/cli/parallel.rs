//! Many runs on all cores, with their results in order.

use crate::core::Result;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Threads to use: what was asked for, or one per core.
pub(super) fn threads(wanted: Option<usize>) -> usize {
    wanted
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1)
        .max(1)
}

/// Applies `work` to every item on several threads and hands the results to `take` in the order
/// of the items, however the threads finish.
///
/// # Errors
/// The first of `take`; no further item is begun then.
pub(super) fn in_order<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(usize, R) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            let sender = sender.clone();
            let (next, stop, work) = (&next, &stop, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(i) else {
                        break;
                    };
                    // Nobody listens any more after an error.
                    if sender.send((i, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (i, result) in receiver {
            early.insert(i, result);
            while let Some(result) = early.remove(&due) {
                if let Err(error) = take(due, result) {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                due += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Error;

    #[test]
    fn results_come_in_order_from_any_number_of_threads() {
        let items: Vec<u64> = (0..50).collect();
        for threads in [1, 3, 8] {
            let mut got = Vec::new();
            let slow_first = |i: &u64| {
                std::thread::sleep(std::time::Duration::from_micros(500 / (i + 1)));
                i * i
            };
            in_order(&items, threads, slow_first, |i, r| {
                got.push((i as u64, r));
                Ok(())
            })
            .unwrap();
            let want: Vec<(u64, u64)> = items.iter().map(|i| (*i, i * i)).collect();
            assert_eq!(got, want, "{threads} threads");
        }
    }

    #[test]
    fn an_error_of_the_taker_ends_it() {
        let items = [1, 2, 3];
        let result = in_order(
            &items,
            2,
            |i| *i,
            |_, _| Err(Error::Stuck("full".to_owned())),
        );
        assert!(result.is_err());
    }
}
