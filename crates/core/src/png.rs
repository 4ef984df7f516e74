//! PNG files: written as 8-bit RGBA, read as grey values.

use super::{Error, Result};

/// Eight bytes that open every PNG file.
const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Writes 8-bit RGBA rows as a PNG file (ISO/IEC 15948), unfiltered and deflated.
pub fn encode(width: u32, height: u32, rgba: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(13);
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    // Eight bits, colour with alpha, deflate, no filter set, no interlace.
    head.extend([8, 6, 0, 0, 0]);
    let stride = 4 * width as usize;
    let mut rows = Vec::with_capacity((stride + 1) * height as usize);
    for row in rgba.chunks(stride.max(1)) {
        rows.push(0);
        rows.extend(row);
    }
    let mut out = SIGNATURE.to_vec();
    chunk(&mut out, *b"IHDR", &head);
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&rows, 6);
    chunk(&mut out, *b"IDAT", &packed);
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(data);
    let sum = crc32(&out[start..]);
    out.extend(sum.to_be_bytes());
}

/// The checksum of PNG and gzip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &b| {
        (0..8).fold(crc ^ u32::from(b), |c, _| {
            (c >> 1) ^ (0xEDB8_8320 & (c & 1).wrapping_neg())
        })
    })
}

/// Grey values of a picture, row by row from above, 0 black to 1 white.
#[derive(Debug, Clone, PartialEq)]
pub struct Grey {
    /// Pixels of a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// The values.
    pub values: Vec<f64>,
}

/// Most pixels of a picture that is read.
pub(super) const MOST_PIXELS: usize = 1 << 24;

/// Whether bytes start as a PNG file does.
pub fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

/// First column and row, and their steps, of the seven passes of an interlaced file (Adam7).
const PASSES: [[usize; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

#[derive(Clone, Copy)]
struct Head {
    width: usize,
    height: usize,
    depth: usize,
    colour: u8,
    interlaced: bool,
}

impl Head {
    fn read(data: &[u8]) -> Result<Self> {
        let word = |at: usize| {
            data.get(at..at + 4)
                .map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        };
        let byte = |at: usize| data.get(at).copied().unwrap_or(0);
        let head = Self {
            width: word(0),
            height: word(4),
            depth: usize::from(byte(8)),
            colour: byte(9),
            interlaced: byte(12) != 0,
        };
        let pixels = head.width.saturating_mul(head.height);
        let depths: &[usize] = match head.colour {
            0 => &[1, 2, 4, 8, 16],
            3 => &[1, 2, 4, 8],
            2 | 4 | 6 => &[8, 16],
            _ => &[],
        };
        if pixels == 0 || pixels > MOST_PIXELS {
            return Err(Error::malformed(
                "PNG",
                format!(
                    "{} × {} pixels; at most {MOST_PIXELS} are read",
                    head.width, head.height
                ),
            ));
        }
        if !depths.contains(&head.depth) || byte(12) > 1 {
            return Err(Error::Unsupported(format!(
                "a PNG of colour type {}, {} bits, interlace method {}",
                head.colour,
                head.depth,
                byte(12)
            )));
        }
        Ok(head)
    }

    fn channels(&self) -> usize {
        match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        }
    }

    fn stride(&self) -> usize {
        (self.width * self.channels() * self.depth).div_ceil(8)
    }

    /// Bytes of the rows with the filter before each.
    fn bytes(&self) -> usize {
        (self.stride() + 1) * self.height
    }

    /// The pictures whose pixels stand one after the other, each with the columns and rows of the
    /// whole that it fills: first and step.
    fn parts(&self) -> Vec<(Self, [usize; 4])> {
        if !self.interlaced {
            return vec![(*self, [0, 0, 1, 1])];
        }
        let part = |at: [usize; 4]| {
            let size = |whole: usize, first: usize, step: usize| {
                whole.saturating_sub(first).div_ceil(step)
            };
            let part = Self {
                width: size(self.width, at[0], at[2]),
                height: size(self.height, at[1], at[3]),
                ..*self
            };
            (part, at)
        };
        let parts = PASSES.into_iter().map(part);
        parts.filter(|(p, _)| p.width * p.height > 0).collect()
    }
}

/// Reads a PNG file (ISO/IEC 15948) as grey values by Rec. 709 luma, transparent parts on white.
///
/// # Errors
/// What is broken, or a form that is not read.
pub fn decode(bytes: &[u8]) -> Result<Grey> {
    let broken = |what: &str| Error::malformed("PNG", what.to_owned());
    if !looks_like(bytes) {
        return Err(broken("does not start as a PNG file"));
    }
    let (mut head, mut palette, mut packed) = (None, Vec::new(), Vec::new());
    let mut rest = &bytes[SIGNATURE.len()..];
    while let [a, b, c, d, k0, k1, k2, k3, after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let data = after
            .get(..length)
            .ok_or_else(|| broken("ends within a chunk"))?;
        match [*k0, *k1, *k2, *k3] {
            [b'I', b'H', b'D', b'R'] => head = Some(Head::read(data)?),
            [b'P', b'L', b'T', b'E'] => palette = data.to_vec(),
            [b'I', b'D', b'A', b'T'] => packed.extend_from_slice(data),
            [b'I', b'E', b'N', b'D'] => break,
            _ => {}
        }
        rest = after.get(length + 4..).unwrap_or_default();
    }
    let head = head.ok_or_else(|| broken("has no header"))?;
    let parts = head.parts();
    let whole = parts.iter().map(|(part, _)| part.bytes()).sum();
    let raw = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&packed, whole)
        .map_err(|e| broken(&format!("its pixels do not unpack: {e}")))?;
    if raw.len() != whole {
        return Err(broken("has too few pixels"));
    }
    let mut values = vec![0.0; head.width * head.height];
    let mut raw = &raw[..];
    for (part, [left, top, across, down]) in &parts {
        let (own, rest) = raw.split_at(part.bytes());
        raw = rest;
        let rows = unfiltered(own, part).ok_or_else(|| broken("has an unknown filter"))?;
        for (i, v) in grey(&rows, part, &palette).into_iter().enumerate() {
            let [x, y] = [
                left + across * (i % part.width),
                top + down * (i / part.width),
            ];
            values[y * head.width + x] = v;
        }
    }
    Ok(Grey {
        width: head.width,
        height: head.height,
        values,
    })
}

/// Undoes the filters, row by row.
fn unfiltered(raw: &[u8], head: &Head) -> Option<Vec<u8>> {
    let (stride, back) = (head.stride(), (head.channels() * head.depth / 8).max(1));
    let mut out: Vec<u8> = Vec::with_capacity(stride * head.height);
    for (r, row) in raw.chunks_exact(stride + 1).enumerate() {
        let start = r * stride;
        for (i, &v) in row[1..].iter().enumerate() {
            let left = if i >= back { out[start + i - back] } else { 0 };
            let up = if r > 0 { out[start + i - stride] } else { 0 };
            let corner = if r > 0 && i >= back {
                out[start + i - stride - back]
            } else {
                0
            };
            let guess = match row[0] {
                0 => 0,
                1 => left,
                2 => up,
                3 => u16::midpoint(u16::from(left), u16::from(up)) as u8,
                4 => paeth(left, up, corner),
                _ => return None,
            };
            out.push(v.wrapping_add(guess));
        }
    }
    Some(out)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let p = a + b - c;
    let [pa, pb, pc] = [(p - a).abs(), (p - b).abs(), (p - c).abs()];
    if pa <= pb && pa <= pc {
        left
    } else if pb <= pc {
        up
    } else {
        corner
    }
}

fn grey(rows: &[u8], head: &Head, palette: &[u8]) -> Vec<f64> {
    let channels = head.channels();
    let most = f64::from((1_u32 << head.depth) - 1);
    let sample = |row: &[u8], i: usize| -> f64 {
        match head.depth {
            8 => f64::from(row[i]),
            16 => f64::from(u16::from_be_bytes([row[2 * i], row[2 * i + 1]])),
            bits => {
                let shift = 8 - bits - (i * bits) % 8;
                f64::from(row[i * bits / 8] >> shift & ((1 << bits) - 1))
            }
        }
    };
    let luma = |r: f64, g: f64, b: f64| 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let mut values = Vec::with_capacity(head.width * head.height);
    for row in rows.chunks_exact(head.stride()) {
        for x in 0..head.width {
            let s = |c: usize| sample(row, x * channels + c) / most;
            values.push(match head.colour {
                2 => luma(s(0), s(1), s(2)),
                3 => {
                    let entry = 3 * sample(row, x) as usize;
                    let c = |k: usize| f64::from(palette.get(entry + k).copied().unwrap_or(0));
                    luma(c(0), c(1), c(2)) / 255.0
                }
                4 => 1.0 + (s(0) - 1.0) * s(1),
                6 => 1.0 + (luma(s(0), s(1), s(2)) - 1.0) * s(3),
                _ => s(0),
            });
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b"IEND"), 0xAE42_6082);
    }

    #[test]
    fn what_is_written_is_read_back_as_grey() {
        let rgba = [
            [0, 0, 0, 255],
            [255, 255, 255, 255],
            [255, 0, 0, 255],
            [0, 0, 0, 0],
            [10, 10, 10, 255],
            [200, 200, 200, 255],
        ];
        let got = decode(&encode(3, 2, rgba.as_flattened())).unwrap();
        assert_eq!([got.width, got.height], [3, 2]);
        let want = [0.0, 1.0, 0.2126, 1.0, 10.0 / 255.0, 200.0 / 255.0];
        for (g, w) in got.values.iter().zip(want) {
            assert!((g - w).abs() < 1e-9, "{:?}", got.values);
        }
    }

    /// A file of grey pixels with the given filter bytes and depth.
    fn filtered(width: u32, depth: u8, rows: &[&[u8]]) -> Vec<u8> {
        file(width, rows.len() as u32, depth, 0, rows)
    }

    fn file(width: u32, height: u32, depth: u8, interlace: u8, rows: &[&[u8]]) -> Vec<u8> {
        let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
        head.extend([depth, 0, 0, 0, interlace]);
        let mut out = SIGNATURE.to_vec();
        chunk(&mut out, *b"IHDR", &head);
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&rows.concat(), 6);
        chunk(&mut out, *b"IDAT", &packed);
        chunk(&mut out, *b"IEND", &[]);
        out
    }

    #[test]
    fn every_filter_and_packed_bits_are_undone() {
        // Rows 10 20 30 by differences to the left, above, their mean and Paeth's choice.
        let file = filtered(
            3,
            8,
            &[
                &[1, 10, 10, 10],
                &[2, 0, 0, 0],
                &[3, 5, 5, 5],
                &[4, 0, 0, 0],
            ],
        );
        let got = decode(&file).unwrap();
        for row in got.values.chunks(3) {
            for (v, w) in row.iter().zip([10.0, 20.0, 30.0]) {
                assert!((v * 255.0 - w).abs() < 1e-9, "{:?}", got.values);
            }
        }
        let bits = decode(&filtered(5, 1, &[&[0, 0b1011_0000]])).unwrap();
        assert_eq!(bits.values, [1.0, 0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn broken_files_are_refused() {
        let whole = encode(2, 2, &[7; 16]);
        assert!(decode(b"GIF89a").is_err());
        for end in [8, 20, whole.len() - 30] {
            assert!(decode(&whole[..end]).is_err(), "cut at {end}");
        }
        let mut interlaced = whole;
        interlaced[28] = 2;
        assert!(
            decode(&interlaced)
                .unwrap_err()
                .to_string()
                .contains("interlace method 2")
        );
    }

    #[test]
    fn the_seven_passes_of_an_interlaced_file_make_one_picture() {
        // Pixel (x, y) of 9 × 3 is 10 y + x; the third pass is empty, as there is no row 4.
        let passes: [&[&[u8]]; 6] = [
            &[&[0, 0, 8]],
            &[&[0, 4]],
            &[&[0, 2, 6]],
            &[&[0, 20, 22, 24, 26, 28]],
            &[&[0, 1, 3, 5, 7], &[0, 21, 23, 25, 27]],
            &[&[0, 10, 11, 12, 13, 14, 15, 16, 17, 18]],
        ];
        let got = decode(&file(9, 3, 8, 1, &passes.concat())).unwrap();
        let want: Vec<f64> = (0..27).map(|i| f64::from(10 * (i / 9) + i % 9)).collect();
        for (g, w) in got.values.iter().zip(&want) {
            assert!((g * 255.0 - w).abs() < 1e-9, "{:?}", got.values);
        }
        assert!(decode(&file(9, 3, 8, 1, &passes[..5].concat())).is_err());
    }
}
