//! The page's side: browser interfaces, and the exported functions that `boot.js` calls.

mod dom;
#[cfg(feature = "app")]
mod start;

use super::{MirrorAction, MirrorNode};
use crate::core::{Error, Reading, Result};
use js_sys::{Array, Function, Reflect, Uint8Array};
use std::cell::RefCell;
use std::path::Path;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, BlobPropertyBag, File, HtmlAnchorElement, HtmlInputElement, Url, Window};

#[cfg(feature = "app")]
pub use start::{snapshot_json, start, start_page, stop};

/// What arrived from the browser and waits to be taken.
#[derive(Default)]
struct Inbox {
    files: Vec<(String, Vec<u8>)>,
    problems: Vec<Error>,
    reader: Option<super::Reader>,
    refused_copy: Option<String>,
    hash: Option<String>,
    waker: Option<Box<dyn Fn() + Send + Sync>>,
    kill_device: Option<Box<dyn Fn()>>,
    frames: u32,
}

thread_local! {
    static INBOX: RefCell<Inbox> = RefCell::default();
}

fn arrived(change: impl FnOnce(&mut Inbox)) {
    INBOX.with_borrow_mut(change);
    wake();
}

fn wake() {
    INBOX.with_borrow(|inbox| {
        if let Some(wake) = &inbox.waker {
            wake();
        }
    });
}

fn window() -> Option<Window> {
    web_sys::window()
}

fn words(error: &JsValue) -> String {
    error
        .dyn_ref::<js_sys::Error>()
        .map(|e| String::from(e.message()))
        .or_else(|| error.as_string())
        .unwrap_or_else(|| format!("{error:?}"))
}

/// Calls a method of `window.schedlabPage`, the object of `boot.js`, if it is there.
fn tell_page(method: &str, text: &str) {
    let call = || -> Option<()> {
        let page = Reflect::get(window()?.as_ref(), &"schedlabPage".into()).ok()?;
        let method: Function = Reflect::get(&page, &method.into()).ok()?.dyn_into().ok()?;
        method.call1(&page, &text.into()).ok()?;
        Some(())
    };
    if call().is_none() {
        log::warn!("the page does not take messages: {method}: {text}");
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = schedlabPage, js_name = whole)]
    fn page_is_whole() -> bool;
    // The splitter knows this import by its name.
    #[wasm_bindgen(js_namespace = schedlabPage, js_name = arrive)]
    fn bring_the_rest();
}

pub(super) fn whole() -> bool {
    page_is_whole()
}

pub(super) fn arrive() {
    bring_the_rest();
}

/// Told by the page that the rest of the program is here.
#[wasm_bindgen]
pub fn completed() {
    wake();
}

pub(super) fn now_secs() -> f64 {
    window()
        .and_then(|w| w.performance())
        .map_or(0.0, |p| p.now() / 1000.0)
}

pub(super) fn set_waker(wake: Box<dyn Fn() + Send + Sync>) {
    INBOX.with_borrow_mut(|inbox| inbox.waker = Some(wake));
}

fn download(name: &str, bytes: &[u8]) -> std::result::Result<(), JsValue> {
    let missing = || JsValue::from_str("no document");
    let document = window().and_then(|w| w.document()).ok_or_else(missing)?;
    let options = BlobPropertyBag::new();
    options.set_type("application/octet-stream");
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &options)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlAnchorElement = document.create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    Url::revoke_object_url(&url)
}

pub(super) fn save_file(name: &str, bytes: &[u8]) {
    if let Err(error) = download(name, bytes) {
        let problem = words(&error);
        let path = name.to_owned();
        arrived(|inbox| inbox.problems.push(Error::Io { path, problem }));
    }
}

pub(super) fn copy_text(text: &str) -> bool {
    let refused = |text: String| arrived(|inbox| inbox.refused_copy = Some(text));
    // Outside a secure context there is no clipboard object at all.
    let clipboard = window()
        .and_then(|w| Reflect::get(w.navigator().as_ref(), &"clipboard".into()).ok())
        .filter(|c| !c.is_undefined() && !c.is_null());
    let Some(clipboard) = clipboard else {
        refused(text.to_owned());
        return true;
    };
    let clipboard: web_sys::Clipboard = clipboard.unchecked_into();
    let promise = clipboard.write_text(text);
    let text = text.to_owned();
    spawn_local(async move {
        if JsFuture::from(promise).await.is_err() {
            refused(text);
        }
    });
    true
}

pub(super) fn take_refused_copy() -> Option<String> {
    INBOX.with_borrow_mut(|inbox| inbox.refused_copy.take())
}

pub(super) fn set_reader(reader: super::Reader) {
    INBOX.with_borrow_mut(|inbox| inbox.reader = Some(reader));
}

/// Bytes of a file that are asked of the browser at once.
const SLICE: u64 = 16 << 20;

/// Adds a part of a file, slice by slice: the browser holds one slice beside what is read.
async fn read_part(
    file: &File,
    [from, to]: [u64; 2],
    into: &mut Vec<u8>,
) -> std::result::Result<(), JsValue> {
    let mut at = from;
    while at < to {
        let end = (at + SLICE).min(to);
        let blob: &Blob = file.unchecked_ref();
        let slice = blob.slice_with_f64_and_f64(at as f64, end as f64)?;
        let array = Uint8Array::new(&JsFuture::from(slice.array_buffer()).await?);
        let before = into.len();
        into.resize(before + array.length() as usize, 0);
        array.copy_to(&mut into[before..]);
        if array.length() == 0 {
            return Err(JsValue::from_str(
                "the file became shorter while it was read",
            ));
        }
        at = end;
    }
    Ok(())
}

/// Reads a file, or those parts of it that the reader asks for.
async fn bytes_of(file: &File, name: &str) -> Result<Vec<u8>> {
    let total = file.unchecked_ref::<Blob>().size() as u64;
    let reader = INBOX.with_borrow(|inbox| inbox.reader);
    let mut start = Vec::new();
    loop {
        let reading = match reader {
            Some(reader) => reader(name, total, &start)?,
            None => Reading::whole(total),
        };
        let fail = |error: JsValue| Error::Io {
            path: name.to_owned(),
            problem: words(&error),
        };
        match reading {
            Reading::Start(n) if n > start.len() as u64 => {
                let known = start.len() as u64;
                read_part(file, [known, n], &mut start)
                    .await
                    .map_err(fail)?;
            }
            Reading::Start(_) => {
                let problem = "its beginning is asked for again and again".to_owned();
                return Err(Error::Stuck(problem));
            }
            Reading::Parts { mut head, parts } => {
                for part in parts {
                    read_part(file, part, &mut head).await.map_err(fail)?;
                }
                return Ok(head);
            }
        }
    }
}

/// A JPEG file as the browser reads it, in a form that needs no decoder.
async fn as_plain_picture(jpeg: &[u8]) -> std::result::Result<Vec<u8>, JsValue> {
    let missing = || JsValue::from_str("no window");
    let page = Reflect::get(
        window().ok_or_else(missing)?.as_ref(),
        &"schedlabPage".into(),
    )?;
    let read: Function = Reflect::get(&page, &"readPicture".into())?.dyn_into()?;
    let bytes: JsValue = Uint8Array::from(jpeg).into();
    let promise: js_sys::Promise = read.call1(&page, &bytes)?.dyn_into()?;
    Ok(Uint8Array::new(&JsFuture::from(promise).await?).to_vec())
}

async fn read_file(file: File) {
    let name = file.name();
    let mut outcome = bytes_of(&file, &name).await;
    if let Ok(bytes) = &outcome
        && crate::core::jpeg::looks_like(bytes)
    {
        outcome = as_plain_picture(bytes).await.map_err(|error| Error::Io {
            path: name.clone(),
            problem: format!("the browser cannot read this JPEG file: {}", words(&error)),
        });
    }
    arrived(|inbox| match outcome {
        Ok(bytes) => inbox.files.push((name, bytes)),
        Err(error) => inbox.problems.push(error),
    });
}

fn open_picker() -> Option<()> {
    let document = window()?.document()?;
    let input: HtmlInputElement = document.create_element("input").ok()?.unchecked_into();
    input.set_type("file");
    input.set_multiple(true);
    let chosen = input.clone();
    let on_change = Closure::once_into_js(move || {
        let files = chosen.files();
        let count = files.as_ref().map_or(0, web_sys::FileList::length);
        for index in 0..count {
            if let Some(file) = files.as_ref().and_then(|list| list.get(index)) {
                spawn_local(read_file(file));
            }
        }
    });
    input
        .add_event_listener_with_callback("change", on_change.unchecked_ref())
        .ok()?;
    input.click();
    Some(())
}

pub(super) fn pick_files() {
    if open_picker().is_none() {
        arrived(|inbox| {
            inbox
                .problems
                .push(Error::Unsupported("a file dialog".to_owned()));
        });
    }
}

pub(super) fn take_files() -> Vec<(String, Vec<u8>)> {
    INBOX.with_borrow_mut(|inbox| std::mem::take(&mut inbox.files))
}

pub(super) fn take_problems() -> Vec<Error> {
    INBOX.with_borrow_mut(|inbox| std::mem::take(&mut inbox.problems))
}

#[cfg(feature = "app")]
pub(super) fn read_dropped(file: &egui::DroppedFileHandle) {
    let file = file.clone();
    spawn_local(async move {
        if let Some(file) = file.web_file() {
            return read_file(file.clone()).await;
        }
        let name = file.path().to_string_lossy().into_owned();
        let outcome = file.bytes_async().await;
        arrived(|inbox| match outcome {
            Ok(bytes) => inbox.files.push((name, bytes)),
            Err(problem) => inbox.problems.push(Error::Io {
                path: name,
                problem,
            }),
        });
    });
}

pub(super) fn read_path(path: &Path) -> Result<Vec<u8>> {
    Err(no_file_system(path))
}

pub(super) fn write_path(path: &Path, _bytes: &[u8]) -> Result<()> {
    Err(no_file_system(path))
}

fn no_file_system(path: &Path) -> Error {
    Error::Io {
        path: path.display().to_string(),
        problem: "a page cannot reach the file system; open the file instead".to_owned(),
    }
}

pub(super) fn page_address() -> String {
    let address = window().and_then(|w| w.location().href().ok());
    address
        .and_then(|a| a.split('#').next().map(str::to_owned))
        .unwrap_or_default()
}

pub(super) fn hash() -> String {
    window()
        .and_then(|w| w.location().hash().ok())
        .unwrap_or_default()
}

pub(super) fn set_hash(hash: &str, push: bool) {
    let Some(history) = window().and_then(|w| w.history().ok()) else {
        return;
    };
    let address = format!("#{}", hash.trim_start_matches('#'));
    let outcome = if push {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
    };
    if let Err(error) = outcome {
        log::warn!("the address was not changed: {}", words(&error));
    }
}

pub(super) fn take_hash_change() -> Option<String> {
    INBOX.with_borrow_mut(|inbox| inbox.hash.take())
}

pub(super) fn set_title(title: &str) {
    if let Some(document) = window().and_then(|w| w.document())
        && document.title() != title
    {
        document.set_title(title);
    }
}

pub(super) fn query(key: &str) -> Option<String> {
    let search = window()?.location().search().ok()?;
    value_of(&search, key)
}

/// The value of a key in `?a=b&c`; "1" for a key without one.
fn value_of(search: &str, key: &str) -> Option<String> {
    search
        .trim_start_matches('?')
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| {
            if value.is_empty() {
                "1".to_owned()
            } else {
                value.to_owned()
            }
        })
}

fn storage() -> Option<web_sys::Storage> {
    // Reading the property throws where storage is blocked.
    window()?.local_storage().ok()?
}

pub(super) fn store(key: &str, value: &str) -> bool {
    storage().is_some_and(|s| s.set_item(key, value).is_ok())
}

pub(super) fn prefers_reduced_motion() -> bool {
    window()
        .and_then(|w| w.match_media("(prefers-reduced-motion: reduce)").ok()?)
        .is_some_and(|query| query.matches())
}

pub(super) fn frame_drawn() {
    INBOX.with_borrow_mut(|inbox| inbox.frames = inbox.frames.wrapping_add(1));
}

pub(super) fn set_device_killer(kill: Box<dyn Fn()>) {
    INBOX.with_borrow_mut(|inbox| inbox.kill_device = Some(kill));
}

pub(super) fn report_device_lost(reason: &str) {
    tell_page("deviceLost", reason);
}

pub(super) fn mirror(nodes: Vec<MirrorNode>, focus: Option<u64>) {
    dom::show(nodes, focus);
}

pub(super) fn take_mirror_actions() -> Vec<MirrorAction> {
    dom::take_actions()
}

/// Frames drawn since the module was loaded.
#[wasm_bindgen]
pub fn frames_drawn() -> u32 {
    INBOX.with_borrow(|inbox| inbox.frames)
}

/// Gives up the graphics device, as a driver reset would.
#[wasm_bindgen]
pub fn lose_device() {
    // Taken out for the call: the loss may be reported before it returns.
    let kill = INBOX.with_borrow_mut(|inbox| inbox.kill_device.take());
    if let Some(kill) = kill {
        kill();
        INBOX.with_borrow_mut(|inbox| inbox.kill_device = Some(kill));
    }
    wake();
}

/// Tells the application that the address changed.
#[wasm_bindgen]
pub fn hash_changed() {
    let hash = hash();
    arrived(|inbox| inbox.hash = Some(hash));
}
