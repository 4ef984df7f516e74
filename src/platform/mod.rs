//! What differs between the desktop and the page: files, clock, clipboard, storage.
