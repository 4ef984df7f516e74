//! The routing picture, driven by role and label.
#![cfg(feature = "app")]

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use schedlab::core::rng::{Stream, StreamId};
use schedlab::core::{EntityId, finish};
use schedlab::labs::routing::{BatchRun, Config, Entity, Routing, Run};
use schedlab::labs::{DataKey, Lab as _, Library, sniff};
use schedlab::ui::theme::{self, Palette};
use schedlab::ui::{LabView as _, Stage};

/// What the screen around the picture would hold.
struct Screen {
    run: Run,
    config: Config,
    playhead: f64,
    hovered: Option<EntityId>,
    selected: Option<EntityId>,
    seek: Option<f64>,
    dark: bool,
    view: <Routing as schedlab::ui::LabView>::View,
}

fn screen(config: Config, playhead: f64) -> Screen {
    on(config, playhead, &Library::default())
}

fn on(config: Config, playhead: f64, data: &Library) -> Screen {
    let mut job = Routing::start(&config, data).expect("a legal config");
    let run = finish(&mut *job).expect("the run ends");
    Screen {
        run,
        config,
        playhead,
        hovered: None,
        selected: None,
        seek: None,
        dark: false,
        view: <Routing as schedlab::ui::LabView>::View::default(),
    }
}

fn draw(ui: &mut egui::Ui, s: &mut Screen) {
    s.hovered = None;
    let palette = if s.dark {
        &Palette::DARK
    } else {
        &Palette::LIGHT
    };
    let rect = ui.max_rect();
    ui.painter().rect_filled(rect, 0.0, palette.background);
    let mut stage = Stage {
        playhead: s.playhead,
        slot: 0,
        slots: 1,
        hovered: &mut s.hovered,
        selected: &mut s.selected,
        seek: &mut s.seek,
        palette,
        reduce_motion: false,
    };
    Routing::picture_ui(&s.run, &mut s.config, &mut s.view, &mut stage, ui);
}

fn harness(size: [f32; 2], screen: Screen) -> Harness<'static, Screen> {
    Harness::builder()
        .with_size(size)
        .with_context_setup(theme::install)
        .wgpu()
        .build_ui_state(draw, screen)
}

fn batches<'a>(h: &'a Harness<'static, Screen>) -> &'a BatchRun {
    h.state().run.batches().expect("batches of tokens")
}

fn overflow() -> Config {
    (Routing::presets()[0].config)()
}

#[test]
fn every_expert_is_a_button_that_tells_its_load_and_can_be_selected() {
    let mut h = harness([820.0, 440.0], screen(overflow(), 1.0));
    h.run_steps(2);
    let scene = batches(&h).scene(1.0);
    let capacity = batches(&h).batches()[0].capacity;
    let e = scene
        .dropped
        .iter()
        .position(|&d| d > 0)
        .expect("the preset overflows");
    let name = format!(
        "Expert {e}: {capacity} of {capacity} places taken, {} dropped",
        scene.dropped[e]
    );
    h.get_by_role_and_label(egui::accesskit::Role::Button, &name)
        .click();
    h.run_steps(3);
    assert_eq!(h.state().selected, Some(Entity::Expert(e).id()));
}

#[test]
fn before_the_start_nothing_is_placed_and_the_picture_says_so() {
    let mut h = harness([390.0, 390.0], screen(overflow(), 0.0));
    h.run_steps(2);
    let scene = batches(&h).scene(0.0);
    assert_eq!(scene.inside.iter().sum::<u32>(), 0);
    h.get_by_label("Expert 0: 0 of 80 places taken");
}

#[test]
fn a_token_under_the_pointer_is_hovered_and_a_click_pins_it() {
    let mut h = harness([820.0, 440.0], screen(overflow(), 1.0));
    h.run_steps(2);
    let at = egui::pos2(12.0, 50.0);
    h.hover_at(at);
    h.run_steps(2);
    let hovered = h.state().hovered.map(Entity::of);
    assert!(
        matches!(hovered, Some(Entity::Token { batch: 0, .. })),
        "{hovered:?}"
    );
    h.drag_at(at);
    h.run_steps(2);
    h.drop_at(at);
    h.run_steps(2);
    assert_eq!(h.state().selected.map(Entity::of), hovered);
}

#[test]
fn every_preset_draws_at_three_sizes_and_in_both_themes() {
    for preset in Routing::presets() {
        // Training is cut short: what is drawn does not depend on how well a network has learnt.
        let config = (preset.config)();
        let run = screen(
            Config {
                train_steps: config.train_steps.min(20),
                blocks: config.blocks.min(3),
                ..config
            },
            0.6,
        );
        for (size, dark) in [
            ([820.0, 440.0], false),
            ([390.0, 390.0], true),
            ([70.0, 70.0], false),
        ] {
            let mut screen = Screen {
                run: run.run.clone(),
                config: run.config.clone(),
                view: <Routing as schedlab::ui::LabView>::View::default(),
                ..run
            };
            screen.dark = dark;
            screen.selected = Some(Entity::Token { batch: 0, token: 5 }.id());
            let mut h = harness(size, screen);
            h.run_steps(2);
            let image = h.render().expect("a software adapter renders");
            if let Ok(folder) = std::env::var("PICTURES") {
                let name = preset.name.replace(' ', "_");
                image
                    .save(format!("{folder}/{name}_{}.png", size[0]))
                    .unwrap();
            }
            let first = *image.get_pixel(0, image.height() - 1);
            let painted = image.pixels().filter(|p| **p != first).count();
            assert!(
                painted > 300 || size[0] < 100.0,
                "{}: only {painted} pixels painted",
                preset.name
            );
        }
    }
}

#[test]
fn the_heat_map_shows_what_became_of_every_pair() {
    let config = Config {
        overflow: schedlab::labs::routing::Overflow::Reroute,
        ..overflow()
    };
    let mut h = harness([820.0, 440.0], screen(config, 1.0));
    h.run_steps(2);
    h.get_by_label("Heat map").click();
    h.run_steps(3);
    let image = h.render().expect("a software adapter renders");
    if let Ok(folder) = std::env::var("PICTURES") {
        image.save(format!("{folder}/heat_map.png")).unwrap();
    }
    let near = |want: egui::Color32| {
        let [r, g, b, _] = want.to_array();
        image.pixels().filter(|p| p.0[..3] == [r, g, b]).count()
    };
    assert!(near(Palette::LIGHT.bad) > 50, "dropped pairs");
    assert!(near(Palette::LIGHT.warning) > 50, "re-routed pairs");
    h.hover_at(egui::pos2(400.0, 200.0));
    h.run_steps(2);
    let hovered = h.state().hovered.map(Entity::of);
    assert!(
        matches!(hovered, Some(Entity::Token { batch: 0, .. })),
        "{hovered:?}"
    );
    h.get_by_label("Flow").click();
    h.run_steps(3);
    assert!(h.query_all_by_label_contains("places taken").count() > 1);
}

#[test]
fn the_table_of_rules_says_what_every_switch_changes() {
    let mut h = harness([820.0, 440.0], screen(overflow(), 1.0));
    h.run_steps(2);
    h.get_by_label("Rules").click();
    h.run_steps(3);
    for label in [
        "Capacity formula",
        "Buffer order",
        "Who keeps a place",
        "Equal scores",
    ] {
        assert!(h.query_by_label(label).is_some(), "no rows of {label}");
    }
    assert!(
        h.query_all_by_label_contains("• ").count() > 4,
        "the setup's own"
    );
}

#[test]
fn every_small_experiment_is_drawn_in_wide_and_narrow_pictures() {
    for study in schedlab::labs::routing::Study::ALL {
        for size in [[820.0, 440.0], [330.0, 300.0], [60.0, 40.0]] {
            let config = Config {
                world: schedlab::labs::routing::World::Studies,
                study,
                train_steps: 20,
                ..Config::default()
            };
            let mut h = harness(size, screen(config, 0.5));
            h.run_steps(2);
            let image = h.render().expect("a software adapter renders");
            let first = *image.get_pixel(0, image.height() - 1);
            let painted = image.pixels().filter(|p| **p != first).count();
            assert!(
                painted > 300 || size[0] < 100.0,
                "{study:?}: {painted} pixels"
            );
        }
    }
}

/// A dump of choices, two a token: layer after layer ever more of them on few experts.
fn dump(layers: usize, experts: u32) -> (Config, Library) {
    let mut draw = Stream::new(5, StreamId::Test);
    let mut lines = vec!["token,layer,expert".to_owned()];
    for token in 0..512 {
        for layer in 0..layers {
            let few = (experts as usize * (layers + 3 - layer) / (layers + 3)).max(2) as u32;
            let first = draw.below(few);
            let second = (first + 1 + draw.below(few - 1)) % few;
            lines.extend([first, second].map(|e| format!("{token},{layer},{e}")));
        }
    }
    let text = lines.join("\n");
    let data = sniff("trace.csv", text.as_bytes()).expect("a dump");
    let key = DataKey::of("trace.csv", text.as_bytes());
    let config = Routing::use_data(&Config::default(), &key, &data).expect("a setup");
    let mut library = Library::default();
    library.insert(key, data);
    (config, library)
}

fn picture(h: &mut Harness<'static, Screen>, name: &str) {
    let image = h.render().expect("a software adapter renders");
    if let Ok(folder) = std::env::var("PICTURES") {
        image.save(format!("{folder}/{name}.png")).expect("saved");
    }
}

/// The panel of a layer, by the beginning of its words.
fn panel<'a>(h: &'a Harness<'static, Screen>, title: &str) -> egui_kittest::Node<'a> {
    h.query_all_by_role(egui::accesskit::Role::Button)
        .find(|n| {
            let label = n.accesskit_node().label();
            label.is_some_and(|l| l.starts_with(&format!("{title}: ")))
        })
        .unwrap_or_else(|| panic!("no panel of {title}"))
}

#[test]
fn a_layer_is_chosen_by_clicking_its_panel_or_by_keyboard() {
    let (config, library) = dump(6, 16);
    let mut h = harness([820.0, 440.0], on(config.clone(), 1.0, &library));
    h.run_steps(2);
    h.get_by_label("Layers").click();
    h.run_steps(3);
    picture(&mut h, "layers_6");
    let words = panel(&h, "Layer 4")
        .accesskit_node()
        .label()
        .expect("words");
    let run = batches(&h).multiples().expect("several layers");
    assert_eq!(words, run.panels[4].words, "the panel tells its figures");
    assert!(
        words.contains("MaxVio") && words.contains("16 experts"),
        "{words}"
    );
    panel(&h, "Layer 4").click();
    h.run_steps(2);
    assert_eq!(h.state().config.layer, 4);
    h.state_mut().config.layer = 0;
    panel(&h, "Layer 2").focus();
    h.run_steps(2);
    h.key_press(egui::Key::Enter);
    h.run_steps(2);
    assert_eq!(h.state().config.layer, 2);
    // What was chosen is a run.
    let chosen = h.state().config.clone();
    assert_eq!(
        Config {
            layer: 0,
            ..chosen.clone()
        },
        config,
        "nothing else changes"
    );
    let run = on(chosen, 1.0, &library).run;
    assert_eq!(run.batches().map(|r| r.config().layer), Some(2));
    h.get_by_label("By number").click();
    h.run_steps(3);
    picture(&mut h, "layers_6_numbered");
}

#[test]
fn many_layers_of_many_experts_are_drawn_at_every_width() {
    let (config, library) = dump(64, 256);
    let whole = on(config, 1.0, &library);
    for (size, dark) in [
        ([1000.0, 560.0], false),
        ([640.0, 420.0], true),
        ([376.0, 376.0], false),
    ] {
        let screen = Screen {
            run: whole.run.clone(),
            config: whole.config.clone(),
            view: <Routing as schedlab::ui::LabView>::View::default(),
            dark,
            ..screen(overflow(), 1.0)
        };
        let mut h = harness(size, screen);
        h.run_steps(2);
        h.get_by_label("Layers").click();
        h.run_steps(3);
        picture(&mut h, &format!("layers_64_{}", size[0]));
        panel(&h, "Layer 63").focus();
        h.run_steps(6);
        picture(&mut h, &format!("layers_64_{}_end", size[0]));
        h.key_press(egui::Key::Space);
        h.run_steps(2);
        assert_eq!(
            h.state().config.layer,
            63,
            "the last one is reached by keyboard"
        );
    }
}

#[test]
fn a_batch_or_a_measurement_of_training_is_shown_by_its_panel() {
    let mut h = harness([820.0, 440.0], screen(Config::default(), 1.0));
    h.run_steps(2);
    h.get_by_label("Batches").click();
    h.run_steps(3);
    picture(&mut h, "batches");
    panel(&h, "Batch 5").click();
    h.run_steps(2);
    assert_eq!(h.state().seek, Some(5.0));
    let config = Config {
        world: schedlab::labs::routing::World::Training,
        train_steps: 20,
        ..Config::default()
    };
    let mut h = harness([820.0, 440.0], screen(config, 1.0));
    h.run_steps(2);
    h.get_by_label("Updates").click();
    h.run_steps(3);
    picture(&mut h, "updates");
    panel(&h, "Update 7").click();
    h.run_steps(2);
    assert_eq!(h.state().seek, Some(7.0));
}
