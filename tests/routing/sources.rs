//! Tokens of a text and of digits.

use super::run;
use schedlab::core::EntityId;
use schedlab::labs::LabRun as _;
use schedlab::labs::routing::{BatchRun, Config, Entity, Router, TokenSource};

fn from(source: TokenSource) -> Config {
    Config {
        source,
        tokens: 96,
        batches: 2,
        ..Config::default()
    }
}

/// What the inspector calls a token.
fn called(run: &BatchRun, batch: usize, token: usize, name: &str) -> String {
    let id: EntityId = Entity::Token { batch, token }.id();
    let story = run.story(id, 1.0).expect("a story");
    let fact = story.facts.iter().find(|f| f.name == name);
    fact.unwrap_or_else(|| panic!("no {name} of token {token}"))
        .value
        .clone()
}

fn metric(run: &BatchRun, id: &str) -> f64 {
    let all = run.metrics();
    all.iter()
        .find(|m| m.id == id)
        .map_or(f64::NAN, |m| m.value)
}

#[test]
fn tokens_of_a_text_are_its_words_in_their_order() {
    let run = run(&from(TokenSource::Text));
    let word = |i: usize| {
        let value = called(&run, i / 96, i % 96, "Word");
        value
            .split('"')
            .nth(1)
            .expect("a word in quotes")
            .to_owned()
    };
    let seen: Vec<String> = (0..192).map(word).collect();
    let text: Vec<&str> = include_str!("../../assets/alice.txt")
        .split_whitespace()
        .collect();
    let n = text.len();
    let starts = (0..n).any(|from| (0..192).all(|i| seen[i] == text[(from + i) % n]));
    assert!(starts, "{seen:?}");
    // A word has one group, and one best expert: the router sees nothing else of it.
    for (i, a) in seen.iter().enumerate() {
        let of = |i: usize| {
            let b = &run.batches()[i / 96];
            (b.clusters[i % 96], b.of_token(i % 96)[0].expert)
        };
        let first = seen.iter().position(|b| a == b).expect("itself");
        assert_eq!(of(i), of(first), "{a}");
    }
    let told = metric(&run, "specialisation");
    assert!((0.2..1.0).contains(&told), "{told}");
}

#[test]
fn tokens_of_digits_are_grouped_by_their_labels() {
    let run = run(&from(TokenSource::Digits));
    for (t, &group) in run.batches()[0].clusters.iter().enumerate() {
        let value = called(&run, 0, t, "Digit");
        assert!(value.starts_with(&format!("{group}, image ")), "{value}");
    }
    let told = metric(&run, "specialisation");
    // 192 tokens that say nothing would show (10 - 1) (8 - 1) / (2 · 192) nats, 0.07 of ln 10.
    assert!(told > 0.14, "a random router tells digits apart: {told}");
}

#[test]
fn routers_that_need_more_than_scores_work_on_every_source() {
    for source in TokenSource::ALL {
        for router in [
            Router::Hash,
            Router::Cosine,
            Router::SoftMoe,
            Router::TokenGraph,
        ] {
            let run = run(&Config {
                router,
                ..from(source)
            });
            let demand: u32 = run.batches()[1].demand.iter().sum();
            assert!(demand > 0, "{source:?} {router:?}");
        }
    }
}

#[test]
fn a_setup_from_before_there_were_sources_is_one_of_clusters() {
    let old: Config = serde_json::from_str(r#"{"experts": 16, "seed": 4}"#).expect("a setup");
    assert_eq!((old.source, old.experts), (TokenSource::Clusters, 16));
    let text = serde_json::to_string(&from(TokenSource::Text)).expect("JSON");
    let again: Config = serde_json::from_str(&text).expect("a setup");
    assert_eq!(again, from(TokenSource::Text));
}
