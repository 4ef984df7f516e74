//! The learning-rate lab's picture, driven like a user would.

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use schedlab::core::{EntityId, finish};
use schedlab::labs::lr::schedule::Shape;
use schedlab::labs::lr::{Config, Lr, Problem, Run};
use schedlab::labs::{DataKey, Lab, Library, sniff};
use schedlab::ui::theme::{self, Palette};
use schedlab::ui::{LabView, Stage};

type View = <Lr as LabView>::View;

struct Screen {
    run: Run,
    config: Config,
    view: View,
    playhead: f64,
    hovered: Option<EntityId>,
    selected: Option<EntityId>,
    seek: Option<f64>,
}

fn screen(config: Config, playhead: f64) -> Screen {
    screen_with(config, playhead, &Library::default())
}

fn screen_with(config: Config, playhead: f64, library: &Library) -> Screen {
    let run = Lr::start(&config, library)
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
    Lr::picture_ui(&s.run, &mut s.config, &mut s.view, &mut stage, ui);
}

fn quadratic() -> Config {
    Config {
        dims: 32,
        horizon: 200,
        ..Config::default().with_problem(Problem::Quadratic)
    }
}

fn harness(config: Config, size: [f32; 2]) -> Harness<'static, Screen> {
    Harness::builder()
        .with_size(size)
        .with_context_setup(theme::install)
        .build_ui_state(draw, screen(config, 60.0))
}

/// Drags the point whose label starts with `words`.
fn drag(h: &mut Harness<'_, Screen>, words: &str, by: egui::Vec2) {
    h.run_steps(2);
    let at = h
        .get_by(|n| n.role() == Role::Slider && n.label().is_some_and(|l| l.starts_with(words)))
        .rect()
        .center();
    h.drag_at(at);
    h.run_steps(1);
    h.hover_at(at + by);
    h.run_steps(2);
    h.drop_at(at + by);
    h.run_steps(2);
}

#[test]
fn dragging_the_peak_moves_the_warmup_and_the_rate() {
    let mut h = harness(quadratic(), [900.0, 600.0]);
    drag(&mut h, "warmup end and peak", egui::vec2(60.0, 30.0));
    let config = &h.state().config;
    assert!(
        config.warmup > 0.12 && config.warmup < 0.3,
        "{}",
        config.warmup
    );
    assert!(config.peak < 0.5 && config.peak > 0.2, "{}", config.peak);
    assert_eq!(Lr::check(config), Ok(()));
}

#[test]
fn dragging_the_cooldown_and_the_floor_edits_the_schedule() {
    let mut h = harness(quadratic(), [390.0, 600.0]);
    drag(&mut h, "cooldown start", egui::vec2(-60.0, 0.0));
    assert!(
        h.state().config.cooldown > 0.4,
        "{}",
        h.state().config.cooldown
    );
    drag(&mut h, "final rate", egui::vec2(0.0, -40.0));
    assert!(h.state().config.floor > 0.05, "{}", h.state().config.floor);
    assert_eq!(Lr::check(&h.state().config), Ok(()));
}

#[test]
fn points_cannot_be_dragged_into_a_schedule_that_is_refused() {
    let mut h = harness(quadratic(), [900.0, 600.0]);
    drag(&mut h, "warmup end and peak", egui::vec2(2000.0, -2000.0));
    assert_eq!(Lr::check(&h.state().config), Ok(()));
    drag(&mut h, "final rate", egui::vec2(0.0, 2000.0));
    assert_eq!(Lr::check(&h.state().config), Ok(()));
}

#[test]
fn the_arrow_keys_move_a_focused_point() {
    let mut h = harness(quadratic(), [900.0, 600.0]);
    h.run_steps(2);
    let before = h.state().config.cooldown;
    h.get_by(|n| n.role() == Role::Slider && n.label().is_some_and(|l| l.starts_with("cooldown")))
        .focus();
    h.run_steps(2);
    h.key_press(egui::Key::ArrowLeft);
    h.run_steps(2);
    assert!(
        h.state().config.cooldown > before,
        "{}",
        h.state().config.cooldown
    );
}

#[test]
fn a_constant_rate_has_one_point_and_wsd_three() {
    for (shape, count) in [(Shape::Constant, 1), (Shape::Linear, 2), (Shape::Wsd, 3)] {
        let config = Config {
            shape,
            rivals: false,
            ..quadratic()
        };
        let mut h = harness(config, [600.0, 500.0]);
        h.run_steps(2);
        let found = h.get_all_by_role(Role::Slider).count();
        assert_eq!(found, count, "{shape:?}");
    }
}

#[test]
fn a_press_on_the_loss_moves_the_playhead_and_the_picture_says_the_result() {
    let mut h = harness(quadratic(), [900.0, 600.0]);
    h.run_steps(2);
    let at = h
        .get_by(|n| {
            n.role() == Role::Image && n.label().is_some_and(|l| l.contains("expected final loss"))
        })
        .rect()
        .center();
    h.hover_at(at);
    h.run_steps(1);
    h.drag_at(at);
    h.run_steps(1);
    h.drop_at(at);
    h.run_steps(2);
    let seek = h.state().seek.unwrap();
    assert!((seek - 100.0).abs() < 3.0, "{seek}");
}

#[test]
fn every_problem_draws_something_in_both_themes_and_small() {
    for problem in [Problem::Law, Problem::Quadratic, Problem::Digits] {
        let base = Config::default().with_problem(problem);
        let config = Config {
            horizon: base.horizon.min(2000),
            dims: 32,
            seeds: 2,
            grid: 1,
            ..base
        };
        let config = if problem == Problem::Digits {
            Config {
                horizon: 80,
                ..config
            }
        } else {
            config
        };
        for (size, theme) in [
            ([900.0, 600.0], egui::Theme::Light),
            ([390.0, 500.0], egui::Theme::Dark),
        ] {
            let mut h = Harness::builder()
                .with_size(size)
                .with_context_setup(theme::install)
                .with_theme(theme)
                .wgpu()
                .build_ui_state(draw, screen(config.clone(), 60.0));
            h.run_steps(3);
            let image = h.render().expect("a software adapter renders");
            if let Ok(folder) = std::env::var("LR_PICTURES") {
                image
                    .save(format!("{folder}/{problem:?}_{}.png", size[0]))
                    .unwrap();
            }
            let first = *image.get_pixel(0, 0);
            let drawn = image.pixels().filter(|p| **p != first).count();
            assert!(drawn > 2000, "{problem:?} {size:?}: {drawn} pixels drawn");
        }
    }
}

/// A log of a flat run with noise-free losses, and one with a cooldown.
fn logged() -> (Config, Library) {
    use std::fmt::Write as _;
    let mut text = "run,step,lr,loss\n".to_owned();
    for (name, cooled) in [("flat", false), ("cooled", true)] {
        for s in (100..4000).step_by(50) {
            let left = if cooled {
                (f64::from(4000 - s) / 900.0).min(1.0)
            } else {
                1.0
            };
            let loss = 2.4 + 3.0 / f64::from(s).sqrt().sqrt() - 0.12 * (1.0 - left);
            writeln!(text, "{name},{s},{},{loss}", 3e-4 * left).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    let key = DataKey::of("log.csv", text.as_bytes());
    let data = sniff("log.csv", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let config = Lr::use_data(&Config::default(), &key, &data).unwrap_or_else(|e| panic!("{e}"));
    let mut library = Library::default();
    library.insert(key, data);
    (
        Config {
            run: 1,
            peak: 3e-4,
            ..config
        },
        library,
    )
}

#[test]
fn a_continued_log_is_drawn_and_its_cooldown_can_be_dragged() {
    let (config, library) = logged();
    let before = config.cooldown;
    let mut h = Harness::builder()
        .with_size([1000.0, 620.0])
        .with_context_setup(theme::install)
        .wgpu()
        .build_ui_state(draw, screen_with(config, 3000.0, &library));
    h.run_steps(2);
    if let Ok(folder) = std::env::var("SCREENSHOTS") {
        let image = h.render().unwrap_or_else(|e| panic!("{e}"));
        image
            .save(format!("{folder}/lr-log.png"))
            .unwrap_or_else(|e| panic!("{e}"));
    }
    drag(&mut h, "cooldown start", egui::vec2(40.0, 0.0));
    let config = &h.state().config;
    assert!(config.cooldown < before, "{} {before}", config.cooldown);
    assert!(Lr::start(config, &library).is_ok());
}
