//! All colours and sizes. Palettes are those of the UX standard: tested under normal vision and
//! simulated colour-vision deficiencies, at least 3:1 against the background.

use egui::style::{HandleShape, ScrollStyle, Selection, Spacing, WidgetVisuals};
use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, RichText, Shadow,
    Stroke, Style, TextStyle, Theme, Vec2, Visuals, vec2,
};
use std::sync::Arc;

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

/// Rounding of everything that is a box, in points.
pub const ROUNDING: u8 = 6;

/// Smallest side of anything that can be clicked, in points.
pub const TARGET: f32 = 24.0;

const STRONG: &str = "strong";
const SIGNS: &str = "DejaVu";

/// Sets the designed style for the light and the dark theme. Call it before the first frame.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.set_style_of(Theme::Light, style(&Palette::LIGHT));
    ctx.set_style_of(Theme::Dark, style(&Palette::DARK));
}

/// Inter for text, Hack for code, and `DejaVu` for the signs and letters that these two lack: in
/// place of the toolkit's own fonts, which weigh fifteen times as much.
fn fonts() -> FontDefinitions {
    let inter: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");
    let semibold: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.otf");
    let hack: &[u8] = include_bytes!("../../assets/fonts/Hack-Regular.ttf");
    let signs: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");
    let strong = FontFamily::Name(STRONG.into());
    let mut fonts = FontDefinitions::empty();
    for (name, bytes, family) in [
        ("Inter", inter, FontFamily::Proportional),
        ("Inter SemiBold", semibold, strong),
        ("Hack", hack, FontFamily::Monospace),
    ] {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        let chain = [name, "Inter", SIGNS].map(str::to_owned);
        fonts.families.insert(family, chain.to_vec());
    }
    fonts
        .font_data
        .insert(SIGNS.to_owned(), Arc::new(FontData::from_static(signs)));
    fonts
}

/// The title of a drawing at its top left corner: small, muted, and cut short where the drawing ends.
pub fn caption(ui: &egui::Ui, rect: egui::Rect, text: &str) {
    let palette = Palette::of(ui.ctx());
    let font = FontId::proportional(11.0);
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, palette.muted);
    job.wrap = TextWrapping::truncate_at_width(rect.width() - 4.0);
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(rect.left_top(), galley, palette.muted);
}

/// The family of headings and best values; the plain one while the fonts are not loaded.
pub(crate) fn strong_family(ctx: &egui::Context) -> FontFamily {
    let family = FontFamily::Name(STRONG.into());
    if ctx.fonts(|f| f.definitions().families.contains_key(&family)) {
        family
    } else {
        FontFamily::Proportional
    }
}

/// Semibold text of body size.
pub fn strong(ui: &egui::Ui, text: impl Into<String>) -> RichText {
    sized_strong(ui, text, 14.0)
}

/// Semibold text of heading size.
pub fn title(ui: &egui::Ui, text: impl Into<String>) -> RichText {
    sized_strong(ui, text, 18.0)
}

/// Semibold text of caption size.
pub fn small_strong(ui: &egui::Ui, text: impl Into<String>) -> RichText {
    sized_strong(ui, text, 12.0)
}

fn sized_strong(ui: &egui::Ui, text: impl Into<String>, size: f32) -> RichText {
    RichText::new(text)
        .font(FontId::new(size, strong_family(ui.ctx())))
        .color(ui.visuals().text_color())
}

/// Caption text: axis ticks, units, secondary remarks.
pub fn small_font() -> FontId {
    FontId::new(12.0, FontFamily::Proportional)
}

fn style(palette: &Palette) -> Style {
    let mut style = Style {
        spacing: spacing(),
        visuals: visuals(palette),
        animation_time: 0.14,
        drag_value_text_style: TextStyle::Body,
        url_in_tooltip: true,
        ..Style::default()
    };
    style.text_styles = [
        (TextStyle::Small, 12.0, FontFamily::Proportional),
        (TextStyle::Body, 14.0, FontFamily::Proportional),
        (TextStyle::Button, 14.0, FontFamily::Proportional),
        (TextStyle::Heading, 18.0, FontFamily::Proportional),
        (TextStyle::Monospace, 13.0, FontFamily::Monospace),
    ]
    .into_iter()
    .map(|(name, size, family)| (name, FontId::new(size, family)))
    .collect();
    style.interaction.tooltip_delay = 0.35;
    style.interaction.selectable_labels = false;
    style
}

fn spacing() -> Spacing {
    Spacing {
        item_spacing: vec2(8.0, 4.0),
        button_padding: vec2(8.0, 4.0),
        window_margin: Margin::same(12),
        menu_margin: Margin::same(6),
        indent: 16.0,
        interact_size: vec2(32.0, TARGET),
        slider_width: 120.0,
        slider_rail_height: 4.0,
        icon_width: 16.0,
        icon_width_inner: 8.0,
        icon_spacing: 8.0,
        tooltip_width: 320.0,
        scroll: ScrollStyle {
            bar_width: 8.0,
            ..ScrollStyle::floating()
        },
        ..Spacing::default()
    }
}

fn visuals(palette: &Palette) -> Visuals {
    let mut v = if palette.dark {
        Visuals::dark()
    } else {
        Visuals::light()
    };
    let round = CornerRadius::same(ROUNDING);
    let border = Stroke::new(1.0, palette.grid);
    // Borders of controls: at least 3:1 against the background, unlike the faint grid.
    let control = mix(
        palette.panel,
        palette.ink,
        if palette.dark { 0.38 } else { 0.45 },
    );
    let widget = |fill: Color32, edge: Stroke, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: edge,
        corner_radius: round,
        fg_stroke: Stroke::new(1.5, text),
        expansion: 0.0,
    };
    let raised = mix(palette.background, palette.ink, 0.05);
    let hovered = mix(palette.background, palette.ink, 0.11);
    let pressed = mix(palette.background, palette.accent, 0.22);
    v.widgets.noninteractive = widget(palette.background, border, palette.ink);
    v.widgets.inactive = widget(raised, Stroke::new(1.0, palette.grid), palette.ink);
    v.widgets.hovered = widget(hovered, Stroke::new(1.0, control), palette.ink);
    // A focused widget uses this style too: its border is the focus ring.
    v.widgets.active = widget(pressed, Stroke::new(2.0, palette.accent), palette.ink);
    v.widgets.open = widget(hovered, Stroke::new(1.0, palette.accent), palette.ink);
    v.selection = Selection {
        bg_fill: mix(palette.background, palette.accent, 0.28),
        stroke: Stroke::new(1.5, palette.ink),
    };
    v.weak_text_color = Some(palette.muted);
    v.hyperlink_color = palette.accent;
    v.faint_bg_color = mix(palette.background, palette.ink, 0.035);
    v.extreme_bg_color = palette.background;
    v.text_edit_bg_color = Some(palette.background);
    v.code_bg_color = mix(palette.background, palette.ink, 0.06);
    v.warn_fg_color = palette.warning;
    v.error_fg_color = palette.bad;
    v.window_fill = palette.background;
    v.window_stroke = border;
    v.window_corner_radius = CornerRadius::same(ROUNDING + 2);
    v.menu_corner_radius = round;
    v.panel_fill = palette.panel;
    let shadow = Shadow {
        offset: [0, 4],
        blur: 16,
        spread: 0,
        color: Color32::from_black_alpha(if palette.dark { 120 } else { 40 }),
    };
    v.window_shadow = shadow;
    v.popup_shadow = shadow;
    v.slider_trailing_fill = true;
    v.handle_shape = HandleShape::Circle;
    v.text_cursor.stroke = Stroke::new(2.0, palette.accent);
    v.indent_has_left_vline = false;
    v.interact_cursor = Some(egui::CursorIcon::PointingHand);
    v
}

/// A card: the plain background with a border, for content on a panel.
pub fn card_frame(palette: &Palette) -> egui::Frame {
    egui::Frame::new()
        .fill(palette.background)
        .stroke(Stroke::new(1.0, palette.grid))
        .corner_radius(CornerRadius::same(ROUNDING))
        .inner_margin(Margin::same(12))
}

/// A badge: a word in a tinted pill. Returns its response for a tooltip.
pub fn badge(ui: &mut egui::Ui, word: &str, color: Color32) -> egui::Response {
    let palette = Palette::of(ui.ctx());
    egui::Frame::new()
        .fill(mix(palette.background, color, 0.14))
        .corner_radius(CornerRadius::same(9))
        .inner_margin(Margin::symmetric(8, 1))
        .show(ui, |ui| {
            ui.spacing_mut().interact_size = Vec2::ZERO;
            ui.label(egui::RichText::new(word).small().color(color));
        })
        .response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::exhibits;

    #[test]
    fn the_fonts_can_draw_every_card() {
        let ctx = egui::Context::default();
        install(&ctx);
        let mut lacking = Vec::new();
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            let ctx = ui.ctx();
            let font = FontId::new(13.0, FontFamily::Proportional);
            for e in exhibits() {
                let claim = e.claim.as_ref().map_or("", |c| c.statement);
                let symbols = e.symbols.iter().flat_map(|(sign, words)| [*sign, *words]);
                let paper = [e.paper.title, e.paper.authors];
                let texts = [e.title, e.idea, e.deviations, e.equation, claim];
                for text in texts.into_iter().chain(symbols).chain(paper) {
                    let missing = ctx.fonts_mut(|fonts| {
                        text.chars()
                            .filter(|&c| c != '\n' && !fonts.has_glyph(&font, c))
                            .collect::<String>()
                    });
                    if !missing.is_empty() {
                        lacking.push(format!("{}: {missing}", e.id));
                    }
                }
            }
        });
        output.textures_delta.clear();
        assert!(lacking.is_empty(), "no glyphs for {lacking:?}");
    }

    #[test]
    fn letters_of_other_scripts_and_signs_have_a_fallback_in_every_family() {
        let ctx = egui::Context::default();
        install(&ctx);
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            let ctx = ui.ctx();
            for family in [
                FontFamily::Proportional,
                FontFamily::Monospace,
                FontFamily::Name(STRONG.into()),
            ] {
                let font = FontId::new(13.0, family);
                ctx.fonts_mut(|fonts| {
                    assert!(fonts.has_glyphs(&font, "aé19 αβΣ Жя ≤∞ᵀ⌈⌉⚠←→"), "{font:?}");
                    assert!(!fonts.has_glyph(&font, '\u{10FFFF}'), "no sign at all");
                });
            }
        });
        output.textures_delta.clear();
    }
}
