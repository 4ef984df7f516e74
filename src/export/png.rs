//! A chart as pixels: drawn on a canvas in the page, cut from the window natively.

use super::picture::Picture;
pub use crate::core::png::encode;

use crate::core::Result;
use crate::ui::chart::Layer;

/// The chart as a PNG of `size * scale` pixels; `None` where the platform has no canvas.
pub fn chart_png(layers: &[Layer<'_>], picture: &Picture<'_>) -> Option<Result<Vec<u8>>> {
    canvas::chart_png(layers, picture)
}

/// Whether [`chart_png`] gives a picture here.
pub const HAS_CANVAS: bool = cfg!(target_arch = "wasm32");

/// A part of a picture of the window, in pixels, as a PNG; empty if the part lies outside.
pub fn part_png(image: &egui::ColorImage, part: egui::Rect, pixels_per_point: f32) -> Vec<u8> {
    let pixels = part * pixels_per_point;
    let [width, height] = image.size;
    let left = (pixels.left().round().max(0.0) as usize).min(width);
    let top = (pixels.top().round().max(0.0) as usize).min(height);
    let right = (pixels.right().round().max(0.0) as usize).clamp(left, width);
    let bottom = (pixels.bottom().round().max(0.0) as usize).clamp(top, height);
    if left == right || top == bottom {
        return Vec::new();
    }
    let rgba: Vec<u8> = (top..bottom)
        .flat_map(|y| &image.pixels[y * width + left..y * width + right])
        .flat_map(egui::Color32::to_srgba_unmultiplied)
        .collect();
    encode((right - left) as u32, (bottom - top) as u32, &rgba)
}

#[cfg(target_arch = "wasm32")]
mod canvas {
    use super::{Layer, Picture, Result};
    use crate::core::Error;
    use crate::export::picture::draw;
    use base64::Engine as _;
    use plotters::drawing::IntoDrawingArea as _;
    use plotters_canvas::CanvasBackend;
    use wasm_bindgen::JsCast as _;
    use web_sys::HtmlCanvasElement;

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the native side has no canvas and gives none"
    )]
    pub(super) fn chart_png(
        layers: &[Layer<'_>],
        picture: &Picture<'_>,
    ) -> Option<Result<Vec<u8>>> {
        Some(drawn(layers, picture))
    }

    fn drawn(layers: &[Layer<'_>], picture: &Picture<'_>) -> Result<Vec<u8>> {
        let refused = || Error::malformed("picture", "the browser gave no canvas");
        let canvas: HtmlCanvasElement = web_sys::window()
            .and_then(|w| w.document())
            .and_then(|d| d.create_element("canvas").ok())
            .and_then(|e| e.dyn_into().ok())
            .ok_or_else(refused)?;
        canvas.set_width(picture.size.0 * picture.scale);
        canvas.set_height(picture.size.1 * picture.scale);
        let area = CanvasBackend::with_canvas_object(canvas.clone())
            .ok_or_else(refused)?
            .into_drawing_area();
        draw(&area, layers, picture)?;
        let address = canvas
            .to_data_url_with_type("image/png")
            .map_err(|_refusal| refused())?;
        let (_, data) = address.split_once(',').ok_or_else(refused)?;
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .map_err(|e| Error::malformed("picture", e.to_string()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod canvas {
    use super::{Layer, Picture, Result};

    pub(super) fn chart_png(_: &[Layer<'_>], _: &Picture<'_>) -> Option<Result<Vec<u8>>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Color32, ColorImage, Rect, pos2};

    #[test]
    fn a_part_of_the_window_is_cut_at_pixels() {
        let mut image = ColorImage::filled([8, 6], Color32::WHITE);
        image.pixels[2 * 8 + 4] = Color32::from_rgb(1, 2, 3);
        let part = Rect::from_min_max(pos2(2.0, 1.0), pos2(100.0, 2.0));
        let png = part_png(&image, part, 2.0);
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(png[16..24], [0, 0, 0, 4, 0, 0, 0, 2], "4 by 2 pixels");
        let length = u32::from_be_bytes([png[33], png[34], png[35], png[36]]) as usize;
        let rows = miniz_oxide::inflate::decompress_to_vec_zlib(&png[41..41 + length]).unwrap();
        assert_eq!(rows.len(), 2 * (1 + 4 * 4));
        assert_eq!(rows[..9], [0, 1, 2, 3, 255, 255, 255, 255, 255]);
        let outside = Rect::from_min_max(pos2(50.0, 50.0), pos2(60.0, 60.0));
        assert!(part_png(&image, outside, 2.0).is_empty(), "outside");
    }
}
