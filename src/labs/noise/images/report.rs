//! From samples to what is shown: charts, stories, tables.

use super::super::config::Config;
use super::run::{Image, ImageRun};
use super::{ImageSet, grid};
use crate::core::{
    Axis, Chart, EntityId, Fact, Moment, MomentKind, Result, Series, SeriesKind, Story, Table,
    Timeline, num,
};
use std::sync::Arc;

/// Builds the run.
pub(super) fn build(
    config: &Config,
    set: &Arc<ImageSet>,
    levels: &Arc<[f64]>,
    contrast: f64,
    images: Vec<Image>,
) -> Result<ImageRun> {
    let steps = levels.len() - 1;
    let mut timeline = Timeline::counted(steps, "step", "1 denoising step");
    let effective = mean_effective(&images, steps);
    if let Some(k) = effective.iter().position(|e| *e < 2.0) {
        timeline.moments.push(Moment {
            at: k as f64,
            label: "on average fewer than two training images are left".to_owned(),
            kind: MomentKind::Note,
        });
    }
    let charts = [
        effective_chart(&effective, set.len()),
        level_chart(levels, set.spread()),
    ];
    Ok(ImageRun {
        grid: grid::rows(config, levels, set.image(0), contrast)?.into(),
        config: config.clone(),
        set: set.clone(),
        levels: levels.clone(),
        images: images.into(),
        timeline,
        charts: charts.into_iter().collect(),
    })
}

/// Geometric mean over samples of the number of images still possible, by step.
fn mean_effective(images: &[Image], steps: usize) -> Vec<f64> {
    (0..steps)
        .map(|k| {
            let logs = images
                .iter()
                .filter_map(|i| i.beliefs.get(k))
                .map(|b| num::ln(b.effective));
            num::exp(num::sum(logs) / images.len().max(1) as f64)
        })
        .collect()
}

fn effective_chart(effective: &[f64], count: usize) -> Chart {
    let line: Vec<[f64; 2]> = effective
        .iter()
        .enumerate()
        .map(|(k, e)| [k as f64, *e])
        .collect();
    let last = effective.len().saturating_sub(1) as f64;
    let all = vec![[0.0, count as f64], [last, count as f64]];
    Chart {
        id: "effective",
        title: "Training images still possible",
        doc: "exp of the entropy of the denoiser's weights, geometric mean over samples. Where it falls to one the picture is decided; from there on the denoiser recites.",
        x: Axis::linear("step", ""),
        y: Axis::log("training images", ""),
        series: vec![
            Series::line("effective number", line),
            Series::line("all", all).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn level_chart(levels: &[f64], spread: f64) -> Chart {
    let points: Vec<[f64; 2]> = levels
        .iter()
        .enumerate()
        .filter(|(_, s)| **s > 0.0)
        .map(|(k, s)| [k as f64, *s])
        .collect();
    let last = (levels.len() - 1) as f64;
    Chart {
        id: "sigma",
        title: "Noise level",
        doc: "Noise level s = sigma / alpha at every step, and the spread of the pixels.",
        x: Axis::linear("step", ""),
        y: Axis::log("noise level s", "pixel values"),
        series: vec![
            Series::new("noise level", SeriesKind::Line, points),
            Series::line("spread of the data", vec![[0.0, spread], [last, spread]]).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

pub(super) fn story(run: &ImageRun, entity: EntityId, at: f64) -> Option<Story> {
    let i = usize::try_from(entity.0).ok()?;
    let image = run.images.get(i)?;
    let k = run.timeline.index_at(at);
    let mut facts = vec![
        Fact::new("noise level s", format!("{:.4}", run.levels.get(k)?)),
        Fact::new("ends nearest to", run.set.name(image.nearest)),
        Fact::new("distance to it", format!("{:.4} per pixel", image.distance)),
    ];
    let mut why = Vec::new();
    if let Some(belief) = image.beliefs.get(k) {
        facts.push(Fact::new(
            "images still possible",
            format!("{:.2}", belief.effective),
        ));
        why.push(format!(
            "The denoised estimate is the mean of all training images with weights softmax(-|x - y|^2 / (2 (s^2 + h^2))). The likeliest is {}, with weight {:.4}.",
            run.set.name(belief.best),
            belief.weight
        ));
    }
    if run.config.bandwidth == 0.0 {
        why.push(
            "The width h is 0: as s falls, every sample becomes one of the training images."
                .to_owned(),
        );
    }
    Some(Story {
        title: format!("Sample {i}"),
        facts,
        why,
    })
}

pub(super) fn notable(run: &ImageRun) -> Vec<(EntityId, String)> {
    let furthest = (0..run.images.len()).max_by(|a, b| {
        let d = |i: &usize| run.images[*i].distance;
        d(a).total_cmp(&d(b)).then(b.cmp(a))
    });
    let late = (0..run.images.len()).max_by_key(|i| {
        run.images[*i]
            .beliefs
            .iter()
            .position(|b| b.effective < 2.0)
            .unwrap_or(usize::MAX)
    });
    [
        (furthest, "furthest from every training image"),
        (late, "decided last"),
    ]
    .into_iter()
    .filter_map(|(i, words)| i.map(|i| (EntityId(i as u64), format!("Sample {i}: {words}"))))
    .collect()
}

pub(super) fn tables(run: &ImageRun) -> Vec<(&'static str, Table)> {
    let samples = Table {
        columns: ["sample", "nearest_image", "label", "rms_distance"]
            .map(str::to_owned)
            .to_vec(),
        rows: run
            .images
            .iter()
            .enumerate()
            .map(|(i, image)| {
                vec![
                    i as f64,
                    image.nearest as f64,
                    run.set.label(image.nearest).map_or(f64::NAN, f64::from),
                    image.distance,
                ]
            })
            .collect(),
    };
    let steps = Table {
        columns: ["step", "sigma", "effective_images"]
            .map(str::to_owned)
            .to_vec(),
        rows: mean_effective(&run.images, run.levels.len() - 1)
            .into_iter()
            .enumerate()
            .map(|(k, e)| vec![k as f64, run.levels[k], e])
            .collect(),
    };
    vec![("samples", samples), ("steps", steps)]
}
