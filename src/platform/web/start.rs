//! Starting and stopping the application on a canvas.

use crate::app::App;
use crate::gpu::Gpu;
use std::cell::RefCell;
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

thread_local! {
    static RUNNER: RefCell<Option<eframe::WebRunner>> = const { RefCell::new(None) };
}

/// Installs the panic report and the log. Called once, when the module is loaded.
pub fn start_page() {
    std::panic::set_hook(Box::new(|info| {
        super::tell_page("panic", &info.to_string());
    }));
    let level = match super::query("log").as_deref() {
        Some("debug") => log::LevelFilter::Debug,
        Some("info") => log::LevelFilter::Info,
        _ => log::LevelFilter::Warn,
    };
    // A second start of the same module keeps the logger of the first.
    eframe::WebLogger::init(level).ok();
}

fn options(backend: &str) -> eframe::WebOptions {
    let mut options = eframe::WebOptions::default();
    if let egui_wgpu::WgpuSetup::CreateNew(setup) = &mut options.wgpu_options.wgpu_setup {
        setup.instance_descriptor.backends = match backend {
            "gl" => wgpu::Backends::GL,
            _ => wgpu::Backends::BROWSER_WEBGPU,
        };
        setup.device_descriptor = Arc::new(Gpu::descriptor);
    }
    options
}

fn create(cc: &eframe::CreationContext<'_>) -> App {
    let ctx = cc.egui_ctx.clone();
    crate::platform::set_waker(move || ctx.request_repaint());
    if let Some(state) = &cc.wgpu_render_state {
        let device = state.device.clone();
        crate::platform::set_device_killer(move || device.destroy());
    }
    crate::ui::install_mirror(&cc.egui_ctx);
    App::new(cc)
}

/// Starts the application on a canvas with the graphics interface `webgpu` or `gl`.
///
/// # Errors
/// Why the graphics device could not be had.
#[wasm_bindgen]
pub async fn start(canvas: HtmlCanvasElement, backend: String) -> Result<(), JsValue> {
    stop();
    let runner = eframe::WebRunner::new();
    runner
        .start(
            canvas,
            options(&backend),
            Box::new(|cc| Ok(Box::new(create(cc)))),
        )
        .await?;
    RUNNER.set(Some(runner));
    Ok(())
}

/// What `window.schedlab.snapshot()` returns, as JSON text; empty before the first frame. It is made
/// when somebody asks, not in every frame.
#[wasm_bindgen]
pub fn snapshot_json() -> String {
    if super::frames_drawn() == 0 {
        return String::new();
    }
    RUNNER
        .with_borrow(|runner| {
            let app = runner.as_ref()?.app_mut::<App>()?;
            Some(app.snapshot().to_string())
        })
        .unwrap_or_default()
}

/// Stops the application and lets go of its canvas.
#[wasm_bindgen]
pub fn stop() {
    if let Some(runner) = RUNNER.take() {
        runner.destroy();
    }
    super::dom::clear();
}
