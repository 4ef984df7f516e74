//! The noise lab's picture, driven like a user would.

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use schedlab::core::{EntityId, finish};
use schedlab::labs::noise::data::DataSet;
use schedlab::labs::noise::schedule::ScheduleKind;
use schedlab::labs::noise::{Config, Noise, Run, World};
use schedlab::labs::{Lab, LabRun, Library};
use schedlab::ui::theme::{self, Palette};
use schedlab::ui::{LabView, Stage};

type View = <Noise as LabView>::View;

struct Screen {
    run: Run,
    config: Config,
    view: View,
    playhead: f64,
    hovered: Option<EntityId>,
    selected: Option<EntityId>,
    seek: Option<f64>,
}

fn screen(playhead: f64) -> Screen {
    let config = Config {
        particles: 400,
        ..Config::default()
    };
    let run = Noise::start(&config, &Library::default())
        .and_then(|mut job| finish(&mut *job))
        .unwrap_or_else(|e| panic!("{e}"));
    Screen {
        run,
        config,
        view: View::default(),
        playhead,
        hovered: None,
        selected: None,
        seek: None,
    }
}

fn draw(ui: &mut egui::Ui, s: &mut Screen) {
    let mut stage = Stage {
        playhead: s.playhead,
        slot: 0,
        slots: 1,
        hovered: &mut s.hovered,
        selected: &mut s.selected,
        seek: &mut s.seek,
        palette: Palette::of(ui.ctx()),
        reduce_motion: true,
    };
    Noise::picture_ui(&s.run, &mut s.config, &mut s.view, &mut stage, ui);
}

fn harness(size: [f32; 2], playhead: f64) -> Harness<'static, Screen> {
    Harness::builder()
        .with_size(size)
        .with_context_setup(theme::install)
        .build_ui_state(draw, screen(playhead))
}

#[test]
fn dragging_a_point_of_the_curve_draws_a_schedule_that_runs() {
    let mut h = harness([900.0, 700.0], 20.0);
    h.run_steps(2);
    let at = h
        .get_by_role_and_label(Role::Slider, "Noise level of control point 4")
        .rect()
        .center();
    h.drag_at(at);
    h.run_steps(1);
    h.hover_at(at + egui::vec2(0.0, 12.0));
    h.run_steps(2);
    h.drop_at(at + egui::vec2(0.0, 12.0));
    h.run_steps(2);
    let config = &h.state().config;
    assert_eq!(config.schedule, ScheduleKind::Custom);
    assert_eq!(Noise::check(config), Ok(()));
    assert!(
        config.custom[3] < h.state().run.plane().unwrap().controls()[3],
        "moved down: {:?}",
        config.custom
    );
}

#[test]
fn a_point_cannot_be_dragged_past_its_neighbours() {
    let mut h = harness([900.0, 700.0], 20.0);
    h.run_steps(2);
    let at = h
        .get_by_role_and_label(Role::Slider, "Noise level of control point 2")
        .rect()
        .center();
    h.drag_at(at);
    h.run_steps(1);
    h.hover_at(at + egui::vec2(0.0, 400.0));
    h.run_steps(2);
    let config = &h.state().config;
    assert_eq!(config.schedule, ScheduleKind::Custom);
    assert_eq!(Noise::check(config), Ok(()), "{:?}", config.custom);
}

#[test]
fn a_press_on_the_strip_moves_the_playhead() {
    let mut h = harness([900.0, 700.0], 20.0);
    h.run_steps(2);
    let strip = h
        .get_by_role_and_label(Role::Image, "Schedule: noise level at each step")
        .rect();
    let at = strip.right_bottom() - egui::vec2(21.0, 30.0);
    h.drag_at(at);
    h.run_steps(1);
    h.drop_at(at);
    h.run_steps(2);
    assert_eq!(h.state().seek, Some(h.state().run.timeline().end()));
}

#[test]
fn the_pointer_finds_a_particle_and_a_click_pins_it() {
    let mut h = harness([800.0, 800.0], 36.0);
    h.run_steps(2);
    let rect = h
        .get_by(|n| {
            n.role() == Role::Image && n.label().is_some_and(|l| l.starts_with("Particles"))
        })
        .rect();
    // A mode of the ring: at the end particles sit there.
    let centre = rect.center();
    let mut found = None;
    for step in 0..60 {
        let x = rect.width().min(rect.height()) * 0.5 * (step as f32 / 60.0);
        h.hover_at(centre + egui::vec2(x, 0.0));
        h.run_steps(1);
        if h.state().hovered.is_some() {
            found = Some(centre + egui::vec2(x, 0.0));
            break;
        }
    }
    let at = found.unwrap();
    h.drag_at(at);
    h.run_steps(1);
    h.drop_at(at);
    h.run_steps(1);
    assert_eq!(h.state().selected, h.state().hovered);
    assert!(h.state().selected.is_some());
}

#[test]
fn data_are_drawn_by_buttons_the_pointer_and_keys() {
    let mut h = harness([900.0, 700.0], 36.0);
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Draw data").click();
    h.run_steps(2);
    assert_eq!(h.state().config.data, DataSet::Drawn);
    assert_eq!(h.state().config.modes.len(), 8, "the ring's modes");
    h.get_by_role_and_label(Role::Button, "Add a mode").click();
    h.run_steps(2);
    assert_eq!(h.state().config.modes.len(), 9);
    let first = |h: &Harness<'_, Screen>| {
        h.get_by(|n| n.label().is_some_and(|l| l.starts_with("Mode 1 at")))
            .rect()
            .center()
    };
    let at = first(&h);
    h.drag_at(at);
    h.run_steps(1);
    h.hover_at(at + egui::vec2(-40.0, -25.0));
    h.run_steps(2);
    h.drop_at(at + egui::vec2(-40.0, -25.0));
    h.run_steps(2);
    let moved = h.state().config.modes[0];
    assert!(moved[0] < 0.9 && moved[1] > 0.1, "{moved:?}");
    h.get_by(|n| n.label().is_some_and(|l| l.starts_with("Mode 2 at")))
        .focus();
    h.run_steps(2);
    h.key_press(egui::Key::Delete);
    h.run_steps(2);
    assert_eq!(h.state().config.modes.len(), 8);
    assert_eq!(Noise::check(&h.state().config), Ok(()));
}

#[test]
fn the_picture_fits_a_phone_and_every_moment() {
    for size in [
        [390.0, 420.0],
        [390.0, 300.0],
        [1440.0, 620.0],
        [100.0, 60.0],
    ] {
        for playhead in [0.0, 7.3, 18.0, 25.5, 36.0, 99.0] {
            let mut h = harness(size, playhead);
            h.run_steps(2);
        }
    }
}

#[test]
fn two_pasted_schedules_show_where_they_part_and_can_be_used() {
    let (_, tab) = Noise::extra().unwrap();
    let mut h = Harness::builder()
        .with_size([420.0, 900.0])
        .with_context_setup(theme::install)
        .build_ui_state(
            |ui, (tab, config): &mut (Box<dyn schedlab::ui::Extra<Config>>, Config)| {
                tab.ui(std::slice::from_ref(config), &Library::default(), ui);
                if let Some(chosen) = tab.chosen(config) {
                    *config = chosen;
                }
            },
            (tab, Config::default()),
        );
    h.run_steps(2);
    h.get_by_label("The two agree");
    let paste = |h: &mut Harness<'_, _>, name: &str, text: &str| {
        let field = h.get_by_role_and_label(Role::MultilineTextInput, name);
        field.focus();
        h.run_steps(1);
        h.event(egui::Event::Paste(text.to_owned()));
        h.run_steps(2);
    };
    let config = r#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}"#;
    paste(&mut h, "First schedule", config);
    paste(&mut h, "Second schedule", config);
    h.get_by_label("The two agree");
    h.get_by_label("Second schedule as the papers define it")
        .click();
    h.run_steps(2);
    h.get_by(|n| {
        n.value()
            .is_some_and(|l| l.starts_with("They part at step"))
    });
    h.get_by(|n| n.value().is_some_and(|l| l.contains("shift twice")));
    h.get_by_label("Use the first schedule").click();
    h.run_steps(2);
    assert_eq!(h.state().1.schedule, ScheduleKind::Custom);
    assert_eq!(h.state().1.steps, 10);
    assert_eq!(Noise::check(&h.state().1), Ok(()));
}

/// The picture of any setup, at a moment.
fn other(config: Config, size: [f32; 2], playhead: f64) -> Harness<'static, Screen> {
    let run = Noise::start(&config, &Library::default())
        .and_then(|mut job| finish(&mut *job))
        .unwrap_or_else(|e| panic!("{e}"));
    let screen = Screen {
        run,
        config,
        view: View::default(),
        playhead,
        hovered: None,
        selected: None,
        seek: None,
    };
    Harness::builder()
        .with_size(size)
        .with_context_setup(theme::install)
        .build_ui_state(draw, screen)
}

#[test]
fn fields_fit_every_size_and_a_click_pins_a_side() {
    let config = Config {
        world: World::Fields,
        field_side: 4,
        steps: 5,
        ..Config::default()
    };
    for size in [
        [390.0, 420.0],
        [390.0, 800.0],
        [1440.0, 620.0],
        [100.0, 60.0],
    ] {
        for playhead in [0.0, 2.4, 5.0] {
            let mut h = other(config.clone(), size, playhead);
            h.run_steps(2);
        }
    }
    let mut h = other(config, [900.0, 600.0], 2.0);
    h.run_steps(2);
    h.get_by_label("denoised estimates").click();
    h.run_steps(2);
    let rect = h
        .get_by(|n| {
            n.role() == Role::Image && n.label().is_some_and(|l| l.contains("denoised estimates"))
        })
        .rect();
    let at = rect.left_top() + egui::vec2(40.0, 90.0);
    h.hover_at(at);
    h.run_steps(1);
    h.drag_at(at);
    h.run_steps(1);
    h.drop_at(at);
    h.run_steps(1);
    assert_eq!(h.state().selected, Some(EntityId(0)), "the smallest side");
}

#[test]
fn one_image_is_shown_under_several_schedules() {
    let config = Config {
        world: World::Images,
        training_images: 40,
        steps: 3,
        ..Config::default()
    };
    for size in [[390.0, 420.0], [1200.0, 500.0], [80.0, 50.0]] {
        let mut h = other(config.clone(), size, 1.0);
        h.run_steps(2);
        if size[0] < 100.0 {
            continue;
        }
        h.get_by_label("same image, other schedules").click();
        h.run_steps(2);
        h.get_by(|n| {
            let label = n.label().unwrap_or_default();
            n.role() == Role::Image && label.contains("under several schedules")
        });
    }
}
