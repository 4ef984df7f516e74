//! The pruning lab's tab *Measure*, driven like a user would.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use schedlab::labs::pruning::{Config, Pruning, Source};
use schedlab::labs::{DataKey, Library, sniff};
use schedlab::ui::theme;
use schedlab::ui::{ExtraTab, LabView as _};

struct Screen {
    tab: ExtraTab<Config>,
    config: Config,
    library: Library,
}

fn harness(config: Config, library: Library, size: [f32; 2]) -> Harness<'static, Screen> {
    let tab = Pruning::extra().expect("a tab");
    let screen = Screen {
        tab,
        config,
        library,
    };
    Harness::builder()
        .with_size(size)
        .with_context_setup(theme::install)
        .wgpu()
        .build_ui_state(
            |ui, s: &mut Screen| {
                egui::ScrollArea::vertical().show(ui, |ui| {
                    s.tab.1.ui(std::slice::from_ref(&s.config), &s.library, ui);
                });
            },
            screen,
        )
}

/// Steps the tab's work to its end, and draws.
fn finish(h: &mut Harness<'_, Screen>) {
    let mut steps = 0;
    while h.state_mut().tab.1.step().expect("work that goes on") {
        steps += 1;
        assert!(steps < 100_000, "it does not end");
    }
    h.run_steps(3);
    if let Ok(folder) = std::env::var("SCREENSHOTS") {
        let image = h.render().expect("a software renderer");
        let name = format!("{folder}/measure-{}.png", image.width());
        image.save(name).expect("a writable folder");
    }
}

#[test]
fn schedules_are_trained_over_seeds_and_compared() {
    let config = Config {
        train_steps: 20,
        every: 2,
        ..Config::default()
    };
    let mut h = harness(config, Library::default(), [420.0, 900.0]);
    h.run_steps(2);
    assert!(h.query_by_label("Tensors of the file").is_none());
    h.get_by_label("Train on one CPU thread").click();
    h.run_steps(2);
    assert!(h.query_by_label("Cancel").is_some(), "it can be stopped");
    finish(&mut h);
    let said = h.query_all_by_label_contains("steps, seeds").count();
    assert_eq!(said, 1, "what was compared");
    assert_eq!(h.query_all_by_label_contains(" ± ").count(), 9);
    assert_eq!(h.query_all_by_label_contains(" points").count(), 8);
}

/// A setup on a file with two tensors.
fn opened() -> (Config, Library) {
    let values = [0.0_f32, -2.5, 1.25, 0.5];
    let head = r#"{"one.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"two.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[16,32]}}"#;
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend(head.as_bytes());
    for x in values.iter().chain(&values) {
        bytes.extend(x.to_le_bytes());
    }
    let key = DataKey::of("two.safetensors", &bytes);
    let mut library = Library::default();
    library.insert(
        key.clone(),
        sniff("two.safetensors", &bytes).expect("a file"),
    );
    let config = Config {
        source: Source::Imported,
        file: Some(key),
        ..Config::default()
    };
    (config, library)
}

#[test]
fn tensors_of_a_file_are_counted_and_filtered_by_name() {
    let (config, library) = opened();
    let mut h = harness(config, library, [760.0, 900.0]);
    h.run_steps(2);
    h.get_by_label("Count on one CPU thread").click();
    h.run_steps(2);
    finish(&mut h);
    assert!(h.query_by_label("one.weight").is_some());
    assert_eq!(
        h.query_all_by_label("25.0 %").count(),
        2,
        "one zero in four"
    );
    assert_eq!(h.query_all_by_label("−2.50").count(), 2, "the smallest");
    let field = h.get_by_role(egui::accesskit::Role::TextInput);
    field.focus();
    field.type_text("two");
    h.run_steps(3);
    assert!(h.query_by_label("one.weight").is_none());
    assert!(h.query_by_label("two.weight").is_some());
}

#[test]
fn a_tensor_chosen_in_the_table_is_taken_apart_into_singular_values() {
    let (config, library) = opened();
    let mut h = harness(config, library, [760.0, 1100.0]);
    h.run_steps(2);
    h.get_by_label("two.weight").click();
    h.run_steps(2);
    assert!(h.query_by_label("two.weight: 2 × 2").is_some(), "chosen");
    h.get_by_label("Spectrum on one CPU thread").click();
    h.run_steps(2);
    finish(&mut h);
    let found = "2 singular values of two.weight";
    assert!(h.query_by_label(found).is_some(), "what was found");
    // Squares: 6.25, 1.5625 + 0.25, product of the rows -1.25.
    let said = h
        .query_all_by_label_contains("Largest 2.56; stable rank")
        .count();
    assert_eq!(said, 1, "what the values say");
    assert_eq!(
        h.query_all_by_label_contains("little but rounding").count(),
        1
    );
}

#[test]
fn a_spectrum_under_way_is_cancelled_at_once_and_leaves_what_was_found() {
    let (config, library) = opened();
    let mut h = harness(config, library, [760.0, 1100.0]);
    h.run_steps(2);
    h.get_by_label("two.weight").click();
    h.run_steps(2);
    let begin = |h: &mut Harness<'_, Screen>| {
        h.get_by_label("Spectrum on one CPU thread").click();
        h.run_steps(2);
        let again = h.query_by_label("Spectrum on one CPU thread");
        assert!(again.is_none(), "one at a time");
    };
    let cancel = |h: &mut Harness<'_, Screen>| {
        h.get_by_label("Cancel").click();
        h.run_steps(2);
        assert!(h.query_by_label("Cancel").is_none(), "nothing is under way");
        assert_eq!(h.state_mut().tab.1.step(), Ok(false), "nothing is left");
        h.run_steps(2);
    };
    let found = |h: &Harness<'_, Screen>| {
        let all = h.query_all_by_label_contains("singular values of");
        all.count()
    };
    begin(&mut h);
    cancel(&mut h);
    assert_eq!(found(&h), 0, "a cancelled spectrum says nothing");
    begin(&mut h);
    finish(&mut h);
    assert_eq!(found(&h), 1);
    begin(&mut h);
    cancel(&mut h);
    assert_eq!(found(&h), 1, "the last result stays");
}
