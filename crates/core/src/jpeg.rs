//! JPEG files, read as grey values. Natively by a decoder without platform-dependent paths; a page
//! leaves them to its browser, before they arrive here, so that it carries no decoder.

use super::png::Grey;
use super::{Error, Result};

/// Whether bytes start as a JPEG file does.
pub fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xd8\xff")
}

/// Reads a picture; colours become grey as in PNG files.
///
/// # Errors
/// A broken or too large file, or a page, where the browser reads it.
#[cfg(not(target_arch = "wasm32"))]
pub fn decode(bytes: &[u8]) -> Result<Grey> {
    use super::png::MOST_PIXELS;
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    let broken = |what: String| Error::malformed("JPEG", what);
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder
        .decode_headers()
        .map_err(|e| broken(format!("its head cannot be read: {e}")))?;
    let info = decoder
        .info()
        .ok_or_else(|| broken("has no size".to_owned()))?;
    let [width, height] = [usize::from(info.width), usize::from(info.height)];
    if width * height == 0 || width * height > MOST_PIXELS {
        return Err(broken(format!(
            "{width} × {height} pixels; at most {MOST_PIXELS} are read"
        )));
    }
    let pixels = decoder
        .decode()
        .map_err(|e| broken(format!("the picture cannot be read: {e}")))?;
    let values: Vec<f64> = pixels
        .chunks_exact(3)
        .map(|p| {
            let v = |c: usize| f64::from(p[c]) / 255.0;
            0.2126 * v(0) + 0.7152 * v(1) + 0.0722 * v(2)
        })
        .collect();
    if values.len() != width * height {
        return Err(broken(format!(
            "holds {} of {width} × {height} pixels",
            values.len()
        )));
    }
    let picture = Grey {
        width,
        height,
        values,
    };
    let turned = decoder.exif().and_then(|exif| orientation(exif));
    Ok(upright(picture, turned.unwrap_or(1)))
}

/// Orientation (1 to 8) in the first directory of Exif data, a TIFF structure.
#[cfg(not(target_arch = "wasm32"))]
fn orientation(exif: &[u8]) -> Option<u16> {
    const ORIENTATION: u16 = 0x0112;
    let little = exif.starts_with(b"II");
    let short = |at: usize| {
        let pair: [u8; 2] = exif.get(at..at + 2)?.try_into().ok()?;
        let read = if little {
            u16::from_le_bytes
        } else {
            u16::from_be_bytes
        };
        Some(read(pair))
    };
    let word = |at: usize| {
        let four: [u8; 4] = exif.get(at..at + 4)?.try_into().ok()?;
        let read = if little {
            u32::from_le_bytes
        } else {
            u32::from_be_bytes
        };
        Some(read(four) as usize)
    };
    let start = word(4)?;
    let count = usize::from(short(start)?);
    (0..count)
        .map(|entry| start + 2 + 12 * entry)
        .find(|at| short(*at) == Some(ORIENTATION))
        .and_then(|at| short(at + 8))
}

/// The picture as it is meant to be seen: cameras store it as the sensor lies.
#[cfg(not(target_arch = "wasm32"))]
fn upright(picture: Grey, orientation: u16) -> Grey {
    let (w, h) = (picture.width, picture.height);
    let (width, height) = if orientation >= 5 { (h, w) } else { (w, h) };
    // Where a pixel of the upright picture lies in the stored one.
    let stored = |x: usize, y: usize| match orientation {
        2 => (w - 1 - x, y),
        3 => (w - 1 - x, h - 1 - y),
        4 => (x, h - 1 - y),
        5 => (y, x),
        6 => (y, h - 1 - x),
        7 => (w - 1 - y, h - 1 - x),
        8 => (w - 1 - y, x),
        _ => (x, y),
    };
    if !(2..=8).contains(&orientation) {
        return picture;
    }
    let values = (0..width * height)
        .map(|i| {
            let (x, y) = stored(i % width, i / width);
            picture.values[y * w + x]
        })
        .collect();
    Grey {
        width,
        height,
        values,
    }
}

/// In a page the browser has read the file before it arrives.
///
/// # Errors
/// Always.
#[cfg(target_arch = "wasm32")]
pub fn decode(_bytes: &[u8]) -> Result<Grey> {
    Err(Error::Unsupported(
        "a JPEG file that the browser did not read".to_owned(),
    ))
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    /// 16 x 32 pixels of pure red, baseline.
    const RED: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wAARCAAgABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFgEBAQEAAAAAAAAAAAAAAAAAAAcI/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACEQMRAD8AlgCdNlgAP//Z";
    /// 32 x 16 pixels, black on one side to white on the other, grey, progressive.
    const RAMP: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/wgALCAAQACABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABgcI/9oACAEBAAAAAaCTJlNBkyZT/8QAFRABAQAAAAAAAAAAAAAAAAAAAAT/2gAIAQEAAQUCpUqVKlSpUv/EABQQAQAAAAAAAAAAAAAAAAAAADD/2gAIAQEABj8CD//EABUQAQEAAAAAAAAAAAAAAAAAAABB/9oACAEBAAE/IbUpa1KW/9oACAEBAAAAEO7/xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAE/EAfX3//Z";

    fn file(text: &str) -> Vec<u8> {
        BASE64_STANDARD.decode(text).unwrap_or_default()
    }

    #[test]
    fn colours_become_grey_and_progressive_files_are_read() {
        let red = decode(&file(RED)).unwrap();
        assert_eq!([red.width, red.height], [16, 32]);
        assert!(red.values.iter().all(|v| (v - 0.2126).abs() < 0.01));
        let ramp = decode(&file(RAMP)).unwrap();
        assert_eq!([ramp.width, ramp.height], [32, 16]);
        let (left, right) = (ramp.values[0], ramp.values[31]);
        assert!(left.min(right) < 0.1 && left.max(right) > 0.9);
        let middle = ramp.values[8 * 32 + 16];
        assert!((middle - 0.5).abs() < 0.1, "{middle}");
    }

    #[test]
    fn pictures_are_turned_as_the_camera_was_held() {
        // Stored: 1 2 3 over 4 5 6.
        let stored = || Grey {
            width: 3,
            height: 2,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        let turned = |o: u16| {
            let g = upright(stored(), o);
            (g.width, g.values)
        };
        assert_eq!(turned(1), (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(turned(3), (3, vec![6.0, 5.0, 4.0, 3.0, 2.0, 1.0]));
        // Clockwise, and the other way round.
        assert_eq!(turned(6), (2, vec![4.0, 1.0, 5.0, 2.0, 6.0, 3.0]));
        assert_eq!(turned(8), (2, vec![3.0, 6.0, 2.0, 5.0, 1.0, 4.0]));
        assert_eq!(turned(5), (2, vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".to_vec();
        assert_eq!(orientation(&exif), Some(6));
        exif[4] = 200;
        assert_eq!(orientation(&exif), None);
        assert_eq!(orientation(b""), None);
    }

    #[test]
    fn broken_files_are_refused_in_words_whatever_they_hold() {
        let whole = file(RED);
        for end in [3, 20, 100, 200] {
            let error = decode(&whole[..end]).unwrap_err().to_string();
            assert!(error.contains("JPEG") && error.contains("read"), "{error}");
        }
        for at in 0..whole.len() {
            for with in [0, 0x5a, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = with;
                if let Ok(read) = decode(&bytes) {
                    assert_eq!(read.values.len(), read.width * read.height);
                }
            }
        }
        assert!(!looks_like(b"GIF8"));
    }
}
