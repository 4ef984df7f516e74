//! The layers: a file may only name the modules below it. Below all of them stands `crates/core`, of
//! which the compiler takes care; inside one crate it does not, so this does.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder of the crate");
    for path in entries.map(|e| e.expect("readable").path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Labs,
    LabGpu,
    LabView,
    Gpu,
    Ui,
    Export,
    Platform,
    App,
    Cli,
    Root,
}

fn layer(path: &str) -> Layer {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["labs", _, "view.rs"] | ["labs", _, "panels" | "view", ..] => Layer::LabView,
        ["labs", _, "gpu.rs"] | ["labs", _, "gpu", ..] => Layer::LabGpu,
        ["labs", ..] => Layer::Labs,
        ["gpu", ..] => Layer::Gpu,
        ["ui", ..] => Layer::Ui,
        ["export", ..] => Layer::Export,
        // The entry point of the page stands beside `main.rs`: it starts the app.
        ["platform", "web", "start.rs"] => Layer::Root,
        ["platform", ..] => Layer::Platform,
        ["app", ..] => Layer::App,
        ["cli", ..] => Layer::Cli,
        [_] => Layer::Root,
        _ => panic!("{path} is in no known layer"),
    }
}

/// Words a file of a layer may not contain, with the layer they belong to.
fn forbidden(layer: Layer) -> Vec<&'static str> {
    const SCREEN: [&str; 5] = [
        "egui::",
        "eframe::",
        "egui_plot::",
        "egui_wgpu::",
        "crate::ui",
    ];
    const DEVICE: [&str; 1] = ["wgpu::"];
    const PAGE: [&str; 4] = ["web_sys::", "js_sys::", "wasm_bindgen", "web_time::"];
    const ABOVE: [&str; 3] = ["crate::app", "crate::cli", "crate::export"];
    const OUTSIDE: [&str; 1] = ["crate::platform"];
    let words: &[&[&'static str]] = match layer {
        Layer::Labs => &[&SCREEN, &DEVICE, &PAGE, &ABOVE, &OUTSIDE],
        // The kernels of a lab: the device, but no screen.
        Layer::LabGpu => &[&SCREEN, &PAGE, &ABOVE, &OUTSIDE],
        Layer::LabView => &[&PAGE, &["crate::app", "crate::cli"], &OUTSIDE],
        Layer::Gpu => &[&SCREEN, &ABOVE],
        Layer::Ui => &[&PAGE, &["crate::app", "crate::cli"]],
        Layer::Export => &[&["crate::app", "crate::cli"]],
        Layer::Platform => &[&["crate::app", "crate::cli", "crate::labs"]],
        Layer::Cli => &[&SCREEN, &PAGE],
        Layer::App | Layer::Root => &[],
    };
    words.concat()
}

/// The code of a line: comments may name anything.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

/// Whether `word` stands in `line` as a path of its own (`wgpu::` is not in `egui_wgpu::`).
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn no_file_names_a_layer_above_it() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    assert!(files.len() > 50, "the walk found the sources");
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("readable");
        let inside = file.strip_prefix("src").expect("below src");
        let name = inside.to_string_lossy().replace('\\', "/");
        for (number, line) in text.lines().enumerate() {
            for word in forbidden(layer(&name)) {
                if names(code(line), word) {
                    wrong.push(format!(
                        "src/{name}:{}: {word} in {:?}",
                        number + 1,
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_forbidden_arrow_is_recognised() {
    let bad = |path: &str, line: &str| forbidden(layer(path)).iter().any(|w| names(code(line), w));
    assert!(bad("gpu/job.rs", "use crate::app::App;"), "above itself");
    assert!(
        bad("labs/lr/model.rs", "    let c = egui::Color32::RED;"),
        "a screen in a model"
    );
    assert!(
        bad("labs/lr/model.rs", "use wgpu::Buffer;"),
        "a device in a model"
    );
    assert!(!bad("labs/lr/model.rs", "// as egui::Ui does"), "a comment");
    assert!(
        !bad("labs/lr/gpu.rs", "use wgpu::Buffer;"),
        "a lab's kernels"
    );
    assert!(!bad("labs/lr/view.rs", "use crate::ui::theme;"), "a view");
}
