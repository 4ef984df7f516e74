//! The native side: file dialogs, the file system and the environment.

use super::{MirrorAction, MirrorNode, Reader};
use crate::core::{Error, Result};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
#[cfg(feature = "app")]
use {
    crate::core::Reading,
    std::io::{Read as _, Seek as _, SeekFrom},
};

type Waker = Box<dyn Fn() + Send + Sync>;

/// What arrived from elsewhere and waits to be taken.
#[derive(Default)]
struct Inbox {
    files: Vec<(String, Vec<u8>)>,
    problems: Vec<Error>,
    #[cfg(feature = "app")]
    reader: Option<Reader>,
    waker: Option<Waker>,
}

static INBOX: Mutex<Inbox> = Mutex::new(Inbox {
    files: Vec::new(),
    problems: Vec::new(),
    #[cfg(feature = "app")]
    reader: None,
    waker: None,
});

fn inbox() -> MutexGuard<'static, Inbox> {
    // A queue of finished items is whole at every moment, also after a panic elsewhere.
    INBOX.lock().unwrap_or_else(PoisonError::into_inner)
}

fn arrived(change: impl FnOnce(&mut Inbox)) {
    let mut inbox = inbox();
    change(&mut inbox);
    if let Some(wake) = &inbox.waker {
        wake();
    }
}

fn io_error(path: &Path, error: &std::io::Error) -> Error {
    Error::Io {
        path: path.display().to_string(),
        problem: error.to_string(),
    }
}

#[cfg(feature = "app")]
fn name_of(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one clock of the native program"
)]
pub(super) fn now_secs() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    now.duration_since(*START.get_or_init(|| now)).as_secs_f64()
}

pub(super) fn whole() -> bool {
    true
}

pub(super) fn arrive() {}

pub(super) fn set_waker(wake: Waker) {
    inbox().waker = Some(wake);
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads files"
)]
pub(super) fn read_path(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| io_error(path, &e))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that writes files"
)]
pub(super) fn write_path(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| io_error(path, &e))
}

#[cfg(feature = "app")]
fn open(path: &Path) {
    match bytes_of(path) {
        Ok(bytes) => arrived(|inbox| inbox.files.push((name_of(path), bytes))),
        Err(error) => arrived(|inbox| inbox.problems.push(error)),
    }
}

/// Reads a file, or those parts of it that the reader asks for.
#[cfg(feature = "app")]
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let Some(reader) = inbox().reader else {
        return read_path(path);
    };
    let fail = |error: std::io::Error| io_error(path, &error);
    let mut file = std::fs::File::open(path).map_err(fail)?;
    let total = file.metadata().map_err(fail)?.len();
    let mut part = |[from, to]: [u64; 2], into: &mut Vec<u8>| -> Result<()> {
        let before = into.len();
        into.resize(before + (to - from) as usize, 0);
        file.seek(SeekFrom::Start(from)).map_err(fail)?;
        file.read_exact(&mut into[before..]).map_err(fail)
    };
    let mut start = Vec::new();
    loop {
        match reader(&name_of(path), total, &start)? {
            Reading::Start(n) if n > start.len() as u64 => {
                let known = start.len() as u64;
                part([known, n], &mut start)?;
            }
            Reading::Start(_) => {
                let problem = "its beginning is asked for again and again".to_owned();
                return Err(Error::Stuck(problem));
            }
            Reading::Parts { mut head, parts } => {
                for range in parts {
                    part(range, &mut head)?;
                }
                return Ok(head);
            }
        }
    }
}

#[cfg(feature = "app")]
pub(super) fn set_reader(reader: Reader) {
    inbox().reader = Some(reader);
}

/// Without the window no files are brought.
#[cfg(not(feature = "app"))]
pub(super) fn set_reader(_reader: Reader) {}

/// A dialog runs beside the window, so that the picture goes on meanwhile.
#[cfg(feature = "app")]
#[expect(
    clippy::disallowed_methods,
    reason = "a native file dialog waits for its user; the page has its own way"
)]
fn beside(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work);
}

#[cfg(feature = "app")]
pub(super) fn save_file(name: &str, bytes: &[u8]) {
    let name = name.to_owned();
    let bytes = bytes.to_vec();
    beside(move || {
        let dialog = rfd::AsyncFileDialog::new().set_file_name(&name).save_file();
        if let Some(file) = pollster::block_on(dialog)
            && let Err(error) = write_path(file.path(), &bytes)
        {
            arrived(|inbox| inbox.problems.push(error));
        }
    });
}

#[cfg(not(feature = "app"))]
pub(super) fn save_file(name: &str, bytes: &[u8]) {
    if let Err(error) = write_path(Path::new(name), bytes) {
        arrived(|inbox| inbox.problems.push(error));
    }
}

pub(super) fn copy_text(_text: &str) -> bool {
    false
}

pub(super) fn take_refused_copy() -> Option<String> {
    None
}

#[cfg(feature = "app")]
pub(super) fn pick_files() {
    beside(|| {
        let dialog = rfd::AsyncFileDialog::new().pick_files();
        for file in pollster::block_on(dialog).unwrap_or_default() {
            open(file.path());
        }
    });
}

#[cfg(not(feature = "app"))]
pub(super) fn pick_files() {
    arrived(|inbox| {
        inbox
            .problems
            .push(Error::Unsupported("a file dialog".to_owned()));
    });
}

pub(super) fn take_files() -> Vec<(String, Vec<u8>)> {
    std::mem::take(&mut inbox().files)
}

pub(super) fn take_problems() -> Vec<Error> {
    std::mem::take(&mut inbox().problems)
}

#[cfg(feature = "app")]
pub(super) fn read_dropped(file: &egui::DroppedFileHandle) {
    let path = file.path();
    if path.is_absolute() {
        return open(path);
    }
    match file.bytes() {
        Ok(bytes) => arrived(|inbox| inbox.files.push((name_of(path), bytes))),
        Err(_) => open(path),
    }
}

pub(super) fn page_address() -> String {
    String::new()
}

pub(super) fn hash() -> String {
    String::new()
}

pub(super) fn set_hash(_hash: &str, _push: bool) {}

pub(super) fn take_hash_change() -> Option<String> {
    None
}

pub(super) fn set_title(_title: &str) {}

pub(super) fn query(key: &str) -> Option<String> {
    let value = std::env::var(format!("SCHEDLAB_{}", key.to_uppercase())).ok()?;
    Some(if value.is_empty() {
        "1".to_owned()
    } else {
        value
    })
}

pub(super) fn store(_key: &str, _value: &str) -> bool {
    true
}

pub(super) fn prefers_reduced_motion() -> bool {
    false
}

pub(super) fn frame_drawn() {}

pub(super) fn set_device_killer(_kill: Box<dyn Fn()>) {}

pub(super) fn report_device_lost(reason: &str) {
    log::warn!("the graphics device was lost: {reason}");
}

pub(super) fn mirror(_nodes: Vec<MirrorNode>, _focus: Option<u64>) {}

pub(super) fn take_mirror_actions() -> Vec<MirrorAction> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named_in_the_error() {
        let error = read_path(Path::new("/nowhere/trace.csv")).unwrap_err();
        assert!(error.to_string().contains("trace.csv"), "{error}");
    }

    #[test]
    fn opened_files_wait_in_the_queue_and_wake_the_window() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two lines.csv");
        write_path(&path, b"a\nb\n").unwrap();
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        set_waker(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        open(&path);
        open(Path::new("/nowhere/else.csv"));
        assert_eq!(
            take_files(),
            vec![("two lines.csv".to_owned(), b"a\nb\n".to_vec())],
            "the file that can be read"
        );
        assert_eq!(take_problems().len(), 1, "the file that cannot be read");
        assert_eq!(woken.load(Ordering::SeqCst), 2, "one wake per arrival");
    }

    #[test]
    fn the_clock_does_not_run_backwards() {
        let first = now_secs();
        assert!(now_secs() >= first, "the clock ran backwards");
    }
}
