//! A folder of pictures of the user's as a training set: JPEG, PNG, PGM or PPM files, cut to a
//! square, averaged down to small grey images of several sizes.

use crate::core::jpeg;
use crate::core::png::{self, Grey};
use crate::core::{Error, Result, num};

/// Sides of an imported image that can be chosen.
pub const FOLDER_SIDES: [usize; 3] = [8, 16, 32];
/// Most pictures of a folder.
pub const MOST_PICTURES: usize = 2000;

/// Pictures brought by the user, small and grey.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    names: Vec<String>,
    /// By side: pixels from -1 (black) to 1 (white), image after image.
    rows: [Vec<f64>; 3],
    /// What was left out and why.
    pub remarks: Vec<String>,
}

/// Forms of pictures that are known but not read, by their first bytes.
const UNREAD: [(&[u8], &str); 2] = [(b"GIF8", "GIF"), (b"RIFF", "WebP or RIFF")];

/// Whether a file is a picture; [`Folder::add`] says if its form is not read.
pub fn looks_like(bytes: &[u8]) -> bool {
    png::looks_like(bytes)
        || jpeg::looks_like(bytes)
        || bytes.starts_with(b"P5")
        || bytes.starts_with(b"P6")
        || unread(bytes).is_some()
}

fn unread(bytes: &[u8]) -> Option<&'static str> {
    let found = UNREAD.iter().find(|(first, _)| bytes.starts_with(first));
    found.map(|(_, form)| *form)
}

impl Folder {
    /// Before the first picture.
    pub fn new() -> Self {
        Self {
            names: Vec::new(),
            rows: Default::default(),
            remarks: Vec::new(),
        }
    }

    /// Adds a picture; one that cannot be read becomes a remark.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        if self.names.len() == MOST_PICTURES {
            let words = format!("only the first {MOST_PICTURES} pictures are used");
            if self.remarks.last() != Some(&words) {
                self.remarks.push(words);
            }
            return;
        }
        match picture(bytes) {
            Ok(grey) => {
                self.names.push(name.to_owned());
                for (rows, side) in self.rows.iter_mut().zip(FOLDER_SIDES) {
                    rows.extend(small(&grey, side));
                }
            }
            Err(error) => self.remarks.push(format!("{name}: {error}")),
        }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Pixels at one of [`FOLDER_SIDES`], image after image; none at other sides.
    pub fn rows(&self, side: usize) -> &[f64] {
        let place = FOLDER_SIDES.iter().position(|s| *s == side);
        place.map_or(&[], |p| &self.rows[p])
    }

    /// In a few words.
    pub fn words(&self) -> String {
        let n = self.len();
        let s = if n == 1 { "" } else { "s" };
        format!("{n} picture{s}, cut to a square and made small and grey")
    }

    /// Names and mean greys.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mean = |row: &[f64]| num::sum(row.iter().copied()) / row.len() as f64;
        let rows = self
            .names
            .iter()
            .zip(self.rows[0].chunks_exact(FOLDER_SIDES[0] * FOLDER_SIDES[0]))
            .map(|(name, row)| vec![name.clone(), format!("{:.3}", mean(row))])
            .collect();
        (vec!["picture".to_owned(), "mean grey".to_owned()], rows)
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

fn picture(bytes: &[u8]) -> Result<Grey> {
    if png::looks_like(bytes) {
        return png::decode(bytes);
    }
    if jpeg::looks_like(bytes) {
        return jpeg::decode(bytes);
    }
    if let Some(form) = unread(bytes) {
        return Err(Error::Unsupported(format!(
            "a {form} file: pictures are read as JPEG, PNG, PGM or PPM; save it as one of these"
        )));
    }
    netpbm(bytes)
}

/// Binary PGM (P5) and PPM (P6) with 8 bits.
fn netpbm(bytes: &[u8]) -> Result<Grey> {
    let broken = |what: &str| Error::malformed("picture", what.to_owned());
    let channels = match bytes {
        [b'P', b'5', ..] => 1,
        [b'P', b'6', ..] => 3,
        _ => return Err(broken("is neither JPEG nor PNG nor PGM nor PPM")),
    };
    let (mut numbers, mut at) = (Vec::new(), 2);
    while numbers.len() < 3 {
        match bytes.get(at) {
            Some(b'#') => {
                at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(1);
            }
            Some(b) if b.is_ascii_whitespace() => at += 1,
            Some(b) if b.is_ascii_digit() => {
                let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit());
                let value = digits.fold(0_usize, |v, b| {
                    v.saturating_mul(10).saturating_add(usize::from(b - b'0'))
                });
                at += bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                numbers.push(value);
            }
            _ => return Err(broken("has no size")),
        }
    }
    let [width, height, most] = [numbers[0], numbers[1], numbers[2]];
    let count = width.saturating_mul(height).saturating_mul(channels);
    let pixels = bytes.get(at + 1..).and_then(|b| b.get(..count));
    match pixels {
        Some(pixels) if count > 0 && (1..=255).contains(&most) => Ok(Grey {
            width,
            height,
            values: pixels
                .chunks_exact(channels)
                .map(|p| {
                    let v = |c: usize| f64::from(p[c % channels]) / most as f64;
                    0.2126 * v(0) + 0.7152 * v(1) + 0.0722 * v(2)
                })
                .collect(),
        }),
        _ => Err(broken("has too few pixels, or more than 8 bits")),
    }
}

/// The square in the middle, each small pixel the mean of what it covers, from -1 to 1.
fn small(grey: &Grey, to: usize) -> Vec<f64> {
    let side = grey.width.min(grey.height);
    let (left, top) = ((grey.width - side) / 2, (grey.height - side) / 2);
    let range = |i: usize| {
        let low = i * side / to;
        low..((i + 1) * side / to).max(low + 1)
    };
    let mut out = Vec::with_capacity(to * to);
    for row in 0..to {
        for column in 0..to {
            let (mut total, mut count) = (0.0, 0_u32);
            for y in range(row) {
                for x in range(column) {
                    total += grey.values[(top + y) * grey.width + left + x];
                    count += 1;
                }
            }
            out.push(2.0 * total / f64::from(count) - 1.0);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_cut_to_a_square_and_averaged() {
        // 64 wide, 32 high: black left and right of a white square.
        let mut file = b"P5\n# a comment\n64 32\n255\n".to_vec();
        for _ in 0..32 {
            file.extend((0..64).map(|x| if (16..48).contains(&x) { 255 } else { 0 }));
        }
        let mut folder = Folder::new();
        folder.add("a.pgm", &file);
        folder.add("b.txt", b"hello");
        assert_eq!(folder.len(), 1);
        assert!(
            folder.remarks[0].starts_with("b.txt"),
            "{:?}",
            folder.remarks
        );
        for side in FOLDER_SIDES {
            let rows = folder.rows(side);
            assert_eq!(rows.len(), side * side);
            assert!(rows.iter().all(|v| (v - 1.0).abs() < 1e-12));
        }
        assert!(folder.rows(7).is_empty());
        let tiny = png::encode(1, 1, &[0, 0, 0, 255]);
        folder.add("dot.png", &tiny);
        let rest = &folder.rows(16)[256..];
        assert!(rest.iter().all(|v| (v + 1.0).abs() < 1e-12));
        assert!(folder.words().starts_with("2 pictures"));
    }

    #[test]
    fn broken_pictures_become_remarks() {
        let mut folder = Folder::new();
        for bytes in [
            &b"P5 4 4 255 ab"[..],
            b"P6",
            b"\xff\xd8\xff\xe0 JFIF",
            b"GIF89a",
            b"P5 99999999999 99999999999 255\n",
            b"",
        ] {
            folder.add("x", bytes);
        }
        assert!(folder.is_empty());
        assert_eq!(folder.remarks.len(), 6);
        assert!(folder.remarks[3].contains("GIF"), "{:?}", folder.remarks);
        assert!(folder.remarks[2].contains("JPEG"), "{:?}", folder.remarks);
    }
}
