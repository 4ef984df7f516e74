//! All colours and sizes. Palettes are those of the UX standard: tested under normal vision and
//! simulated colour-vision deficiencies, at least 3:1 against the background.

use egui::Color32;

/// The colours of one theme.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    /// Whether the theme is dark.
    pub dark: bool,
    /// Behind charts and pictures.
    pub background: Color32,
    /// Behind panels.
    pub panel: Color32,
    /// Text, baselines, theory.
    pub ink: Color32,
    /// Secondary text.
    pub muted: Color32,
    /// Grid lines and borders.
    pub grid: Color32,
    /// Focus, selection, the playhead.
    pub accent: Color32,
    /// Good news; always with a word or an icon.
    pub good: Color32,
    /// A warning; always with a word or an icon.
    pub warning: Color32,
    /// Bad news; always with a word or an icon.
    pub bad: Color32,
    /// Series in fixed order: A is the first, B the second.
    pub series: [Color32; 6],
    /// Item states: waiting, prefill, decode, preempted or moved (hatched), failed (crossed).
    pub states: [Color32; 5],
    /// Viridis stops from "little" (near the background) to "much".
    pub sequential: [Color32; 5],
    /// Ends of the diverging scale: negative, positive; the middle is the background.
    pub diverging: [Color32; 2],
}

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

impl Palette {
    /// The light theme.
    pub const LIGHT: Self = Self {
        dark: false,
        background: hex(0xFF_FFFF),
        panel: hex(0xF6_F8FA),
        ink: hex(0x1B_1F24),
        muted: hex(0x57_606A),
        grid: hex(0xD0_D7DE),
        accent: hex(0x00_68B3),
        good: hex(0x00_704F),
        warning: hex(0x8A_5A00),
        bad: hex(0xB3_261E),
        series: [
            hex(0x00_478A),
            hex(0x89_1300),
            hex(0x01_7F50),
            hex(0xEF_458E),
            hex(0xA5_9400),
            hex(0x10_A0CF),
        ],
        states: [
            hex(0x8A_94A0),
            hex(0x10_A0CF),
            hex(0x00_478A),
            hex(0xA5_9400),
            hex(0x89_1300),
        ],
        sequential: [
            hex(0xFD_E725),
            hex(0x5E_C962),
            hex(0x21_918C),
            hex(0x3B_528B),
            hex(0x44_0154),
        ],
        diverging: [hex(0x21_66AC), hex(0xB3_5806)],
    };

    /// The dark theme.
    pub const DARK: Self = Self {
        dark: true,
        background: hex(0x14_171A),
        panel: hex(0x1C_2126),
        ink: hex(0xE6_EDF3),
        muted: hex(0x9B_A7B4),
        grid: hex(0x30_363D),
        accent: hex(0x5B_B4F0),
        good: hex(0x3C_C79A),
        warning: hex(0xF0_B429),
        bad: hex(0xFF_8A80),
        series: [
            hex(0x47_7FD2),
            hex(0xF2_3311),
            hex(0xAF_FDBB),
            hex(0xDA_7396),
            hex(0xF2_C322),
            hex(0x4B_BAE0),
        ],
        states: [
            hex(0x7D_8894),
            hex(0x4B_BAE0),
            hex(0x47_7FD2),
            hex(0xF2_C322),
            hex(0xF2_3311),
        ],
        sequential: [
            hex(0x44_0154),
            hex(0x3B_528B),
            hex(0x21_918C),
            hex(0x5E_C962),
            hex(0xFD_E725),
        ],
        diverging: [hex(0x21_66AC), hex(0xB3_5806)],
    };

    /// The palette of the current egui theme.
    pub fn of(ctx: &egui::Context) -> &'static Self {
        if ctx.global_style().visuals.dark_mode {
            &Self::DARK
        } else {
            &Self::LIGHT
        }
    }

    /// Colour of a share 0 to 1 on the sequential scale.
    pub fn sequential_at(&self, t: f32) -> Color32 {
        let t = t.clamp(0.0, 1.0) * 4.0;
        let i = (t as usize).min(3);
        mix(self.sequential[i], self.sequential[i + 1], t - i as f32)
    }

    /// Colour of a value -1 to 1 on the diverging scale.
    pub fn diverging_at(&self, t: f32) -> Color32 {
        let end = self.diverging[usize::from(t > 0.0)];
        mix(self.background, end, t.abs().min(1.0))
    }

    /// Colour of series `i`; past the sixth it repeats (views then also vary the dash).
    pub fn series_at(&self, i: usize) -> Color32 {
        self.series[i % self.series.len()]
    }
}

/// Straight mixture of two colours, `t` from 0 (a) to 1 (b).
pub fn mix(a: Color32, b: Color32, t: f32) -> Color32 {
    let t = t.clamp(0.0, 1.0);
    let lerp = |x: u8, y: u8| (f32::from(x) + (f32::from(y) - f32::from(x)) * t).round() as u8;
    Color32::from_rgb(lerp(a.r(), b.r()), lerp(a.g(), b.g()), lerp(a.b(), b.b()))
}

/// The colour with another opacity, 0 to 1.
pub fn fade(color: Color32, opacity: f32) -> Color32 {
    color.gamma_multiply(opacity)
}
