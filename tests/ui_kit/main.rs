//! The widget kit driven by role and label, as a keyboard or a screen reader would.
//!
//! `KIT_SHOTS=folder cargo test --test ui_kit` also writes pictures of the demo composition.

mod demo;

use demo::*;
use egui::accesskit::{Role, Toggled};
use egui::{Event, Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use schedlab::core::{Better, Error, Metric};
use schedlab::ui::card::{CardAction, ClaimState};
use schedlab::ui::heatmap::{HeatMap, heatmap_ui};
use schedlab::ui::notice::NoticeKind;
use schedlab::ui::table::{Column, metrics_ui};
use schedlab::ui::theme;
use schedlab::ui::value_entry_ui;

fn shoot(dark: bool, name: &str, prepare: impl FnOnce(&mut State)) {
    let Ok(folder) = std::env::var("KIT_SHOTS") else {
        return;
    };
    let theme = if dark {
        egui::Theme::Dark
    } else {
        egui::Theme::Light
    };
    let mut state = State::default();
    prepare(&mut state);
    let mut harness = Harness::builder()
        .with_size(vec2(1440.0, 900.0))
        .with_theme(theme)
        .with_context_setup(theme::install)
        .wgpu()
        .build_ui_state(demo, state);
    harness.run_steps(4);
    let plots: Vec<_> = harness
        .get_all_by_role_and_label(Role::Image, "Training loss")
        .map(|n| n.rect().center())
        .collect();
    harness.hover_at(plots[0]);
    harness.run_steps(4);
    let image = harness.render().expect("a picture");
    image
        .save(std::path::Path::new(&folder).join(name))
        .expect("the picture can be written");
}

#[test]
fn pictures_of_the_demo() {
    let prepare = |state: &mut State| {
        state.claim = Some(ClaimState::Done(claim_result()));
        state.config.rate = 1e-3;
        state.error = Some(Error::out_of_range("steps", 0, "1 to 100000 steps"));
        state
            .notices
            .push(NoticeKind::Info, "Link copied".to_owned());
        state.notices.push(
            NoticeKind::Error,
            "trace.csv, line 12: found \"abc\", expected a number".to_owned(),
        );
    };
    shoot(false, "light.png", prepare);
    shoot(true, "dark.png", prepare);
}

/// The demo without pictures, steps of a sixtieth of a second.
fn harness(state: State) -> Harness<'static, State> {
    Harness::builder()
        .with_size(vec2(1440.0, 900.0))
        .with_step_dt(1.0 / 60.0)
        .with_context_setup(theme::install)
        .build_ui_state(demo, state)
}

/// Replaces the text of a number field and confirms it with Enter.
fn type_into(harness: &mut Harness<'_, State>, name: &str, text: &str) {
    harness
        .get_by_role_and_label(Role::SpinButton, name)
        .focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.event(Event::Text(text.to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
}

#[test]
fn a_parameter_is_typed_the_way_people_write_numbers() {
    let mut harness = harness(State::default());
    type_into(&mut harness, "Learning rate value", "1/4");
    assert_eq!(harness.state().config.rate, 0.25);
    type_into(&mut harness, "Steps value", "2k");
    assert_eq!(harness.state().config.steps, 2000);
    type_into(&mut harness, "Learning rate value", "7");
    assert_eq!(harness.state().config.rate, 1.0, "kept inside its range");
    type_into(&mut harness, "Learning rate value", "fast");
    assert_eq!(harness.state().config.rate, 1.0, "nonsense changes nothing");
}

#[test]
fn a_slider_moves_by_arrow_keys_and_is_named_after_its_parameter() {
    let mut harness = harness(State::default());
    harness
        .get_by_role_and_label(Role::Slider, "Decay to")
        .focus();
    harness.run_steps(2);
    harness.key_press(Key::ArrowRight);
    harness.run_steps(2);
    let decay = harness.state().config.decay;
    assert!(decay > 0.1 && decay < 0.3, "{decay}");
}

#[test]
fn backspace_on_a_name_resets_its_parameter() {
    let mut state = State::default();
    state.config.decay = 0.9;
    state.config.rate = 0.5;
    let mut harness = harness(state);
    harness
        .get_by_role_and_label(Role::Label, "Decay to")
        .focus();
    harness.run_steps(2);
    harness.key_press(Key::Backspace);
    harness.run_steps(2);
    let config = &harness.state().config;
    assert_eq!((config.decay, config.rate), (0.1, 0.5));
}

#[test]
fn inactive_parameters_leave_and_advanced_ones_wait_behind_more() {
    let mut harness = harness(State::default());
    assert!(
        harness
            .query_by_role_and_label(Role::Slider, "Seed")
            .is_none(),
        "advanced"
    );
    harness
        .get_by_role_and_label(Role::Button, "1 more")
        .click();
    harness
        .get_by_role_and_label(Role::CheckBox, "Cosine decay")
        .click();
    harness.run_steps(3);
    assert!(!harness.state().config.cosine, "the click arrived");
    harness.get_by_role_and_label(Role::Slider, "Seed");
    assert!(
        harness
            .query_by_role_and_label(Role::Slider, "Decay to")
            .is_none(),
        "without an effect"
    );
}

#[test]
fn the_wheel_never_changes_a_value() {
    let mut harness = harness(State::default());
    for name in ["Decay to", "Steps", "Learning rate"] {
        let at = harness
            .get_by_role_and_label(Role::Slider, name)
            .rect()
            .center();
        harness.hover_at(at);
        harness.run_steps(2);
        harness.event(Event::MouseWheel {
            unit: egui::MouseWheelUnit::Line,
            delta: vec2(0.0, -5.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        });
        harness.run_steps(4);
    }
    assert_eq!(harness.state().config, Config::default());
}

#[test]
fn a_fault_stands_at_its_widget_even_behind_more() {
    let state = State {
        error: Some(Error::out_of_range("shuffle", 2_000_000, "0 to 1000000")),
        ..State::default()
    };
    let harness = harness(state);
    harness.get_by_role_and_label(Role::Slider, "Seed");
    harness.get_by_label_contains("shuffle is 2000000; allowed: 0 to 1000000");
}

#[test]
fn the_transport_steps_plays_loops_and_jumps() {
    let mut harness = harness(State::default());
    let click = |harness: &mut Harness<'_, State>, name: &str| {
        harness.get_by_role_and_label(Role::Button, name).click();
        harness.run_steps(2);
    };
    let at = |harness: &Harness<'_, State>| harness.state().transport.playhead;
    click(&mut harness, "Step forward");
    assert_eq!(at(&harness), 121.0);
    click(&mut harness, "Step back");
    click(&mut harness, "Step back");
    assert_eq!(at(&harness), 119.0);
    click(&mut harness, "To end");
    assert_eq!(at(&harness), 400.0);
    click(&mut harness, "To start");
    assert_eq!(at(&harness), 0.0);
    click(&mut harness, "Play");
    assert!(harness.state().transport.playing, "playing");
    click(&mut harness, "Pause");
    assert!(!harness.state().transport.playing, "paused");
    click(&mut harness, "Loop");
    let on = harness.get_by_role_and_label(Role::Button, "Loop");
    assert_eq!(on.accesskit_node().toggled(), Some(Toggled::True));
    click(&mut harness, "Jump to");
    let spike = harness.get_by_label_contains("loss spike");
    spike.click();
    harness.run_steps(3);
    assert_eq!(at(&harness), 210.0);
    type_into(&mut harness, "Position, optimizer step", "17");
    assert_eq!(at(&harness), 17.0);
}

#[test]
fn the_scrub_bar_is_a_slider_for_keys_and_assistive_technology() {
    let mut harness = harness(State::default());
    let bar = harness.get_by_role_and_label(Role::Slider, "optimizer step");
    bar.set_value_accesskit(300.0);
    harness.run_steps(2);
    assert_eq!(harness.state().transport.playhead, 300.0);
    harness
        .get_by_role_and_label(Role::Slider, "optimizer step")
        .focus();
    harness.run_steps(2);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(2);
    assert_eq!(harness.state().transport.playhead, 299.0);
    harness.key_press(Key::Home);
    harness.run_steps(2);
    assert_eq!(harness.state().transport.playhead, 0.0);
}

#[test]
fn a_chart_has_a_name_a_summary_and_a_cursor_for_the_keyboard() {
    let mut harness = harness(State::default());
    let chart = harness.get_by_role_and_label(Role::Image, "Learning rate");
    let summary = chart.accesskit_node().description().unwrap_or_default();
    assert!(
        summary.contains("step decay falls from 3.0e-4 to"),
        "{summary}"
    );
    chart.focus();
    harness.run_steps(2);
    harness.key_press(Key::ArrowRight);
    harness.run_steps(2);
    // The next step of the schedule after the playhead at 120.
    assert_eq!(harness.state().link.cursor, Some(150.0));
    let chart = harness.get_by_role_and_label(Role::Image, "Learning rate");
    let value = chart.value().unwrap_or_default();
    assert!(
        value.starts_with("Optimizer step 150: step decay 7.5"),
        "{value}"
    );
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(harness.state().link.seek, Some(150.0));
}

#[test]
fn hovering_a_chart_moves_the_shared_cursor_and_a_click_seeks() {
    let mut harness = harness(State::default());
    harness.run_steps(2);
    let rect = harness
        .get_by_role_and_label(Role::Image, "Learning rate")
        .rect();
    harness.hover_at(rect.center());
    harness.run_steps(2);
    let cursor = harness.state().link.cursor.unwrap_or(f64::NAN);
    assert!((cursor - 200.0).abs() < 5.0, "{cursor}");
    assert_eq!(harness.state().link.seek, None, "only hovered");
    harness
        .get_by_role_and_label(Role::Image, "Learning rate")
        .click();
    harness.run_steps(2);
    let seek = harness.state().link.seek.unwrap_or(f64::NAN);
    assert!((seek - 200.0).abs() < 5.0, "{seek}");
}

#[test]
fn a_charts_data_can_be_copied_from_its_menu() {
    let mut harness = harness(State::default());
    harness
        .get_by_role_and_label(Role::Button, "Waiting time menu")
        .click();
    harness.run_steps(2);
    // The size of figures is chosen without leaving the menu.
    harness
        .get_by_role_and_label(Role::Button, "column")
        .click();
    harness.run_steps(2);
    harness
        .get_by_role_and_label(Role::Button, "Copy data as CSV")
        .click();
    harness.step();
    let mut copied = String::new();
    for _ in 0..3 {
        for command in &harness.output().platform_output.commands {
            if let egui::OutputCommand::CopyText(text) = command {
                copied.clone_from(text);
            }
        }
        harness.step();
    }
    assert!(
        copied.starts_with("Queue,requests [s]\n0,0.02\n1,0.04\n"),
        "{copied}"
    );
}

#[test]
fn the_table_says_which_value_is_best() {
    let harness = harness(State::default());
    harness.get_by_label("TTFT p50: 420 ms, best; against A: −50.0 %");
    harness.get_by_label_contains("Final loss: 2.310 nat, best");
    harness.get_by_label("TTFT p50: 840 ms");
    assert!(
        harness
            .query_by_label_contains("objective: 93.6 %, best")
            .is_none(),
        "values that read the same are not told apart"
    );
}

#[test]
fn the_card_runs_and_cancels_its_experiment() {
    let mut harness = harness(State::default());
    harness
        .get_by_role_and_label(Role::Button, "Check the claim")
        .click();
    harness.run_steps(2);
    harness.state_mut().claim = Some(ClaimState::Running(0.4));
    harness.run_steps(2);
    harness
        .get_by_role_and_label(Role::Button, "Cancel")
        .click();
    harness.run_steps(2);
    harness.state_mut().claim = Some(ClaimState::Done(claim_result()));
    harness.run_steps(2);
    harness.get_by_label("partly reproduced");
    harness.get_by_label("0.985 (0.940 to 1.03) ×");
    harness.get_by_label("from the abstract only");
    let expected = [CardAction::CheckClaim, CardAction::CancelClaim];
    assert_eq!(harness.state().actions, expected);
}

#[test]
fn news_leave_by_themselves_and_errors_stay_until_dismissed() {
    let mut state = State::default();
    state
        .notices
        .push(NoticeKind::Info, "Link copied".to_owned());
    state
        .notices
        .push(NoticeKind::Error, "no such file".to_owned());
    let mut harness = harness(state);
    harness.run_steps(2);
    harness.get_by_role_and_label(Role::Alert, "Error: no such file");
    harness.get_by_role_and_label(Role::Status, "Note: Link copied");
    harness.run_steps(400);
    assert!(
        harness.query_by_label("Note: Link copied").is_none(),
        "gone after five seconds"
    );
    harness.get_by_role_and_label(Role::Alert, "Error: no such file");
    harness
        .get_by_role_and_label(Role::Button, "Dismiss")
        .click();
    harness.run_steps(3);
    assert!(harness.state().notices.is_empty(), "dismissed");
}

#[test]
fn a_heat_map_is_driven_by_keys_and_says_its_values() {
    let cells: Vec<f64> = (0..12).map(|i| f64::from(i) * 1.5).collect();
    let mut harness = Harness::builder()
        .with_size(vec2(420.0, 380.0))
        .wgpu()
        .build_ui_state(
            move |ui, picked: &mut Option<[usize; 2]>| {
                theme::install(ui.ctx());
                let map = HeatMap {
                    name: "TTFT p50",
                    titles: ["Rate (req/s)".to_owned(), "Chunk (tok)".to_owned()],
                    axes: [&[1.0, 2.0, 4.0, 8.0], &[256.0, 512.0, 1024.0]],
                    cells: &cells,
                    unit: "s",
                    current: Some([1, 1]),
                    owners: None,
                    click: "A click opens it.",
                };
                if let Some(cell) = heatmap_ui(ui, &map, vec2(400.0, 360.0)) {
                    *picked = Some(cell);
                }
            },
            None,
        );
    harness.step();
    harness.get_by_label("TTFT p50").focus();
    harness.step();
    for key in [Key::ArrowRight, Key::ArrowRight, Key::ArrowUp, Key::Enter] {
        harness.key_press(key);
        harness.step();
    }
    assert_eq!(*harness.state(), Some([2, 1]), "the cell walked to");
    let node = harness.get_by_label("TTFT p50");
    let words = node.accesskit_node().description().unwrap_or_default();
    assert!(words.contains("9 s"), "the value of that cell: {words}");
    if let Ok(folder) = std::env::var("KIT_SHOTS") {
        let image = harness.render().expect("a software renderer");
        image
            .save(format!("{folder}/heatmap.png"))
            .expect("a writable folder");
    }
}

#[test]
fn a_long_name_pushes_no_value_out_of_a_narrow_table() {
    let metric = |id, name, unit| Metric {
        id,
        name,
        unit,
        value: 0.049_482_1,
        better: Better::Lower,
        doc: "Definition.",
    };
    let metrics = [
        metric(
            "a",
            "Distance of a fresh draw of the same size",
            "data units",
        ),
        metric("b", "Loss", "nats"),
    ];
    let width = 280.0;
    let mut h = Harness::builder()
        .with_size([width, 300.0])
        .with_context_setup(theme::install)
        .build_ui(move |ui| {
            let column = Column {
                label: "A",
                metrics: &metrics,
            };
            metrics_ui(ui, &[column]);
        });
    h.run_steps(3);
    for node in h.query_all_by_label_contains(": 0.04948") {
        let rect = node.rect();
        assert!(rect.left() > 0.0 && rect.right() <= width, "{rect:?}");
    }
    assert_eq!(h.query_all_by_label_contains(": 0.04948").count(), 2);
}

#[test]
fn a_list_closes_when_an_entry_is_chosen_without_a_pointer() {
    let names = ["zero", "one", "two"];
    let mut harness = Harness::builder()
        .with_context_setup(theme::install)
        .build_ui_state(
            |ui, value: &mut usize| {
                egui::ComboBox::from_label("List")
                    .selected_text("a list")
                    .show_ui(ui, |ui| {
                        for (i, name) in names.into_iter().enumerate() {
                            value_entry_ui(ui, value, i, name);
                        }
                    });
            },
            0,
        );
    harness.get_by_role(Role::ComboBox).click_accesskit();
    harness.run_steps(3);
    harness.get_by_label("one").click_accesskit();
    harness.run_steps(3);
    assert_eq!(*harness.state(), 1);
    assert!(harness.query_by_label("two").is_none(), "it is closed");
}
