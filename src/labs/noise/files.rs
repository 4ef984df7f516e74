//! What a run is saved as for other programs: its levels in several forms, and strips of pictures.

use super::config::Config;
use super::exchange::{self, Form};

/// Files of a schedule; the last is the library's config, which not every schedule has.
const FILES: &[(&str, &str)] = &[
    ("Levels, JSON", "sigmas.json"),
    ("Levels, CSV", "sigmas.csv"),
    ("Python list", "sigmas.py"),
    ("ComfyUI sigmas", "sigmas.txt"),
    ("Picture strip, PNG", "strip.png"),
    ("WGSL constant", "sigmas.wgsl"),
    ("diffusers config", "scheduler_config.json"),
];

/// Place of the strip among the files.
pub(super) const STRIP: usize = 4;

/// The files a setup offers.
pub(super) fn list(config: &Config) -> &'static [(&'static str, &'static str)] {
    if exchange::write(Form::Diffusers, config, &[1.0, 0.0]).is_ok() {
        FILES
    } else {
        &FILES[..FILES.len() - 1]
    }
}

/// The text of a file that is not the strip.
pub(super) fn text(config: &Config, levels: &[f64], place: usize) -> String {
    let form = match place {
        0 => Form::Json,
        1 => Form::Csv,
        2 => Form::Python,
        3 => Form::Comfy,
        5 => Form::Wgsl,
        _ => Form::Diffusers,
    };
    exchange::write(form, config, levels).unwrap_or_default()
}

/// Small grey pictures in rows and columns, as a PNG file.
pub(super) struct Strip {
    side: usize,
    columns: usize,
    rows: usize,
    grey: Vec<u8>,
}

/// Pixels between pictures.
const GAP: usize = 2;

impl Strip {
    /// Room for `rows` times `columns` pictures of `side` pixels.
    pub(super) fn new(rows: usize, columns: usize, side: usize) -> Self {
        let mut strip = Self {
            side,
            columns,
            rows,
            grey: Vec::new(),
        };
        strip.grey = vec![255; strip.width() * strip.height()];
        strip
    }

    fn width(&self) -> usize {
        self.columns * (self.side + GAP) - GAP
    }

    fn height(&self) -> usize {
        self.rows * (self.side + GAP) - GAP
    }

    /// Sets a pixel of a picture; 0 is white, 1 black.
    pub(super) fn put(&mut self, [row, column]: [usize; 2], [x, y]: [usize; 2], ink: f64) {
        let at_x = column * (self.side + GAP) + x;
        let at_y = row * (self.side + GAP) + y;
        let place = at_y * self.width() + at_x;
        if let Some(pixel) = self.grey.get_mut(place) {
            *pixel = (255.0 * (1.0 - ink.clamp(0.0, 1.0))).round() as u8;
        }
    }

    /// The file.
    pub(super) fn png(&self) -> Vec<u8> {
        let rgba: Vec<u8> = self.grey.iter().flat_map(|g| [*g, *g, *g, 255]).collect();
        crate::core::png::encode(self.width() as u32, self.height() as u32, &rgba)
    }
}

/// At most `most` indices from 0 to `last`, both ends among them.
pub(super) fn spread(last: usize, most: usize) -> Vec<usize> {
    if last < most {
        return (0..=last).collect();
    }
    (0..most).map(|i| i * last / (most - 1).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_is_a_png_of_its_size() {
        let mut strip = Strip::new(2, 3, 8);
        strip.put([1, 2], [7, 7], 1.0);
        let png = strip.png();
        assert_eq!(&png[..4], b"\x89PNG");
        let word = |at: usize| u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]);
        assert_eq!([word(16), word(20)], [28, 18]);
        assert_eq!(strip.grey.last(), Some(&0), "the last pixel is black");
    }

    #[test]
    fn frames_are_spread_with_both_ends() {
        assert_eq!(spread(2, 8), [0, 1, 2]);
        assert_eq!(spread(20, 5), [0, 5, 10, 15, 20]);
    }
}
