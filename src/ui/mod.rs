//! Widgets and drawing shared by all labs: one theme, one chart, one transport, one table.

mod a11y;
pub mod card;
pub mod chart;
mod entry;
pub mod format;
pub mod heatmap;
pub(crate) mod icon;
pub mod import;
pub mod inspector;
mod kept;
pub mod notice;
pub mod params;
mod stage;
pub mod table;
pub mod theme;
pub mod transport;

pub use a11y::{heading, install_mirror, live, picture};
pub use entry::{entry_ui, menu_ui, value_entry_ui};
pub use kept::kept;
pub use stage::{Extra, ExtraTab, LabView, Stage};

/// An empty mesh with room for this many rectangles, so that it does not grow while it is filled.
pub fn mesh_of_rects(count: usize) -> egui::Mesh {
    let mut mesh = egui::Mesh::default();
    mesh.reserve_vertices(4 * count);
    mesh.reserve_triangles(2 * count);
    mesh
}

/// The corners that a line needs to look the same: no point is a tenth of a point of the screen off.
pub fn corners(line: &[egui::Pos2]) -> Vec<egui::Pos2> {
    let few = crate::core::polyline::simplify(bytemuck::cast_slice(line), 0.1);
    few.into_iter().map(egui::Pos2::from).collect()
}

/// Seconds since some fixed moment, for measurements that a user asks for. No result depends on it.
pub fn seconds() -> f64 {
    crate::platform::now_secs()
}
