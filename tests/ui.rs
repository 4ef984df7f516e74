//! The whole app driven by role and label, as a person with a keyboard or a screen reader would.
#![cfg(not(target_arch = "wasm32"))]

use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use schedlab::app::{App, Command};

fn app(size: [f32; 2]) -> Harness<'static, App> {
    Harness::builder()
        .with_size(egui::Vec2::from(size))
        .with_max_steps(4)
        .wgpu()
        .build_eframe(|cc| {
            let mut app = App::new(cc);
            // A busy machine may find the software device faster, and its results differ in the
            // sixth digit.
            app.stay_on_cpu();
            app
        })
}

/// Steps until the app has settled: no setup is computing.
fn settle(harness: &mut Harness<'_, App>) {
    settle_within(2000, harness);
}

fn settle_within(frames: usize, harness: &mut Harness<'_, App>) {
    for _ in 0..frames {
        harness.step();
        if !harness.state().is_busy() {
            harness.step();
            return;
        }
    }
    panic!("the app is still computing after {frames} frames");
}

fn open(harness: &mut Harness<'_, App>, hash: &str) {
    harness.state_mut().follow(hash);
    settle(harness);
}

const LABS: [&str; 5] = ["serving", "lr", "noise", "routing", "pruning"];

#[test]
fn the_home_page_offers_five_labs_and_opens_the_one_clicked() {
    let mut harness = app([1280.0, 900.0]);
    harness.step();
    for lab in [
        "Serving lab",
        "Learning rates lab",
        "Noise lab",
        "Routing lab",
        "Pruning lab",
    ] {
        assert!(
            harness.query_by_label_contains(lab).is_some(),
            "no tile for the {lab}"
        );
    }
    harness.get_by_label_contains("Noise lab").click();
    harness.step();
    settle(&mut harness);
    assert_eq!(harness.state().snapshot()["lab"], "noise");
}

#[test]
fn every_lab_computes_results_and_steps_back_to_the_same_place() {
    let mut harness = app([1280.0, 900.0]);
    for lab in LABS {
        open(&mut harness, &format!("#{lab}"));
        let snapshot = harness.state().snapshot();
        assert_eq!(snapshot["lab"], lab);
        let results = &snapshot["setups"][0]["results"];
        assert!(
            results.as_object().is_some_and(|r| r.len() >= 3),
            "{lab}: {results}"
        );
        for command in [
            Command::ToStart,
            Command::StepForward,
            Command::StepForward,
            Command::StepForward,
        ] {
            harness.state_mut().run_command(command);
        }
        let third = harness.state().snapshot()["playhead"].clone();
        harness.state_mut().run_command(Command::StepForward);
        harness.state_mut().run_command(Command::StepBack);
        assert_eq!(
            harness.state().snapshot()["playhead"],
            third,
            "{lab}: stepping back misses the step"
        );
        harness.step();
    }
}

#[test]
fn a_second_setup_starts_equal_and_can_be_undone() {
    let mut harness = app([1280.0, 900.0]);
    for lab in LABS {
        open(&mut harness, &format!("#{lab}"));
        harness.state_mut().run_command(Command::Compare);
        settle(&mut harness);
        let snapshot = harness.state().snapshot();
        assert_eq!(
            snapshot["setups"][0]["results"], snapshot["setups"][1]["results"],
            "{lab}: the same setup gives the same numbers"
        );
        harness.state_mut().run_command(Command::NewSeed);
        settle(&mut harness);
        harness.state_mut().run_command(Command::Undo);
        settle(&mut harness);
        let undone = harness.state().snapshot();
        assert_eq!(
            undone["setups"][0]["results"], snapshot["setups"][0]["results"],
            "{lab}: undo brings the numbers back"
        );
    }
}

#[test]
fn a_link_gives_the_same_numbers() {
    for lab in LABS {
        let mut first = app([1280.0, 900.0]);
        open(&mut first, &format!("#{lab}"));
        first.state_mut().run_command(Command::NewSeed);
        settle(&mut first);
        let link = first.state().link().expect("a lab is open");
        let mut second = app([390.0, 844.0]);
        open(&mut second, &link);
        assert_eq!(
            first.state().snapshot()["setups"][0]["results"],
            second.state().snapshot()["setups"][0]["results"],
            "{lab}"
        );
    }
}

#[test]
fn a_damaged_link_is_reported_and_the_lab_still_opens() {
    let mut harness = app([1280.0, 900.0]);
    open(&mut harness, "#serving/1/AAAA");
    assert!(
        harness.query_by_label_contains("link:").is_some()
            || harness.query_by_label_contains("setup:").is_some(),
        "no message about the link"
    );
    assert_eq!(harness.state().snapshot()["lab"], "serving");
}

#[test]
fn space_plays_and_pauses() {
    let mut harness = app([1280.0, 900.0]);
    open(&mut harness, "#serving");
    let playing = harness.state().snapshot()["playing"].clone();
    harness.key_press(egui::Key::Space);
    harness.step();
    assert_ne!(harness.state().snapshot()["playing"], playing);
}

#[test]
fn pictures_and_charts_have_names() {
    let mut harness = app([1440.0, 900.0]);
    for lab in LABS {
        open(&mut harness, &format!("#{lab}"));
        let named = harness
            .query_all_by_role(Role::Image)
            .filter(|node| node.accesskit_node().label().is_some_and(|l| !l.is_empty()))
            .count();
        assert!(named >= 2, "{lab}: {named} named pictures");
    }
}

/// A file on disk as one that was dropped on the window.
#[derive(Debug)]
struct OnDisk(std::path::PathBuf);

impl egui::DroppedFile for OnDisk {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    #[expect(clippy::disallowed_methods, reason = "a test reads its own file")]
    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

/// Writes screenshots of every lab: `SCREENSHOTS=folder cargo test --test ui -- --ignored`. `FILE=log.csv`
/// drops a file first, `AT=0.9` moves the playhead.
#[test]
#[ignore = "writes pictures for people to look at"]
fn screenshots() {
    let Ok(folder) = std::env::var("SCREENSHOTS") else {
        panic!("set SCREENSHOTS to a folder");
    };
    let only = std::env::var("ONLY").unwrap_or_default();
    // Further places: PLACES="exhibit/rex,lr/1/…".
    let further = std::env::var("PLACES").unwrap_or_default();
    let mut places = vec![
        "home", "claims", "serving", "lr", "noise", "routing", "pruning",
    ];
    places.extend(further.split(',').filter(|p| !p.is_empty()));
    for (size, name) in [
        ([1440.0, 900.0], "wide"),
        ([1024.0, 768.0], "medium"),
        ([390.0, 844.0], "narrow"),
    ] {
        for theme in [egui::Theme::Light, egui::Theme::Dark] {
            for place in &places {
                let short: String = place.replace('/', "-").chars().take(40).collect();
                let file = format!("{short}-{name}-{theme:?}").to_lowercase();
                if !file.contains(&only) {
                    continue;
                }
                let mut harness = app(size);
                harness.ctx.set_theme(theme);
                open(&mut harness, &format!("#{place}"));
                if let Ok(file) = std::env::var("FILE") {
                    let file = std::sync::Arc::new(OnDisk(file.into()));
                    harness.input_mut().dropped_files.push(file);
                    harness.run_steps(5);
                    harness.get_by_label_contains("Use in the").click();
                    harness.step();
                    settle(&mut harness);
                }
                if std::env::var("COMPARE").is_ok() {
                    harness.state_mut().run_command(Command::Compare);
                    settle(&mut harness);
                }
                // Tabs or buttons to press: TAB=Schedules, TAB="Capacity>Phase diagram".
                for tab in std::env::var("TAB").unwrap_or_default().split('>') {
                    if let Some(node) = harness.query_by_label(tab) {
                        node.click();
                        harness.step();
                        settle(&mut harness);
                    }
                }
                if std::env::var("SWEEP").is_ok() && harness.state().link().is_some() {
                    harness.state_mut().run_command(Command::Sweep);
                    harness.step();
                    harness.get_by_label_contains("Sweep, ").click();
                    harness.step();
                    settle(&mut harness);
                }
                let at = std::env::var("AT").ok().and_then(|at| at.parse().ok());
                harness.state_mut().seek_share(at.unwrap_or(0.45));
                for _ in 0..3 {
                    harness.step();
                }
                let image = harness.render().expect("a software renderer");
                image
                    .save(format!("{folder}/{file}.png"))
                    .expect("a writable folder");
            }
        }
    }
}

/// Writes the pictures of the README: `SCREENSHOTS=assets/screenshots cargo test --test ui -- --ignored readme`.
#[test]
#[ignore = "writes pictures for people to look at"]
fn readme_pictures() {
    let Ok(folder) = std::env::var("SCREENSHOTS") else {
        panic!("set SCREENSHOTS to a folder");
    };
    let picture = |harness: &mut Harness<'_, App>, share: f64, name: &str| {
        harness.state_mut().seek_share(share);
        for _ in 0..3 {
            harness.step();
        }
        let image = harness.render().expect("a software renderer");
        image
            .save(format!("{folder}/{name}.png"))
            .expect("a writable folder");
    };
    let light = || {
        let harness = app([1440.0, 900.0]);
        harness.ctx.set_theme(egui::Theme::Light);
        harness
    };
    let mut harness = light();
    settle(&mut harness);
    for _ in 0..40 {
        harness.step();
    }
    picture(&mut harness, 0.0, "home");
    harness
        .get_by_label("Serving: why decode stalls, vLLM against Sarathi")
        .click();
    harness.step();
    settle(&mut harness);
    picture(&mut harness, 0.45, "serving-compare");
    for (lab, share) in [("noise", 0.86), ("routing", 0.45), ("lr", 0.7)] {
        let mut harness = light();
        open(&mut harness, &format!("#{lab}"));
        picture(&mut harness, share, lab);
    }
    let mut harness = app([1440.0, 900.0]);
    harness.ctx.set_theme(egui::Theme::Dark);
    open(&mut harness, "#pruning");
    picture(&mut harness, 0.8, "pruning-dark");
}

#[test]
fn the_phase_diagram_tells_who_serves_most_and_a_cell_becomes_the_targets() {
    let mut harness = app([1440.0, 900.0]);
    open(&mut harness, "#serving");
    for press in ["Capacity", "Phase diagram", "Draw the phase diagram"] {
        harness.get_by_label(press).click();
        harness.step();
        harness.step();
    }
    assert!(
        !harness.state().is_busy() || harness.query_by_label("Cancel diagram").is_some(),
        "a diagram under way can be given up"
    );
    settle(&mut harness);
    let before = harness.state().snapshot()["setups"][0]["setup"]["config"].clone();
    harness.get_by_label("Phase diagram map").focus();
    harness.step();
    harness.key_press(egui::Key::Enter);
    harness.step();
    settle(&mut harness);
    let after = harness.state().snapshot()["setups"][0]["setup"]["config"].clone();
    assert_ne!(before, after, "the corner's targets are set");
    assert_eq!(after["slo_ttft_secs"], 0.25, "{after}");
    assert!(
        harness
            .query_by_label_contains("setups have changed")
            .is_none(),
        "targets change no run"
    );
}

#[test]
fn a_placement_for_coefficients_of_ones_own_is_searched_on_a_roofline_that_is_named() {
    let mut harness = app([1440.0, 900.0]);
    open(&mut harness, "#exhibit/distserve");
    for press in ["Capacity", "Placement"] {
        harness.get_by_label(press).click();
        harness.step();
        harness.step();
    }
    assert!(
        harness.query_by_label("Search the placement").is_none(),
        "not with these coefficients"
    );
    harness
        .get_by_label_contains("Search with the roofline of")
        .click();
    harness.step();
    harness.step();
    assert!(
        harness.query_by_label("Cancel placement").is_some(),
        "the search is under way"
    );
}

#[test]
fn the_placement_search_shows_a_map_per_phase_and_what_follows() {
    let mut harness = app([1440.0, 900.0]);
    open(&mut harness, "#serving");
    let before = harness.query_all_by_label_contains("→ ").count();
    for press in ["Capacity", "Placement", "Search the placement"] {
        harness.get_by_label(press).click();
        harness.step();
        harness.step();
    }
    assert!(
        harness.query_by_label("Cancel placement").is_some(),
        "a search under way can be given up"
    );
    // Some hundred runs.
    settle_within(40_000, &mut harness);
    for part in ["Prefill alone", "Decode alone", "Both together"] {
        assert!(
            harness.query_by_label_contains(part).is_some(),
            "{part} has its map"
        );
    }
    let marked = harness.query_all_by_label_contains("→ ").count();
    assert_eq!(marked, before + 4, "a chosen cell a map, and the legend");
    assert!(
        harness.query_by_label_contains("run as a whole").is_some(),
        "what was planned is run"
    );
}

#[test]
fn a_comparison_shows_the_same_request_in_both_setups() {
    let mut harness = app([1440.0, 900.0]);
    settle(&mut harness);
    harness
        .get_by_label("Serving: why decode stalls, vLLM against Sarathi")
        .click();
    harness.step();
    settle(&mut harness);
    let snapshot = harness.state().snapshot();
    let setups = snapshot["setups"].as_array().expect("setups");
    assert_eq!(setups.len(), 2, "{snapshot}");
    assert_ne!(
        setups[0]["results"], setups[1]["results"],
        "the schedulers differ"
    );
    // The workload is the same: every request arrives and has the same lengths in both.
    for key in ["seed", "requests", "rate_per_sec"] {
        assert_eq!(
            setups[0]["setup"]["config"].get(key),
            setups[1]["setup"]["config"].get(key),
            "{key}"
        );
    }
}

#[test]
fn a_sweep_runs_over_a_parameter_and_shows_its_curve() {
    let mut harness = app([1440.0, 900.0]);
    open(&mut harness, "#serving");
    harness.state_mut().run_command(Command::Compare);
    harness.state_mut().run_command(Command::Sweep);
    harness.step();
    harness.get_by_label_contains("Sweep, 42 runs").click();
    harness.step();
    settle(&mut harness);
    assert!(
        harness.query_by_label("Result").is_some(),
        "the result can be chosen once there is one"
    );
}

#[test]
fn the_capacity_of_two_setups_is_searched_and_drawn() {
    let mut harness = app([1440.0, 900.0]);
    open(&mut harness, "#serving");
    harness.state_mut().run_command(Command::Compare);
    harness.step();
    harness.get_by_label("Capacity").click();
    harness.step();
    harness.get_by_label("Search the capacity").click();
    // The click, then the first frame that works on it.
    harness.step();
    harness.step();
    assert!(
        !harness.state().is_busy() || harness.query_by_label("Cancel search").is_some(),
        "a search under way can be given up"
    );
    settle(&mut harness);
    assert!(
        harness.query_by_label_contains("95 % interval").is_some(),
        "every setup has its capacity"
    );
    harness.get_by_label("Results").click();
    harness.step();
    assert!(
        harness.query_by_label("Timeline for Perfetto").is_some(),
        "the run can be saved for other programs"
    );
}

#[test]
fn headings_have_levels() {
    let mut harness = app([1440.0, 900.0]);
    open(&mut harness, "#serving");
    let levels: Vec<_> = harness
        .query_all_by_role(Role::Heading)
        .filter_map(|node| node.accesskit_node().level())
        .collect();
    assert!(levels.contains(&1), "the lab's name: {levels:?}");
    assert!(levels.contains(&2), "the groups of parameters: {levels:?}");
}

#[test]
fn the_claims_page_lists_every_claim_and_opens_its_system() {
    let mut harness = app([1440.0, 900.0]);
    harness.state_mut().follow("#claims");
    harness.step();
    let first = schedlab::labs::exhibits()
        .find(|e| e.claim.is_some())
        .expect("a claim");
    assert!(
        harness
            .query_all_by_label_contains(first.title)
            .next()
            .is_some(),
        "{} is missing",
        first.title
    );
    harness
        .query_all_by_label("Open in the lab")
        .next()
        .expect("a way into the lab")
        .click();
    harness.step();
    settle(&mut harness);
    assert_eq!(harness.state().snapshot()["exhibit"], first.id);
}

#[test]
fn a_story_waits_for_its_action_and_its_link_comes_back_to_the_step() {
    let mut harness = app([1440.0, 900.0]);
    open(&mut harness, "#story/decode-stalls/1");
    assert!(harness.query_by_label("Skip").is_some(), "nothing done yet");
    harness.state_mut().run_command(Command::StepForward);
    harness.step();
    harness.step();
    harness.get_by_label("Next").click();
    harness.step();
    settle(&mut harness);
    assert!(
        harness.query_by_label("2 of 5").is_some(),
        "the second step"
    );
    open(&mut harness, "#story/decode-stalls/3");
    assert_eq!(
        harness.state().snapshot()["setups"]
            .as_array()
            .map(Vec::len),
        Some(2),
        "the third step compares two schedulers"
    );
    harness.key_press(egui::Key::Escape);
    harness.step();
    assert!(harness.query_by_label("3 of 5").is_none(), "Esc leaves");
}

#[test]
fn an_embedded_lab_shows_the_picture_and_the_transport_alone() {
    let mut harness = app([800.0, 450.0]);
    harness.state_mut().embed();
    open(&mut harness, "#serving");
    assert!(harness.query_by_label("Open in Schedlab").is_some());
    assert!(
        harness.query_by_label("Share").is_none() && harness.query_by_label("Results").is_none(),
        "no panels"
    );
    if let Ok(folder) = std::env::var("SCREENSHOTS") {
        harness.state_mut().seek_share(0.5);
        harness.step();
        let image = harness.render().expect("a software renderer");
        image
            .save(format!("{folder}/embed.png"))
            .expect("a writable folder");
    }
}

#[test]
fn a_setup_kept_under_a_name_is_on_the_home_page_and_opens() {
    let mut harness = app([1280.0, 900.0]);
    open(&mut harness, "#exhibit/switch");
    let setup = harness.state().snapshot()["setups"][0]["setup"].clone();
    let name = harness.state().snapshot()["setups"][0]["label"]
        .as_str()
        .map(str::to_owned)
        .expect("a label");
    harness.key_press(egui::Key::K);
    harness.step();
    harness.step();
    assert!(harness.query_by_label("Keep this setup").is_some());
    harness.key_press(egui::Key::Enter);
    harness.step();
    harness.step();
    open(&mut harness, "#serving");
    harness.state_mut().run_command(Command::Home);
    harness.step();
    harness.step();
    assert!(
        harness.query_by_label("Save all as a file").is_some(),
        "the shelf"
    );
    harness.get_by_label(&name).click();
    harness.step();
    harness.step();
    harness.get_by_label("Open").click();
    harness.step();
    settle(&mut harness);
    assert_eq!(harness.state().snapshot()["setups"][0]["setup"], setup);
}
