//! What only a browser can test: kernels on its graphics device, reading back, and the page side of
//! the platform. Run by `wasm-bindgen-test-runner` in headless Chromium.
#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, with the value in its message"
)]

use js_sys::Promise;
use schedlab::core::{Error, Result};
use schedlab::gpu::kernels::ALL;
use schedlab::gpu::{Gpu, Shape, Trial, TrialReport, Tuner, WIDTHS, WarmUp};
use schedlab::labs::{LabKind, Library, Setup, outcome_of};
use schedlab::platform::{self, Checked, MirrorAction, MirrorKind, MirrorNode, MirrorNumber};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Document, Event, HtmlElement, HtmlInputElement, Window};

wasm_bindgen_test_configure!(run_in_browser);

fn window() -> Window {
    web_sys::window().unwrap()
}

fn document() -> Document {
    window().document().unwrap()
}

/// Gives the browser a turn: nothing comes back while this program runs.
async fn turn() {
    let promise = Promise::new(&mut |done, _| {
        window()
            .set_timeout_with_callback_and_timeout_and_arguments_0(&done, 5)
            .unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

async fn gpu() -> Result<Gpu> {
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    let instance = wgpu::util::new_instance_with_webgpu_detection(descriptor).await;
    let adapter = instance
        .request_adapter(&wgpu::RequestAdapterOptions::default())
        .await
        .map_err(|e| Error::Gpu(e.to_string()))?;
    let (device, queue) = adapter
        .request_device(&Gpu::descriptor(&adapter))
        .await
        .map_err(|e| Error::Gpu(e.to_string()))?;
    Ok(Gpu::from_parts(&adapter, &device, &queue))
}

async fn report(mut trial: Trial) -> Result<TrialReport> {
    for _ in 0..4000 {
        if let Some(report) = trial.poll() {
            return report;
        }
        turn().await;
    }
    Err(Error::Gpu("nothing came back in 20 s".to_owned()))
}

#[wasm_bindgen_test]
async fn every_kernel_agrees_with_its_twin_on_the_browser_device() {
    let gpu = gpu().await.expect("this browser was started with WebGPU");
    assert!(gpu.computes(), "no compute shaders on {}", gpu.name());
    let mut warm_up = WarmUp::default();
    let mut looks = 0;
    while warm_up.poll(&gpu).expect("every kernel takes zeros") {
        looks += 1;
        assert!(looks < 10_000, "a kernel does not come back");
        turn().await;
    }
    assert_eq!(gpu.made().pipelines, ALL.len() as u64, "all are compiled");
    assert_eq!(gpu.fault(), None, "no error was reported");
    for listed in ALL {
        for n in [1, 65, 1000] {
            let trial = Trial::start(&gpu, listed, n, 7).unwrap();
            let report = report(trial).await.unwrap();
            assert!(
                report.pass(),
                "{} with {n} elements: {}",
                report.kernel,
                report.problem()
            );
        }
    }
    assert_eq!(gpu.fault(), None, "no error was reported");
}

#[wasm_bindgen_test]
async fn the_width_of_kernels_is_measured_and_changes_no_bit() {
    let gpu = gpu().await.expect("this browser was started with WebGPU");
    for listed in ALL.iter().filter(|listed| listed.spec.has_free_width()) {
        let mut prints = Vec::new();
        for width in WIDTHS {
            gpu.set_shape(Shape {
                width,
                ..Shape::default()
            });
            assert_eq!(gpu.shape().width, width, "every browser allows it");
            let report = report(Trial::start(&gpu, listed, 1000, 7).unwrap()).await;
            prints.push(report.unwrap().fingerprint);
        }
        assert_eq!(prints, [prints[0]; 3], "{}", listed.spec.name);
    }
    let mut tuner = Tuner::start(&gpu).unwrap();
    for _ in 0..4000 {
        if let Some(tuned) = tuner.poll(&gpu) {
            let tuned = tuned.unwrap();
            assert_eq!(tuned.widths.len(), WIDTHS.len(), "{tuned:?}");
            return;
        }
        turn().await;
    }
    panic!("not measured in 20 s");
}

#[wasm_bindgen_test]
async fn a_destroyed_device_is_reported_as_lost() {
    let gpu = gpu().await.expect("this browser was started with WebGPU");
    assert!(!gpu.lost(), "a fresh device");
    gpu.device().destroy();
    for _ in 0..400 {
        if gpu.lost() {
            return;
        }
        turn().await;
    }
    panic!("the loss was not noticed in 2 s");
}

#[wasm_bindgen_test]
fn every_lab_runs_and_repeats_in_the_browser() {
    for kind in LabKind::ALL {
        let setup = Setup::default_of(kind);
        let first = outcome_of(&setup, &Library::default()).unwrap();
        let second = outcome_of(&setup, &Library::default()).unwrap();
        assert!(!first.metrics.is_empty(), "{kind:?} has no headline");
        for (a, b) in first.metrics.iter().zip(&second.metrics) {
            assert_eq!(a.value.to_bits(), b.value.to_bits(), "{kind:?}: {}", a.id);
        }
    }
}

#[wasm_bindgen_test]
fn a_text_is_stored_under_its_key() {
    let stored = window().local_storage().unwrap().unwrap();
    assert!(platform::store("schedlab.test", "ä 1"), "storage is there");
    assert_eq!(
        stored.get_item("schedlab.test").unwrap().as_deref(),
        Some("ä 1")
    );
    stored.remove_item("schedlab.test").unwrap();
}

#[wasm_bindgen_test]
fn the_hash_is_replaced_without_and_pushed_with_a_history_entry() {
    let history = window().history().unwrap();
    let before = history.length().unwrap();
    platform::replace_hash("serving/1/abc");
    assert_eq!(platform::hash(), "#serving/1/abc");
    assert_eq!(history.length().unwrap(), before, "replaced");
    platform::push_hash("#noise/1/def");
    assert_eq!(platform::hash(), "#noise/1/def");
    assert_eq!(history.length().unwrap(), before + 1, "pushed");
    assert!(
        !platform::page_address().contains('#'),
        "the address ends before the hash"
    );
    assert_eq!(platform::take_hash_change(), None, "our own changes");
    platform::hash_changed();
    assert_eq!(
        platform::take_hash_change().as_deref(),
        Some("#noise/1/def"),
        "the user's change"
    );
}

#[wasm_bindgen_test]
fn the_clock_runs_and_absent_settings_are_absent() {
    let first = platform::now_secs();
    assert!(first > 0.0 && platform::now_secs() >= first, "{first}");
    assert_eq!(platform::query("no-such-setting"), None);
}

#[wasm_bindgen_test]
fn frames_are_counted_and_nothing_is_told_of_an_application_that_does_not_run() {
    let before = platform::frames_drawn();
    platform::frame_drawn();
    assert_eq!(platform::frames_drawn(), before + 1);
    assert_eq!(platform::snapshot_json(), "");
}

fn node(id: u64, kind: MirrorKind, name: &str) -> MirrorNode {
    MirrorNode {
        id,
        kind,
        name: name.to_owned(),
        focusable: true,
        ..MirrorNode::default()
    }
}

fn fire(element: &HtmlElement, kind: &str) {
    let event = Event::new(kind).unwrap();
    event.init_event_with_bubbles(kind, true);
    element.dispatch_event(&event).unwrap();
}

fn element(id: u64) -> Option<HtmlElement> {
    document()
        .get_element_by_id(&format!("mirror-{id}"))
        .map(JsCast::unchecked_into)
}

#[wasm_bindgen_test]
fn the_mirror_holds_real_elements_and_hands_back_what_users_do() {
    let root = document().create_element("div").unwrap();
    root.set_id("schedlab-mirror");
    document().body().unwrap().append_child(&root).unwrap();

    let slider = MirrorNode {
        number: Some(MirrorNumber {
            value: 4.0,
            min: Some(0.0),
            max: Some(10.0),
        }),
        ..node(2, MirrorKind::Slider, "rate")
    };
    let check = MirrorNode {
        checked: Some(Checked::On),
        ..node(3, MirrorKind::CheckBox, "Loop")
    };
    let first = vec![
        node(1, MirrorKind::Button, "Play"),
        slider.clone(),
        check.clone(),
        node(4, MirrorKind::TextField, "Search"),
    ];
    platform::mirror(first.clone(), None);
    let shown = root.inner_html();
    platform::mirror(first, None);
    assert_eq!(root.inner_html(), shown, "nothing new");
    assert_eq!(root.child_element_count(), 4, "{}", root.inner_html());

    let rate: HtmlInputElement = element(2).unwrap().unchecked_into();
    assert_eq!(
        (rate.type_().as_str(), rate.value().as_str()),
        ("range", "4")
    );
    let play = element(1).unwrap();
    play.click();
    rate.set_value("7.5");
    fire(&rate, "input");
    let search: HtmlInputElement = element(4).unwrap().unchecked_into();
    search.set_value("cosine");
    fire(&search, "input");
    assert_eq!(
        platform::take_mirror_actions(),
        vec![
            MirrorAction::Click(1),
            MirrorAction::SetNumber(2, 7.5),
            MirrorAction::SetText(4, "cosine".to_owned()),
        ],
        "what the user did"
    );

    // The button vanishes, the others change places: elements keep their identity.
    platform::mirror(vec![check, slider], None);
    assert!(element(1).is_none(), "the button vanished");
    let last: HtmlInputElement = root.last_element_child().unwrap().unchecked_into();
    assert_eq!(last, rate, "the slider is last and the same element");
    let box_: HtmlInputElement = element(3).unwrap().unchecked_into();
    assert!(box_.checked(), "the check box is on");
    root.remove();
}
