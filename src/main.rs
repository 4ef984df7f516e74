//! Entry points: the native window with its command line, and the page.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    schedlab::cli::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {
    #[cfg(feature = "app")]
    schedlab::platform::start_page();
}
