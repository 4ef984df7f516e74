//! The training images from the hardest to the easiest, with those that go, and their margins.

use super::super::View;
use super::super::network;
use super::super::results::{Results, Run};
use super::super::training::{Images, margin_bins};
use super::grid::{self, Layout};
use crate::ui::Stage;
use crate::ui::format::number;
use crate::ui::theme::{self, Palette, fade};
use egui::{Align2, FontId, Rect, Sense, Stroke, Ui, pos2, vec2};

const CAPTION: f32 = 17.0;

/// The images of a run, and whether they are chosen at a step.
fn at(r: &Results, step: usize) -> Option<(&Images, bool)> {
    let film = r.film.as_ref()?;
    let frame = film.frames.get(step)?;
    Some((&film.images, frame.step > r.config.train_steps))
}

/// Number of training images in use at a step, and of all there are.
pub(crate) fn in_use(r: &Results, step: usize) -> [usize; 2] {
    at(r, step).map_or([0, 0], |(images, chosen)| {
        let all = images.pool.len();
        [if chosen { images.count() } else { all }, all]
    })
}

/// Draws the images; hovering tells of one.
pub(crate) fn ui(
    run: &Run,
    step: usize,
    view: &mut View,
    stage: &mut Stage<'_>,
    space: Rect,
    ui: &mut Ui,
) {
    let r = run.results();
    let Some((images, chosen)) = at(r, step) else {
        return;
    };
    let room = space.with_min_y(space.top() + CAPTION);
    if images.pool.is_empty() || room.width() < 16.0 || room.height() < 16.0 {
        return;
    }
    let layout = grid::image_layout(images.pool.len(), room.size());
    let Layout::Images { across, every } = layout else {
        return;
    };
    let area = grid::fit(room, grid::size(r, 0, layout));
    let what = match (images.margins.len() < images.pool.len(), every) {
        (true, _) => "Training images, not ranked yet".to_owned(),
        (false, 1) => "Training images, the hardest first".to_owned(),
        (false, n) => format!("Training images, the hardest first, one of every {n} shown"),
    };
    theme::caption(ui, space, &what);
    let moment = usize::from(chosen);
    let (slot, palette) = (stage.slot, stage.palette);
    grid::paint(
        run,
        0,
        moment,
        layout,
        slot,
        &mut view.textures,
        palette,
        area,
        ui,
    );
    let response = ui.interact(
        area,
        ui.scope_id().with(("images", stage.slot)),
        Sense::hover(),
    );
    let Some(point) = response.hover_pos() else {
        return;
    };
    let cell = area.width() / grid::size(r, 0, layout)[0] as f32;
    let [x, y] = [point.x - area.left(), point.y - area.top()].map(|v| (v / (9.0 * cell)) as usize);
    let rank = (y * across + x) * every;
    let Some(&i) = grid::ranked(images).get(rank) else {
        return;
    };
    let label = network::data().0.labels.get(images.pool[i]).copied();
    let margin = images.margins.get(i).copied().unwrap_or(f64::NAN);
    let fate = match (&images.kept, chosen) {
        (Some(kept), true) if !kept.kept(i) => ", goes",
        (Some(_), true) => ", stays",
        _ => "",
    };
    response.on_hover_text(format!(
        "A {}, number {} in difficulty, margin {}{fate}",
        label.unwrap_or(0),
        rank + 1,
        number(margin)
    ));
}

/// How many images have which margin: kept ones in ink, the others grey.
pub(crate) fn margins(run: &Run, step: usize, stage: &Stage<'_>, rect: Rect, ui: &Ui) {
    let r = run.results();
    let palette = stage.palette;
    let found = r.film.as_ref().and_then(margin_bins);
    let (Some((_, chosen)), Some((edges, counts))) = (at(r, step), found) else {
        theme::caption(
            ui,
            rect,
            "Margins are known when the first network is trained",
        );
        return;
    };
    let title = if chosen {
        "Margins in the first network; grey: these go"
    } else {
        "Margins in the first network"
    };
    theme::caption(ui, rect, title);
    let plot = Rect::from_min_max(rect.min + vec2(0.0, 16.0), rect.max - vec2(0.0, 15.0));
    let most = counts.iter().map(|c| c[0] + c[1]).fold(1.0, f64::max);
    let (low, high) = (edges[0], edges[edges.len() - 1]);
    let x_of = |m: f64| plot.left() + plot.width() * ((m - low) / (high - low)) as f32;
    for (pair, [kept, gone]) in edges.windows(2).zip(&counts) {
        let bar = |from: f64, to: f64, colour| {
            let y = |count: f64| plot.bottom() - plot.height() * (count / most) as f32;
            let shape = Rect::from_min_max(
                pos2(x_of(pair[0]), y(to)),
                pos2(x_of(pair[1]) - 0.5, y(from)),
            );
            ui.painter().rect_filled(shape, 0.0, colour);
        };
        let faint = if chosen {
            fade(palette.muted, 0.45)
        } else {
            fade(palette.ink, 0.85)
        };
        bar(0.0, *kept, fade(palette.ink, 0.85));
        bar(*kept, kept + gone, faint);
    }
    ui.painter().hline(
        plot.x_range(),
        plot.bottom(),
        Stroke::new(1.0, palette.grid),
    );
    let small = FontId::proportional(11.0);
    let label = |x: f32, anchor, text: String| {
        let at = pos2(x, plot.bottom() + 2.0);
        ui.painter()
            .text(at, anchor, text, small.clone(), palette.muted);
    };
    label(plot.left(), Align2::LEFT_TOP, format!("{low:.1}"));
    label(plot.right(), Align2::RIGHT_TOP, format!("{high:.1} logits"));
    if low < 0.0 && high > 0.0 && x_of(0.0) > plot.left() + 26.0 {
        label(x_of(0.0), Align2::CENTER_TOP, "0: wrong below".to_owned());
    }
}

/// Some images from the hardest to the easiest.
pub(crate) fn miniature(
    r: &Results,
    step: usize,
    palette: &Palette,
    rect: Rect,
    [across, down]: [usize; 2],
    ui: &Ui,
) {
    let Some((images, chosen)) = at(r, step) else {
        return;
    };
    let order = grid::ranked(images);
    let cell = (rect.width() / (across * 9) as f32).min(rect.height() / (down * 9) as f32);
    let origin = rect.min + vec2((rect.width() - cell * (across * 9) as f32) / 2.0, 0.0);
    let mut mesh = egui::Mesh::default();
    for place in 0..across * down {
        let Some(&i) = order.get(place * order.len() / (across * down)) else {
            continue;
        };
        let gone = chosen && images.kept.as_ref().is_some_and(|k| !k.kept(i));
        let [x, y] = grid::field(place, across);
        for (p, &ink) in network::data().0.image(images.pool[i]).iter().enumerate() {
            let colour = if gone {
                theme::mix(palette.background, palette.muted, 0.08 + 0.3 * ink)
            } else {
                theme::mix(palette.background, palette.ink, 0.06 + 0.94 * ink)
            };
            let min = origin + vec2((x + p % 8) as f32 * cell, (y + p / 8) as f32 * cell);
            mesh.add_colored_rect(Rect::from_min_size(min, vec2(cell, cell)), colour);
        }
    }
    ui.painter().add(mesh);
}
