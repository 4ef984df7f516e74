//! Weights as pixels: one cell a weight, ink by magnitude, pruned ones blank. The first layer of a
//! digit reader is drawn as one 8 × 8 field for each hidden unit.

use super::super::config::Source;
use super::super::network;
use super::super::results::{Cell, Results, Run};
use super::super::training::Images;
use crate::core::digits::PIXELS;
use crate::core::stats::ascending;
use crate::ui::theme::{Palette, mix};
use egui::{Color32, ColorImage, Rect, TextureHandle, TextureOptions, Ui, Vec2, pos2, vec2};
use std::sync::Arc;

/// Side of a digit.
const SIDE: usize = 8;
/// Largest side of a texture; larger layers are drawn as block means.
const LARGEST: usize = 512;
/// Layers above this size are not redrawn while the playhead moves; their strip says enough.
pub(crate) const PIXEL_LIMIT: usize = 1 << 22;

/// How a layer is laid out as an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Layout {
    /// One 8 × 8 field per row of the matrix, this many fields side by side.
    Fields(usize),
    /// The matrix as it is, or means over blocks of this size.
    Matrix(usize),
    /// Training images from the hardest to the easiest: this many side by side, every so many-th.
    Images {
        /// Images in a row.
        across: usize,
        /// Of so many neighbours in the order one is shown.
        every: usize,
    },
}

/// What a cached image was made of.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    layer: usize,
    step: usize,
    dark: bool,
    layout: Layout,
}

/// Images kept between frames, one for each place on screen.
#[derive(Clone, Default)]
pub(crate) struct Textures {
    places: Vec<Place>,
}

#[derive(Clone)]
struct Place {
    slot: usize,
    layer: usize,
    key: Key,
    /// What it shows; kept, so that another run cannot take its address.
    results: Arc<Results>,
    handle: TextureHandle,
}

impl std::fmt::Debug for Textures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} textures", self.places.len())
    }
}

/// Places in the pool from the hardest image to the easiest; as they are before that is known.
pub(crate) fn ranked(images: &Images) -> Vec<usize> {
    if images.margins.len() < images.pool.len() {
        return (0..images.pool.len()).collect();
    }
    ascending(&images.margins)
}

/// The layout of the training images in a space: as many as can be told apart.
pub(crate) fn image_layout(count: usize, space: Vec2) -> Layout {
    let smallest = 1.25 * (SIDE + 1) as f32;
    let fit = |side: f32| ((space.x / side) as usize).max(1) * ((space.y / side) as usize).max(1);
    let every = count.div_ceil(fit(smallest)).max(1);
    let shown = count.div_ceil(every);
    let mut side = smallest;
    while fit(side + 0.5) >= shown && side < 64.0 {
        side += 0.5;
    }
    Layout::Images {
        across: ((space.x / side) as usize).clamp(1, shown.max(1)),
        every,
    }
}

/// The layout of a layer in a space: fields for a first layer of digits, a matrix otherwise.
pub(crate) fn layout(r: &Results, layer: usize, space: Vec2) -> Layout {
    let l = &r.layers[layer];
    if layer == 0 && l.cols == PIXELS && l.rows > 1 && r.config.source == Source::Trained {
        let mut best = (0.0, 1);
        for across in 1..=l.rows {
            let down = l.rows.div_ceil(across);
            let cells = [across, down].map(|n| (n * (SIDE + 1)) as f32);
            let cell = (space.x / cells[0]).min(space.y / cells[1]);
            // A full last row is worth a slightly smaller cell.
            let worth = if across * down == l.rows {
                1.12 * cell
            } else {
                cell
            };
            if worth > best.0 {
                best = (worth, across);
            }
        }
        return Layout::Fields(best.1);
    }
    Layout::Matrix(l.rows.max(l.cols).div_ceil(LARGEST).max(1))
}

/// Size of the image of a layer in cells.
pub(crate) fn size(r: &Results, layer: usize, layout: Layout) -> [usize; 2] {
    if let Layout::Images { across, every } = layout {
        let count = r.film.as_ref().map_or(0, |f| f.images.pool.len());
        let down = count.div_ceil(every).div_ceil(across).max(1);
        return [across, down].map(|n| n * (SIDE + 1) - 1);
    }
    let l = &r.layers[layer];
    match layout {
        Layout::Images { .. } => [1, 1],
        Layout::Fields(across) => [
            across * (SIDE + 1) - 1,
            l.rows.div_ceil(across) * (SIDE + 1) - 1,
        ],
        Layout::Matrix(block) => [l.cols.div_ceil(block).max(1), l.rows.div_ceil(block).max(1)],
    }
}

/// Rectangle of a field, in cells.
pub(crate) fn field(unit: usize, across: usize) -> [usize; 2] {
    [unit % across * (SIDE + 1), unit / across * (SIDE + 1)]
}

/// The largest rectangle with the image's proportions in `space`, left and top aligned; cells are
/// whole or half points where there is room.
pub(crate) fn fit(space: Rect, [w, h]: [usize; 2]) -> Rect {
    let cell = (space.width() / w as f32)
        .min(space.height() / h as f32)
        .max(0.05);
    let cell = if cell > 2.0 {
        (cell * 2.0).floor() / 2.0
    } else {
        cell
    };
    Rect::from_min_size(space.min, vec2(w as f32 * cell, h as f32 * cell))
}

/// Draws a layer at a step into `rect`.
#[expect(
    clippy::too_many_arguments,
    reason = "one drawing call with its place and moment"
)]
pub(crate) fn paint(
    run: &Run,
    layer: usize,
    step: usize,
    layout: Layout,
    slot: usize,
    textures: &mut Textures,
    palette: &Palette,
    rect: Rect,
    ui: &Ui,
) {
    let key = Key {
        layer,
        step,
        dark: palette.dark,
        layout,
    };
    let found = textures
        .places
        .iter()
        .position(|p| p.slot == slot && p.layer == layer);
    let stale = found.is_none_or(|i| {
        let place = &textures.places[i];
        place.key != key || !Arc::ptr_eq(&place.results, &run.results)
    });
    if stale {
        let image = image(run.results(), &key, palette);
        let results = run.results.clone();
        if let Some(place) = found.and_then(|i| textures.places.get_mut(i)) {
            place.handle.set(image, TextureOptions::NEAREST);
            (place.key, place.results) = (key, results);
        } else {
            let name = format!("weights {slot} {layer}");
            let handle = ui.ctx().load_texture(name, image, TextureOptions::NEAREST);
            textures.places.push(Place {
                slot,
                layer,
                key,
                results,
                handle,
            });
        }
    }
    let place = textures
        .places
        .iter()
        .find(|p| p.slot == slot && p.layer == layer);
    if let Some(place) = place {
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter()
            .image(place.handle.id(), rect, uv, Color32::WHITE);
    }
}

/// Ink of a kept weight: the square root spreads the small magnitudes.
pub(crate) fn shade(palette: &Palette, share: f32) -> Color32 {
    mix(
        palette.background,
        palette.ink,
        0.22 + 0.78 * share.clamp(0.0, 1.0).sqrt(),
    )
}

/// The training images; those that went are faint once they are chosen (step 1).
fn gallery(r: &Results, key: &Key, across: usize, every: usize, palette: &Palette) -> ColorImage {
    let [w, h] = size(r, key.layer, key.layout);
    let mut pixels = vec![palette.background; w * h];
    let Some(images) = r.film.as_ref().map(|f| &f.images) else {
        return ColorImage::new([w, h], pixels);
    };
    let train = &network::data().0;
    let shown = ranked(images).into_iter().step_by(every);
    for (place, i) in shown.enumerate() {
        let gone = key.step > 0 && images.kept.as_ref().is_some_and(|k| !k.kept(i));
        let [x, y] = field(place, across);
        for (p, &ink) in train.image(images.pool[i]).iter().enumerate() {
            let colour = if gone {
                mix(palette.background, palette.muted, 0.08 + 0.3 * ink)
            } else {
                mix(palette.background, palette.ink, 0.06 + 0.94 * ink)
            };
            pixels[(y + p / SIDE) * w + x + p % SIDE] = colour;
        }
    }
    ColorImage::new([w, h], pixels)
}

fn image(r: &Results, key: &Key, palette: &Palette) -> ColorImage {
    if let Layout::Images { across, every } = key.layout {
        return gallery(r, key, across, every, palette);
    }
    let layer = &r.layers[key.layer];
    let [w, h] = size(r, key.layer, key.layout);
    let colour = |i: usize| match r.cell(key.layer, i, key.step) {
        Cell::Kept(share) => shade(palette, share),
        Cell::Going => mix(palette.background, palette.accent, 0.55),
        Cell::Back(share) => mix(palette.good, palette.ink, 0.3 * share),
        Cell::Gone => palette.background,
    };
    let mut pixels = vec![palette.background; w * h];
    match key.layout {
        Layout::Images { .. } => {}
        Layout::Fields(across) => {
            // Gaps between the fields, so that a blank field is still seen as one.
            for (i, pixel) in pixels.iter_mut().enumerate() {
                if i % w % (SIDE + 1) == SIDE || i / w % (SIDE + 1) == SIDE {
                    *pixel = palette.grid;
                }
            }
            for unit in 0..layer.rows {
                let [x, y] = field(unit, across);
                for p in 0..PIXELS {
                    pixels[(y + p / SIDE) * w + x + p % SIDE] = colour(unit * PIXELS + p);
                }
            }
        }
        Layout::Matrix(1) => {
            for (i, pixel) in pixels.iter_mut().enumerate() {
                *pixel = colour(i);
            }
        }
        Layout::Matrix(block) => {
            let mut sums = vec![[0_u32; 2]; w * h];
            for i in 0..layer.values.len() {
                let cell = &mut sums[i / layer.cols / block * w + i % layer.cols / block];
                let kept = matches!(
                    r.cell(key.layer, i, key.step),
                    Cell::Kept(_) | Cell::Back(_)
                );
                cell[0] += u32::from(kept);
                cell[1] += 1;
            }
            for (pixel, [kept, all]) in pixels.iter_mut().zip(sums) {
                let density = kept as f32 / all.max(1) as f32;
                *pixel = mix(palette.background, palette.ink, density);
            }
        }
    }
    ColorImage::new([w, h], pixels)
}
