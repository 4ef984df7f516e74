//! Shapes kept as triangles from frame to frame.

use egui::epaint::{Mesh, Tessellator};
use egui::{Context, Shape, cache::CacheTrait};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Triangles by the hash of what they are made of, and whether this frame has asked for them.
#[derive(Default)]
struct Kept(HashMap<u64, (bool, Arc<Mesh>)>);

impl CacheTrait for Kept {
    fn update(&mut self) {
        self.0.retain(|_, (asked, _)| std::mem::take(asked));
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Shapes that are the same in most frames, as triangles that are made once: many dashes or curves
/// take longer to make than to draw. They are made anew when `key` is another one, which has to tell
/// all that the shapes are made of, and forgotten after a frame that does not ask for them.
///
/// For lines and polygons. Texts would point into a texture that may have changed since.
pub fn kept(ctx: &Context, key: impl Hash, shapes: impl FnOnce() -> Vec<Shape>) -> Shape {
    let points = ctx.pixels_per_point();
    let key = egui::util::hash((key, points.to_bits()));
    let known = ctx.memory_mut(|memory| {
        let (asked, mesh) = memory.caches.cache::<Kept>().0.get_mut(&key)?;
        *asked = true;
        Some(Arc::clone(mesh))
    });
    let mesh = known.unwrap_or_else(|| {
        // Discs would be cut out of the texture too.
        let options = ctx.tessellation_options(|options| egui::epaint::TessellationOptions {
            prerasterized_discs: false,
            ..*options
        });
        let mut tessellator = Tessellator::new(points, options, [1, 1], Vec::new());
        let mut mesh = Mesh::default();
        for shape in shapes() {
            tessellator.tessellate_shape(shape, &mut mesh);
        }
        let mesh = Arc::new(mesh);
        ctx.memory_mut(|memory| {
            let kept = &mut memory.caches.cache::<Kept>().0;
            kept.insert(key, (true, Arc::clone(&mesh)));
        });
        mesh
    });
    Shape::Mesh(mesh)
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Color32, RawInput, Stroke, pos2};

    /// Draws one line that ends at `x` and tells how often its shape was asked for.
    fn frame(ctx: &Context, x: f32, made: &mut u32) -> Shape {
        let mut shape = Shape::Noop;
        let mut output = ctx.run_ui(RawInput::default(), |ui| {
            shape = kept(ui.ctx(), x.to_bits(), || {
                *made += 1;
                let ends = [pos2(0.0, 0.0), pos2(x, 3.0)];
                vec![Shape::line_segment(ends, Stroke::new(1.0, Color32::RED))]
            });
        });
        // Drawn nowhere.
        output.textures_delta.clear();
        shape
    }

    #[test]
    fn shapes_are_made_once_and_again_when_they_change_or_were_gone() {
        let ctx = Context::default();
        let mut made = 0;
        let first = frame(&ctx, 9.0, &mut made);
        assert_eq!(frame(&ctx, 9.0, &mut made), first);
        assert_eq!(made, 1);
        assert_ne!(frame(&ctx, 8.0, &mut made), first);
        assert_eq!(made, 2);
        assert_eq!(frame(&ctx, 9.0, &mut made), first);
        assert_eq!(made, 3, "forgotten in between");
    }

    #[test]
    fn the_triangles_are_those_of_the_shape() {
        let Shape::Mesh(mesh) = frame(&Context::default(), 9.0, &mut 0) else {
            panic!("not triangles");
        };
        assert!(mesh.is_valid() && mesh.indices.len() >= 6);
        assert!((mesh.calc_bounds().right() - 9.0).abs() < 2.0);
    }
}
