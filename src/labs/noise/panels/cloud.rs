//! The particles over the density of the data at their noise level.

use super::super::PlaneRun;
use super::super::model::{DENSITY_REACH, GRID};
use crate::ui::theme::{Palette, fade, mix};
use egui::{Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, TextStyle, Ui, Vec2, vec2};

/// More particles than this are drawn with fewer triangles each.
const MANY: usize = 3000;
/// Modes up to this number have a colour of their own; more share a gradient.
const FEW_MODES: usize = 6;

/// A place between two recorded positions of the timeline.
pub(crate) struct Moment {
    /// Index of the frame at or before.
    index: usize,
    /// Share of the way to the next frame.
    share: f32,
}

impl Moment {
    pub(crate) fn at(run: &PlaneRun, playhead: f64) -> Self {
        let last = run.frames.len().saturating_sub(1);
        let at = playhead.clamp(0.0, last as f64);
        let index = (at.floor() as usize).min(last);
        Self {
            index,
            share: (at - index as f64) as f32,
        }
    }

    fn next(&self, run: &PlaneRun) -> usize {
        (self.index + 1).min(run.frames.len().saturating_sub(1))
    }

    /// Place of a particle in the picture's units.
    fn place(&self, run: &PlaneRun, particle: usize) -> Option<Vec2> {
        let at = |k: usize| {
            let points = &run.frames.get(k)?.points;
            Some(vec2(
                *points.get(2 * particle)?,
                *points.get(2 * particle + 1)?,
            ))
        };
        let (a, b) = (at(self.index)?, at(self.next(run))?);
        Some(a + (b - a) * self.share)
    }

    /// Position along the list of levels, between whole numbers while playing.
    pub(crate) fn level(&self, run: &PlaneRun) -> f32 {
        let of = |k: usize| run.frames.get(k).map_or(0.0, |f| f.level as f32);
        let (a, b) = (of(self.index), of(self.next(run)));
        a + (b - a) * self.share
    }

    fn nearest_level(&self, run: &PlaneRun) -> usize {
        self.level(run).round() as usize
    }

    /// Factor from data units to the picture's at the level shown.
    pub(crate) fn scale(&self, run: &PlaneRun) -> f64 {
        let level = run.problem.levels.get(self.nearest_level(run));
        run.problem.scale(level.copied().unwrap_or(0.0))
    }

    fn noising(&self, run: &PlaneRun) -> bool {
        self.index < run.problem.forward_steps()
    }

    pub(crate) fn level_words(&self, run: &PlaneRun) -> String {
        let s = run
            .problem
            .levels
            .get(self.nearest_level(run))
            .copied()
            .unwrap_or(0.0);
        let alpha_bar = super::super::tables::alpha_bar_from_sigma(s);
        if s == 0.0 {
            "σ 0, clean".to_owned()
        } else {
            format!("σ {} · signal {:.1} %", short(s), 100.0 * alpha_bar)
        }
    }

    pub(crate) fn step_words(&self, run: &PlaneRun) -> String {
        let forward = run.problem.forward_steps();
        let steps = run.problem.steps();
        if self.noising(run) {
            format!("noising, level {} of {forward}", self.index)
        } else {
            format!(
                "denoising, step {} of {steps} · NFE {}",
                self.index - forward,
                run.headline.calls
            )
        }
    }

    /// Distance of the particles from the truth at this level; nothing while noising.
    pub(crate) fn distance_words(&self, run: &PlaneRun) -> String {
        let step = self.index.checked_sub(run.problem.forward_steps());
        match step.and_then(|k| run.scores.get(k)) {
            Some(score) => format!(
                "distance {:.3} now, {:.3} at the end",
                score.sliced, run.headline.sliced
            ),
            None => format!("distance {:.3} at the end", run.headline.sliced),
        }
    }

    pub(crate) fn words(&self, run: &PlaneRun) -> String {
        format!(
            "{}; {}; {}.",
            self.step_words(run),
            self.level_words(run),
            self.distance_words(run)
        )
    }
}

/// Three significant digits.
fn short(v: f64) -> String {
    if v >= 100.0 {
        format!("{v:.0}")
    } else if v >= 10.0 {
        format!("{v:.1}")
    } else if v >= 1.0 {
        format!("{v:.2}")
    } else if v >= 0.01 {
        format!("{v:.3}")
    } else {
        format!("{v:.1e}")
    }
}

/// From the picture's units to the screen.
pub(crate) struct Map {
    centre: Pos2,
    unit: f32,
}

impl Map {
    pub(crate) fn new(run: &PlaneRun, rect: Rect) -> Self {
        let side = rect.width().min(rect.height());
        Self {
            centre: rect.center(),
            unit: 0.5 * side / run.half_width as f32,
        }
    }

    pub(crate) fn screen(&self, p: Vec2) -> Pos2 {
        Pos2::new(
            self.centre.x + self.unit * p.x,
            self.centre.y - self.unit * p.y,
        )
    }

    /// From the screen back to the picture's units.
    pub(crate) fn picture(&self, at: Pos2) -> Vec2 {
        vec2(at.x - self.centre.x, self.centre.y - at.y) / self.unit
    }
}

/// Colour of a mode and of the particles that end in it.
fn mode_color(run: &PlaneRun, mode: usize, palette: &Palette) -> Color32 {
    let count = run.modes.len();
    if count <= FEW_MODES {
        palette.series_at(mode)
    } else {
        // The light end of the scale is too close to a light background.
        let low = if palette.dark { 0.35 } else { 0.3 };
        palette.sequential_at(low + (1.0 - low) * mode as f32 / (count - 1).max(1) as f32)
    }
}

/// Shades of the density: more than there are between the background and half of the tint.
const SHADES: u8 = 128;

/// Shades the density, mixed between the two nearest levels.
pub(crate) fn density(
    run: &PlaneRun,
    moment: &Moment,
    map: &Map,
    palette: &Palette,
    painter: &Painter,
) {
    let level = moment.level(run);
    let low = level.floor() as usize;
    let (Some(a), Some(b)) = (
        run.densities.get(low),
        run.densities
            .get((low + 1).min(run.densities.len().saturating_sub(1))),
    ) else {
        return;
    };
    let t = level - low as f32;
    // Not `f32::max`, which is a call in WebAssembly.
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let top = |d: &[f32]| d.iter().copied().fold(f32::MIN_POSITIVE, larger);
    let (top_a, top_b) = (top(a), top(b));
    let tint = palette.sequential_at(if palette.dark { 0.45 } else { 0.5 });
    let shade = |i: u8| {
        mix(
            palette.background,
            tint,
            0.5 * f32::from(i) / f32::from(SHADES),
        )
    };
    let shades: Vec<Color32> = (0..=SHADES).map(shade).collect();
    let half = (DENSITY_REACH * run.half_width) as f32;
    let cell = 2.0 * half / GRID as f32;
    let mut mesh = Mesh::default();
    mesh.reserve_vertices(GRID * GRID);
    mesh.reserve_triangles(2 * GRID * GRID);
    for row in 0..GRID {
        for column in 0..GRID {
            let i = row * GRID + column;
            // The square root lifts the tails into sight.
            let v = (a[i] / top_a * (1.0 - t) + b[i] / top_b * t).sqrt();
            let place = vec2(
                (column as f32 + 0.5) * cell - half,
                (row as f32 + 0.5) * cell - half,
            );
            let color = shades[((f32::from(SHADES) * v).round() as usize).min(shades.len() - 1)];
            mesh.colored_vertex(map.screen(place), color);
        }
    }
    for row in 0..GRID - 1 {
        for column in 0..GRID - 1 {
            let i = (row * GRID + column) as u32;
            let above = i + GRID as u32;
            mesh.add_triangle(i, i + 1, above);
            mesh.add_triangle(i + 1, above + 1, above);
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// Axes in data units along the lower and left edges.
pub(crate) fn frame(
    run: &PlaneRun,
    map: &Map,
    rect: Rect,
    palette: &Palette,
    ui: &Ui,
    painter: &Painter,
) {
    let font = TextStyle::Small.resolve(ui.style());
    let line = Stroke::new(1.0, palette.grid);
    let reach = run.half_width.floor().max(1.0) as i32;
    for tick in -reach..=reach {
        let v = tick as f32;
        let x = map.screen(vec2(v, 0.0)).x;
        let y = map.screen(vec2(0.0, v)).y;
        painter.line_segment(
            [
                Pos2::new(x, rect.bottom() - 5.0),
                Pos2::new(x, rect.bottom()),
            ],
            line,
        );
        label(
            painter,
            Pos2::new(x, rect.bottom() - 14.0),
            egui::Align2::CENTER_CENTER,
            &tick.to_string(),
            &font,
            palette,
        );
        // Half a number says something else.
        if !rect.shrink(8.0).y_range().contains(y) {
            continue;
        }
        painter.line_segment(
            [Pos2::new(rect.left(), y), Pos2::new(rect.left() + 5.0, y)],
            line,
        );
        label(
            painter,
            Pos2::new(rect.left() + 8.0, y),
            egui::Align2::LEFT_CENTER,
            &tick.to_string(),
            &font,
            palette,
        );
    }
    if rect.width() > 420.0 {
        let words = "position (data units, at constant spread)";
        label(
            painter,
            rect.right_bottom() - vec2(8.0, 26.0),
            egui::Align2::RIGHT_BOTTOM,
            words,
            &font,
            palette,
        );
    }
}

fn label(
    painter: &Painter,
    at: Pos2,
    align: egui::Align2,
    text: &str,
    font: &FontId,
    palette: &Palette,
) {
    painter.text(at, align, text, font.clone(), palette.muted);
}

/// Rings at two standard deviations of every mode as it looks through the noise.
pub(crate) fn modes(
    run: &PlaneRun,
    moment: &Moment,
    map: &Map,
    palette: &Palette,
    painter: &Painter,
) {
    let Some(&level) = run.problem.levels.get(moment.nearest_level(run)) else {
        return;
    };
    let scale = run.problem.scale(level);
    // Once the rings overlap each other they tell nothing.
    let clear = 1.0 - (level / run.problem.spread).min(1.0) as f32;
    for (k, mode) in run.modes.iter().enumerate() {
        let centre = vec2(
            (scale * mode.centre[0]) as f32,
            (scale * mode.centre[1]) as f32,
        );
        let radius = (2.0 * scale * (mode.sd * mode.sd + level * level).sqrt()) as f32;
        let color = fade(mode_color(run, k, palette), 0.25 + 0.5 * clear);
        painter.circle_stroke(
            map.screen(centre),
            (map.unit * radius).max(2.0),
            Stroke::new(1.0, fade(color, clear)),
        );
    }
}

/// Most particles drawn, the first ones: more would hide each other and hold up the frame.
const SHOWN: usize = 20_000;

/// Radius of a particle's solid core, in points.
fn core_radius(count: usize) -> f32 {
    match count {
        0..=400 => 2.4,
        401..=MANY => 1.7,
        _ => 1.3,
    }
}

/// All particles as one mesh, coloured by the mode they end in, with short streaks behind them.
pub(crate) fn particles(
    run: &PlaneRun,
    moment: &Moment,
    map: &Map,
    palette: &Palette,
    streaks: bool,
    painter: &Painter,
) {
    let count = run.owner.len().min(SHOWN);
    let radius = core_radius(count);
    let sides = if count <= MANY { 6 } else { 4 };
    let colors: Vec<Color32> = (0..run.modes.len())
        .map(|k| mode_color(run, k, palette))
        .collect();
    let before = run.frames.get(moment.index).map(|f| f.points.clone());
    let mut mesh = Mesh::default();
    mesh.reserve_vertices(count * (sides + 4));
    mesh.reserve_triangles(count * (sides + 2));
    for particle in 0..count {
        let Some(place) = moment.place(run, particle) else {
            break;
        };
        let at = map.screen(place);
        let color = colors
            .get(usize::from(run.owner[particle]))
            .copied()
            .unwrap_or(palette.accent);
        if let Some(points) = before.as_ref().filter(|_| streaks && moment.share > 0.0) {
            let from = map.screen(vec2(points[2 * particle], points[2 * particle + 1]));
            streak(&mut mesh, from, at, radius, fade(color, 0.35));
        }
        dot(&mut mesh, at, radius, sides, fade(color, 0.9));
    }
    painter.add(Shape::mesh(mesh));
}

/// A soft dot: full colour in the middle, nothing at the rim.
fn dot(mesh: &mut Mesh, at: Pos2, radius: f32, sides: usize, color: Color32) {
    const HEXAGON: [Vec2; 6] = [
        vec2(1.0, 0.0),
        vec2(0.5, 0.866),
        vec2(-0.5, 0.866),
        vec2(-1.0, 0.0),
        vec2(-0.5, -0.866),
        vec2(0.5, -0.866),
    ];
    const SQUARE: [Vec2; 4] = [
        vec2(1.0, 0.0),
        vec2(0.0, 1.0),
        vec2(-1.0, 0.0),
        vec2(0.0, -1.0),
    ];
    let rim: &[Vec2] = if sides == 6 { &HEXAGON } else { &SQUARE };
    let first = mesh.vertices.len() as u32;
    mesh.colored_vertex(at, color);
    for corner in rim {
        mesh.colored_vertex(at + 2.0 * radius * *corner, Color32::TRANSPARENT);
    }
    let n = rim.len() as u32;
    for i in 0..n {
        mesh.add_triangle(first, first + 1 + i, first + 1 + (i + 1) % n);
    }
}

/// A tapering streak from where the particle was.
fn streak(mesh: &mut Mesh, from: Pos2, to: Pos2, width: f32, color: Color32) {
    let along = to - from;
    if along.length() < 2.0 {
        return;
    }
    let side = along.rot90().normalized() * (0.6 * width);
    let first = mesh.vertices.len() as u32;
    mesh.colored_vertex(from, Color32::TRANSPARENT);
    mesh.colored_vertex(to + side, color);
    mesh.colored_vertex(to - side, color);
    mesh.add_triangle(first, first + 1, first + 2);
}

/// Denoised estimates of the step under way, as rings of the accent colour.
pub(crate) fn estimates(
    run: &PlaneRun,
    moment: &Moment,
    map: &Map,
    palette: &Palette,
    painter: &Painter,
) {
    let Some(points) = current_estimates(run, moment) else {
        return;
    };
    let color = fade(palette.ink, 0.55);
    let mut mesh = Mesh::default();
    for p in points.chunks_exact(2).take(SHOWN) {
        dot(&mut mesh, map.screen(vec2(p[0], p[1])), 1.0, 4, color);
    }
    painter.add(Shape::mesh(mesh));
}

fn current_estimates<'a>(run: &'a PlaneRun, moment: &Moment) -> Option<&'a [f32]> {
    let step = moment.index.checked_sub(run.problem.forward_steps())?;
    run.denoised
        .get(step.min(run.denoised.len().checked_sub(1)?))
        .map(|d| &**d)
}

/// One particle's way: where it came from, where it goes, where the exact flow takes it, and what
/// the denoiser believes.
pub(crate) fn trail(
    run: &PlaneRun,
    moment: &Moment,
    map: &Map,
    particle: usize,
    pinned: bool,
    palette: &Palette,
    painter: &Painter,
) {
    let Some(place) = moment.place(run, particle) else {
        return;
    };
    let at = map.screen(place);
    let way: Vec<Pos2> = run
        .frames
        .iter()
        .filter_map(|f| {
            Some(map.screen(vec2(
                *f.points.get(2 * particle)?,
                *f.points.get(2 * particle + 1)?,
            )))
        })
        .collect();
    let forward = run.problem.forward_steps();
    // While denoising only the way back is drawn: the way out would lie over it.
    let start = if moment.index >= forward { forward } else { 0 };
    let mut done = way[start..=moment.index.min(way.len() - 1)].to_vec();
    done.push(at);
    let width = if pinned { 2.5 } else { 1.5 };
    painter.add(Shape::line(done, Stroke::new(width, palette.accent)));
    let mut ahead = vec![at];
    ahead.extend_from_slice(&way[moment.next(run)..]);
    painter.extend(Shape::dashed_line(
        &ahead,
        Stroke::new(1.0, fade(palette.accent, 0.6)),
        4.0,
        4.0,
    ));
    let ghost: Vec<Pos2> = run
        .exact
        .iter()
        .filter_map(|s| Some(map.screen(vec2(*s.get(2 * particle)?, *s.get(2 * particle + 1)?))))
        .collect();
    if moment.index >= forward && ghost.len() > 1 {
        painter.extend(Shape::dotted_line(&ghost, fade(palette.ink, 0.7), 5.0, 1.2));
    }
    if let Some(d) = current_estimates(run, moment).filter(|d| 2 * particle + 1 < d.len()) {
        let estimate = map.screen(vec2(d[2 * particle], d[2 * particle + 1]));
        painter.line_segment([at, estimate], Stroke::new(1.0, fade(palette.ink, 0.5)));
        cross(painter, estimate, palette.ink);
    }
    painter.circle_stroke(
        at,
        if pinned { 7.0 } else { 5.0 },
        Stroke::new(2.0, palette.accent),
    );
}

fn cross(painter: &Painter, at: Pos2, color: Color32) {
    for d in [vec2(4.0, 4.0), vec2(4.0, -4.0)] {
        painter.line_segment([at - d, at + d], Stroke::new(1.5, color));
    }
}

/// The particle nearest to the pointer, if one is within reach.
pub(crate) fn nearest(
    run: &PlaneRun,
    moment: &Moment,
    map: &Map,
    pointer: Pos2,
    reach: f32,
) -> Option<usize> {
    (0..run.owner.len().min(SHOWN))
        .filter_map(|i| Some((i, map.screen(moment.place(run, i)?).distance_sq(pointer))))
        .filter(|(_, d)| *d <= reach * reach)
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(i, _)| i)
}
