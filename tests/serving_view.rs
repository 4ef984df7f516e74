//! The serving picture, driven as a pointer would. `SHOTS=folder cargo test --test serving_view`
//! also writes pictures.
#![cfg(feature = "app")]
#![expect(clippy::unwrap_used, reason = "a test says what failed by stopping")]

use egui::{Event, Modifiers, PointerButton, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use schedlab::core::{EntityId, finish};
use schedlab::labs::serving::{Config, Run, Serving, World, WorldRun};
use schedlab::labs::{Lab as _, LabRun as _, Library};
use schedlab::ui::theme::{self, Palette};
use schedlab::ui::{LabView, Stage};

/// What the screen around the picture would hold.
struct Screen {
    run: WorldRun,
    config: Config,
    view: <Serving as LabView>::View,
    playhead: f64,
    hovered: Option<EntityId>,
    selected: Option<EntityId>,
    dark: bool,
}

fn screen(config: &Config, share: f64, dark: bool) -> Screen {
    let run = finish(&mut *Serving::start(config, &Library::default()).unwrap()).unwrap();
    Screen {
        playhead: run.timeline().end() * share,
        run,
        config: config.clone(),
        view: <Serving as LabView>::View::default(),
        hovered: None,
        selected: None,
        dark,
    }
}

/// The run of the engine on the screen.
fn server(s: &Screen) -> &Run {
    match &s.run {
        WorldRun::Server(run) => run,
        WorldRun::Aside(_) => panic!("an experiment beside the engine"),
    }
}

fn draw(ui: &mut egui::Ui, s: &mut Screen) {
    let palette = if s.dark {
        &Palette::DARK
    } else {
        &Palette::LIGHT
    };
    let whole = ui.max_rect();
    ui.painter()
        .rect_filled(whole.expand(20.0), 0.0, palette.background);
    s.hovered = None;
    let mut seek = None;
    let mut stage = Stage {
        playhead: s.playhead,
        slot: 0,
        slots: 1,
        hovered: &mut s.hovered,
        selected: &mut s.selected,
        seek: &mut seek,
        palette,
        reduce_motion: false,
    };
    Serving::picture_ui(&s.run, &mut s.config, &mut s.view, &mut stage, ui);
    if let Some(at) = seek {
        s.playhead = at;
    }
}

fn harness(size: [f32; 2], screen: Screen) -> Harness<'static, Screen> {
    let mut harness = Harness::builder()
        .with_size(size)
        .with_context_setup(theme::install)
        .wgpu()
        .build_ui_state(draw, screen);
    harness.run_steps(3);
    harness
}

fn shot(name: &str, harness: &mut Harness<'_, Screen>) {
    if let Ok(folder) = std::env::var("SHOTS") {
        let image = harness.render().unwrap();
        image.save(format!("{folder}/serving_{name}.png")).unwrap();
    }
}

fn preset(i: usize) -> Config {
    (Serving::presets()[i].config)()
}

#[test]
fn the_picture_is_drawn_at_every_size_and_names_its_result() {
    for (name, size, preset_index, share, dark) in [
        ("stalls", [1100.0, 560.0], 0, 0.7, false),
        ("chunked_dark", [1100.0, 560.0], 1, 0.7, true),
        ("pressure", [900.0, 600.0], 3, 0.5, false),
        ("static_narrow", [390.0, 420.0], 2, 0.4, false),
        ("bursty_dark", [760.0, 420.0], 5, 0.5, true),
    ] {
        let mut h = harness(size, screen(&preset(preset_index), share, dark));
        shot(name, &mut h);
        let node = h.get_by_label("Timeline of requests");
        let words = node.accesskit_node().description().unwrap_or_default();
        assert!(words.contains("tokens per second"), "{name}: {words:?}");
    }
}

#[test]
fn a_scheduler_that_looks_ahead_shows_what_it_sees() {
    let Some(schedlab::labs::Setup::Serving(config)) =
        schedlab::labs::exhibit("past-future").map(|e| (e.setup)())
    else {
        panic!("no setup of Past-Future");
    };
    let mut h = harness([1100.0, 560.0], screen(&config, 0.4, false));
    shot("past_future", &mut h);
    let s = h.state();
    let seen = schedlab::labs::serving::Snapshot::of(server(s), s.playhead).forecast;
    let peak = seen.iter().map(|c| c[1]).fold(0.0, f64::max);
    assert!(peak > 0.3, "{seen:?}");
    assert!(seen[0][0] <= s.playhead, "{seen:?}");
}

#[test]
fn pools_show_the_kv_on_its_way_on_both_sides() {
    let Some(schedlab::labs::Setup::Serving(mut config)) =
        schedlab::labs::exhibit("distserve").map(|e| (e.setup)())
    else {
        panic!("no setup of DistServe");
    };
    // A slow link, so that there is always something on its way.
    config.transfer_gbps = 1.0;
    let mut h = harness([1100.0, 560.0], screen(&config, 0.5, false));
    shot("distserve", &mut h);
    let s = h.state();
    let snapshot = schedlab::labs::serving::Snapshot::of(server(s), s.playhead);
    assert_eq!(snapshot.prefill_instances, 1);
    let both = (snapshot.holdings[0].iter()).filter(|h| snapshot.holdings[1].contains(h));
    assert!(both.count() >= 1, "{:?}", snapshot.holdings);
}

#[test]
fn many_requests_share_lanes() {
    let config = Config {
        requests: 2000,
        ..preset(3)
    };
    let mut h = harness([900.0, 500.0], screen(&config, 0.3, false));
    shot("many", &mut h);
}

fn press(h: &mut Harness<'_, Screen>, at: egui::Pos2, pressed: bool) {
    h.event(Event::PointerButton {
        pos: at,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    });
    h.run_steps(1);
}

#[test]
fn a_click_on_a_lane_selects_its_request_and_a_drag_moves_the_playhead() {
    let mut h = harness([1000.0, 500.0], screen(&preset(0), 0.5, false));
    let lane = pos2(300.0, 150.0);
    h.event(Event::PointerMoved(lane));
    h.run_steps(2);
    assert!(h.state().hovered.is_some(), "nothing under the pointer");
    press(&mut h, lane, true);
    press(&mut h, lane, false);
    assert!(h.state().selected.is_some(), "the click selected nothing");
    let before = h.state().playhead;
    let ruler = pos2(500.0, 480.0);
    h.event(Event::PointerMoved(ruler));
    h.run_steps(1);
    press(&mut h, ruler, true);
    h.event(Event::PointerMoved(pos2(200.0, 480.0)));
    h.run_steps(1);
    let after = h.state().playhead;
    assert!(
        after < before,
        "the drag to the left did not seek: {before} {after}"
    );
    press(&mut h, pos2(200.0, 480.0), false);
    shot("selected", &mut h);
}

#[test]
fn zooming_shows_less_time_and_fit_shows_all_again() {
    let mut h = harness([1000.0, 500.0], screen(&preset(0), 0.5, false));
    for _ in 0..5 {
        h.get_by_label("+").click();
        h.run_steps(2);
    }
    shot("zoomed", &mut h);
    let lane = pos2(300.0, 100.0);
    h.event(Event::PointerMoved(lane));
    h.run_steps(2);
    let zoomed = h.state().hovered;
    h.get_by_label("Fit").click();
    h.run_steps(2);
    h.event(Event::PointerMoved(lane));
    h.run_steps(2);
    assert_ne!(zoomed, h.state().hovered, "the lanes are the same");
}

#[test]
fn experiments_are_drawn_and_what_is_on_their_boards_can_be_picked() {
    let configs = schedlab::labs::exhibits().filter_map(|e| match (e.setup)() {
        schedlab::labs::Setup::Serving(config) if config.world != World::Server => {
            Some((e.id, config))
        }
        _ => None,
    });
    for (id, config) in configs {
        let first = screen(&config, 0.7, false);
        for (size, dark) in [([1100.0, 560.0], false), ([380.0, 420.0], true)] {
            let again = Screen {
                run: first.run.clone(),
                config: config.clone(),
                view: <Serving as LabView>::View::default(),
                dark,
                ..first
            };
            let mut h = harness(size, again);
            let WorldRun::Aside(run) = &h.state().run else {
                panic!("{id} runs the engine");
            };
            let (name, words) = (run.board().name, run.summary());
            let node = h.get_by_label(name);
            let read = node.accesskit_node().description().unwrap_or_default();
            assert!(read.starts_with(&words), "{id}: {read:?}");
            let mut picked = None;
            for i in 0..100_u32 {
                let x = size[0] * (0.1 + 0.07 * (i % 10) as f32);
                let y = size[1] * (0.2 + 0.075 * (i / 10) as f32);
                h.event(Event::PointerMoved(pos2(x, y)));
                h.run_steps(1);
                if h.state().hovered.is_some() {
                    picked = Some(pos2(x, y));
                    break;
                }
            }
            let at = picked.unwrap_or_else(|| panic!("{id}: nothing under the pointer"));
            press(&mut h, at, true);
            press(&mut h, at, false);
            let selected = h.state().selected.expect(id);
            assert!(h.state().run.story(selected, 0.0).is_some(), "{id}");
            shot(&format!("{id}_{}", size[0]), &mut h);
        }
    }
}
