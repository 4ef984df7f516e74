//! What every part of the picture shares: the moment, the colours, and where things are.

use crate::labs::routing::model::Scene;
use crate::labs::routing::{Batch, BatchRun, Entity, Fate, Pair};
use crate::ui::theme::{Palette, mix};
use egui::{Color32, Pos2, Rect, pos2};

/// Above this many tokens they are gathered into one block per cluster.
const MANY_TOKENS: usize = 600;
/// Room under the bins for the load axis, and above them for labels.
const AXIS: f32 = 18.0;
const LABELS: f32 = 15.0;

/// One frame of the picture.
pub(in crate::labs::routing) struct Frame<'a> {
    pub(in crate::labs::routing) batch: &'a Batch,
    pub(in crate::labs::routing) scene: Scene,
    pub(in crate::labs::routing) palette: &'a Palette,
    pub(in crate::labs::routing) focus: Option<Entity>,
    /// Whether experts have a capacity.
    pub(in crate::labs::routing) limited: bool,
    /// Devices whose experts share places, each with its first and last expert.
    pub(in crate::labs::routing) sharing: Vec<(usize, [usize; 2])>,
    /// 5 % and 95 % quantile of a random load; `None` where the floor says nothing.
    pub(in crate::labs::routing) floor: Option<[f32; 2]>,
    /// Load of each expert if all were equal, as drawn.
    pub(in crate::labs::routing) balanced: f32,
    /// Places at capacity factor 1, to turn a dragged capacity into a factor.
    pub(in crate::labs::routing) unit: f32,
    /// What tokens are coloured by.
    pub(in crate::labs::routing) group: &'static str,
    /// Whether words are drawn.
    pub(in crate::labs::routing) words: bool,
    pub(in crate::labs::routing) tokens: Rect,
    pub(in crate::labs::routing) bins: Rect,
    /// Side of a token's cell.
    pub(in crate::labs::routing) cell: f32,
    pub(in crate::labs::routing) columns: usize,
    /// Load at the right end of the bins.
    pub(in crate::labs::routing) full_scale: f32,
    /// Top and bottom of each cluster's block, when tokens are gathered.
    pub(in crate::labs::routing) blocks: Vec<[f32; 2]>,
}

impl<'a> Frame<'a> {
    pub(in crate::labs::routing) fn new(
        run: &'a BatchRun,
        at: f64,
        rect: Rect,
        palette: &'a Palette,
        focus: Option<Entity>,
    ) -> Option<Self> {
        let body = Rect::from_min_max(
            pos2(rect.left(), rect.top() + LABELS),
            pos2(rect.right(), rect.bottom() - AXIS),
        );
        let left = (body.width() * 0.3).clamp(70.0, 260.0);
        let right = (body.width() * 0.44).max(90.0);
        let tokens = Rect::from_min_max(body.min, pos2(body.left() + left, body.bottom()));
        let bins = Rect::from_min_max(pos2(body.right() - right, body.top()), body.max);
        Self::placed(run, at, tokens, bins, palette, focus, true)
    }

    pub(in crate::labs::routing) fn miniature(
        run: &'a BatchRun,
        at: f64,
        rect: Rect,
        palette: &'a Palette,
    ) -> Option<Self> {
        let rect = rect.shrink(4.0);
        let cut = |a: f32, b: f32| {
            Rect::from_min_max(
                pos2(rect.left() + a * rect.width(), rect.top()),
                pos2(rect.left() + b * rect.width(), rect.bottom()),
            )
        };
        Self::placed(run, at, cut(0.0, 0.3), cut(0.55, 1.0), palette, None, false)
    }

    fn placed(
        run: &'a BatchRun,
        at: f64,
        tokens: Rect,
        bins: Rect,
        palette: &'a Palette,
        focus: Option<Entity>,
        words: bool,
    ) -> Option<Self> {
        let config = run.config();
        let scene = run.scene(at);
        let batch = run.batches().get(scene.batch)?;
        let n = batch.clusters.len().max(1);
        let (cell, columns) = grid(tokens, n);
        let limited = config.has_capacity();
        let floor = run.floor().load;
        let mut frame = Self {
            batch,
            scene,
            palette,
            focus,
            limited,
            sharing: config.sharing(),
            floor: (!config.router.is_variable()).then_some([floor[0] as f32, floor[2] as f32]),
            unit: n as f32 * config.choices() as f32 / config.experts as f32,
            balanced: if config.router.is_variable() {
                batch.demand.iter().sum::<u32>() as f32 / config.experts as f32
            } else {
                n as f32 * config.choices() as f32 / config.experts as f32
            },
            group: config.cluster_word(),
            words,
            tokens,
            bins,
            cell,
            columns,
            full_scale: 1.0,
            blocks: Vec::new(),
        };
        let lids = (0..frame.experts()).map(|e| if limited { frame.lid(e) } else { 0.0 });
        let top = lids.fold((run.peak() as f32).max(floor[2] as f32), f32::max);
        frame.full_scale = 1.12 * top.max(1.0);
        if n > MANY_TOKENS {
            frame.blocks = frame.cluster_blocks(config.cluster_count());
        }
        Some(frame)
    }

    fn cluster_blocks(&self, clusters: usize) -> Vec<[f32; 2]> {
        let mut sizes = vec![0.0_f32; clusters];
        for &c in self.batch.clusters.iter() {
            sizes[usize::from(c)] += 1.0;
        }
        let gap = 3.0_f32.min(self.tokens.height() / (4.0 * clusters as f32));
        let unit =
            (self.tokens.height() - gap * clusters as f32) / self.batch.clusters.len() as f32;
        let mut top = self.tokens.top();
        sizes
            .into_iter()
            .map(|size| {
                let bottom = top + size * unit;
                let block = [top, bottom];
                top = bottom + gap;
                block
            })
            .collect()
    }

    pub(in crate::labs::routing) fn experts(&self) -> usize {
        self.batch.demand.len()
    }

    /// Whether tokens are gathered into one block per cluster.
    pub(in crate::labs::routing) fn gathered(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// The row of an expert, its label left of it included.
    pub(in crate::labs::routing) fn row(&self, e: usize) -> Rect {
        let height = self.bins.height() / self.experts() as f32;
        let top = self.bins.top() + e as f32 * height;
        Rect::from_min_max(
            pos2(self.bins.left() - 26.0, top),
            pos2(self.bins.right(), top + height),
        )
    }

    /// The bin inside the row.
    pub(in crate::labs::routing) fn bin(&self, e: usize) -> Rect {
        let row = self.row(e);
        let pad = (row.height() * 0.14).min(5.0);
        Rect::from_min_max(
            pos2(self.bins.left(), row.top() + pad),
            pos2(self.bins.right(), row.bottom() - pad),
        )
    }

    /// Horizontal position of a load.
    pub(in crate::labs::routing) fn x(&self, load: f32) -> f32 {
        self.bins.left() + load / self.full_scale * self.bins.width()
    }

    /// Places of an expert; its even part of them where a device's experts share.
    pub(in crate::labs::routing) fn lid(&self, e: usize) -> f32 {
        let shared = self.device(e);
        let experts = shared.map_or(1, |(_, [first, last])| last - first + 1);
        self.batch.capacity as f32 / experts as f32
    }

    /// The device whose places an expert shares, with its first and last expert.
    pub(in crate::labs::routing) fn device(&self, e: usize) -> Option<(usize, [usize; 2])> {
        let holds = |(_, [first, last]): &&(usize, [usize; 2])| (*first..=*last).contains(&e);
        self.sharing.iter().find(holds).copied()
    }

    /// Where an expert's pairs end and what it turned away begins.
    pub(in crate::labs::routing) fn edge(&self, e: usize) -> f32 {
        if self.sharing.is_empty() {
            self.lid(e)
        } else {
            self.scene.inside[e] as f32
        }
    }

    /// Pairs now on a device whose experts share places.
    pub(in crate::labs::routing) fn on_device(&self, [first, last]: [usize; 2]) -> u32 {
        self.scene.inside[first..=last].iter().sum()
    }

    /// Where links end at an expert.
    pub(in crate::labs::routing) fn gate(&self, e: usize) -> Pos2 {
        let room = if self.words && self.row(e).height() >= 9.0 {
            24.0
        } else {
            3.0
        };
        pos2(self.bins.left() - room, self.row(e).center().y)
    }

    /// The cell of a token.
    pub(in crate::labs::routing) fn token(&self, t: usize) -> Rect {
        let (row, column) = (t / self.columns, t % self.columns);
        let min = pos2(
            self.tokens.left() + column as f32 * self.cell,
            self.tokens.top() + row as f32 * self.cell,
        );
        let gap = if self.cell > 5.0 { 1.0 } else { 0.0 };
        Rect::from_min_size(min, egui::Vec2::splat(self.cell - gap))
    }

    /// Colour of a cluster; past the sixth the series colours come again, lighter.
    pub(in crate::labs::routing) fn cluster(&self, c: u8) -> Color32 {
        let round = f32::from(c / 6);
        mix(
            self.palette.series_at(usize::from(c)),
            self.palette.background,
            (0.28 * round).min(0.84),
        )
    }

    /// Whether a pair has not arrived yet.
    pub(in crate::labs::routing) fn waiting(&self, p: &Pair) -> bool {
        p.arrives >= self.scene.turns
    }

    /// Whether a pair was turned away by now.
    pub(in crate::labs::routing) fn gone(&self, p: &Pair) -> bool {
        p.fate == Fate::NotSent || p.leaves < self.scene.turns
    }

    /// Whether a pair belongs to what is hovered or selected; `None` when nothing is.
    pub(in crate::labs::routing) fn in_focus(&self, p: &Pair) -> Option<bool> {
        match self.focus? {
            Entity::Expert(e) => Some(usize::from(p.expert) == e),
            Entity::Token { batch, token } => {
                (batch == self.scene.batch).then_some(p.token as usize == token)
            }
        }
    }
}

/// Side of square cells that fill a rectangle with `n` of them, and how many fit in a row.
fn grid(rect: Rect, n: usize) -> (f32, usize) {
    let mut cell = (rect.width() * rect.height() / n as f32)
        .sqrt()
        .clamp(2.0, 16.0);
    loop {
        let columns = ((rect.width() / cell) as usize).max(1);
        if n.div_ceil(columns) as f32 * cell <= rect.height() || cell <= 2.0 {
            return (cell, columns);
        }
        cell *= 0.97;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_holds_every_token_inside_its_rectangle() {
        for (w, h) in [(80.0, 300.0), (260.0, 120.0), (117.0, 250.0)] {
            let rect = Rect::from_min_size(Pos2::ZERO, egui::vec2(w, h));
            for n in [1, 7, 256, 600] {
                let (cell, columns) = grid(rect, n);
                assert!(columns as f32 * cell <= w + 1e-3, "{w} x {h}, {n}");
                assert!(
                    n.div_ceil(columns) as f32 * cell <= h + 1e-3,
                    "{w} x {h}, {n}"
                );
            }
        }
    }
}
