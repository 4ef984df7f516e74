//! The tree of cached prefixes: what requests share stands at the left, where they part it forks.

use super::super::engine::PrefixTree;
use super::pool::{LINE, heading};
use crate::ui::theme::{Palette, mix};
use egui::{Color32, Mesh, Painter, Rect, pos2, vec2};

/// Colour of a branch by how many requests hold it; grey where it is only kept.
fn color(holders: u32, palette: &Palette) -> Color32 {
    let share = match holders {
        0 => return mix(palette.background, palette.muted, 0.45),
        1 => 0.4,
        2..=3 => 0.6,
        4..=15 => 0.8,
        _ => 1.0,
    };
    mix(palette.background, palette.series[2], share)
}

/// Draws the tree: length is tokens, the height of a branch the number of ends behind it.
pub(super) fn draw(
    tree: &PrefixTree,
    rect: Rect,
    marked: Option<u32>,
    palette: &Palette,
    painter: &Painter,
) {
    let words = match tree.ends {
        1 => "1 end".to_owned(),
        n => format!("{n} ends"),
    };
    heading(rect, "Prefix tree", &words, palette, painter);
    let body = Rect::from_min_max(rect.left_top() + vec2(0.0, LINE + 2.0), rect.right_bottom());
    let across = body.width() / tree.depth.max(1) as f32;
    let down = body.height() / tree.ends.max(1) as f32;
    let gap = if down > 4.0 { 1.0 } else { 0.0 };
    let path = marked.map_or_else(Vec::new, |r| tree.path(r));
    let mut mesh = Mesh::default();
    for (i, branch) in tree.branches.iter().enumerate() {
        let [first, ends] = branch.ends.map(|e| e as f32);
        let (from, to) = (branch.depth as f32, (branch.depth + branch.blocks) as f32);
        let part = Rect::from_min_max(
            pos2(body.left() + across * from, body.top() + down * first),
            pos2(
                (body.left() + across * to - gap).max(body.left() + across * from + 1.0),
                body.top() + down * (first + ends) - gap,
            ),
        );
        let color = if path.contains(&i) {
            palette.accent
        } else {
            color(branch.holders, palette)
        };
        mesh.add_colored_rect(part, color);
    }
    painter.add(mesh);
}
