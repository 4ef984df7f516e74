//! Short messages in the corner: news leave by themselves, errors stay until dismissed.

use super::icon::{Icon, icon_button};
use super::theme::{self, Palette};
use egui::{Align2, Area, Id, Order, Role, WidgetInfo, vec2};

/// How serious a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something happened as asked; leaves after five seconds.
    Info,
    /// It happened differently; leaves after ten seconds.
    Warning,
    /// It did not happen; stays until dismissed.
    Error,
}

impl NoticeKind {
    /// Seconds on screen.
    fn lifetime(self) -> Option<f64> {
        match self {
            Self::Info => Some(5.0),
            Self::Warning => Some(10.0),
            Self::Error => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Info => "Note",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }
}

#[derive(Debug, Clone)]
struct Notice {
    kind: NoticeKind,
    text: String,
    /// Seconds of the interface's clock at first sight.
    since: Option<f64>,
    key: u64,
}

/// The notices on screen.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    items: Vec<Notice>,
    count: u64,
}

impl Notices {
    /// Adds a notice; the same text again replaces the older one.
    pub fn push(&mut self, kind: NoticeKind, text: String) {
        self.items.retain(|n| n.text != text);
        self.count += 1;
        self.items.push(Notice {
            kind,
            text,
            since: None,
            key: self.count,
        });
        if self.items.len() > 5 {
            self.items.remove(0);
        }
    }

    /// Whether nothing is shown.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Shows the notices in the lower right corner, above everything.
    pub fn show(&mut self, ctx: &egui::Context) {
        if self.items.is_empty() {
            return;
        }
        let now = ctx.input(|i| i.time);
        for item in &mut self.items {
            item.since.get_or_insert(now);
        }
        let left = |n: &Notice| Some(n.since? + n.kind.lifetime()? - now);
        self.items.retain(|n| left(n).is_none_or(|l| l > 0.0));
        if let Some(wait) = self.items.iter().filter_map(left).min_by(f64::total_cmp) {
            ctx.request_repaint_after_secs(wait.max(0.05) as f32);
        }
        let mut dismissed = None;
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -64.0))
            .show(ctx, |ui| {
                for item in &self.items {
                    if notice_ui(ui, item) {
                        dismissed = Some(item.key);
                    }
                    ui.add_space(4.0);
                }
            });
        self.items.retain(|n| Some(n.key) != dismissed);
    }
}

/// Draws one notice; `true` when it was dismissed.
fn notice_ui(ui: &mut egui::Ui, notice: &Notice) -> bool {
    let palette = Palette::of(ui.ctx());
    let color = match notice.kind {
        NoticeKind::Info => palette.accent,
        NoticeKind::Warning => palette.warning,
        NoticeKind::Error => palette.bad,
    };
    let mut close = false;
    let frame = theme::card_frame(palette)
        .stroke(egui::Stroke::new(1.0, color))
        .shadow(ui.visuals().popup_shadow)
        .inner_margin(egui::Margin::symmetric(12, 6));
    frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(theme::strong(ui, notice.kind.word()).color(color));
            let text = ui.scope(|ui| {
                ui.set_max_width(360.0);
                ui.add(egui::Label::new(&notice.text).wrap().selectable(true))
            });
            announce(ui, &text.inner, notice);
            close = icon_button(ui, Icon::Close, "Dismiss", "Dismiss this message", None).clicked();
        });
    });
    close
}

/// Makes the text a live region: read aloud when it appears.
fn announce(ui: &egui::Ui, response: &egui::Response, notice: &Notice) {
    let text = format!("{}: {}", notice.kind.word(), notice.text);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &text));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_label(text.clone());
        node.set_role(if notice.kind == NoticeKind::Info {
            egui::accesskit::Role::Status
        } else {
            egui::accesskit::Role::Alert
        });
        node.set_live(if notice.kind == NoticeKind::Info {
            egui::accesskit::Live::Polite
        } else {
            egui::accesskit::Live::Assertive
        });
    });
}
