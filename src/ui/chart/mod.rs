//! The one chart of the app: drawn, operated and read aloud from [`Chart`] data.

pub mod axis;
pub mod data;
mod input;
mod item;
mod menu;
pub mod multiples;
mod overlay;
pub mod words;

pub use menu::set_caption;

use super::theme::{self, Palette, mix};
use crate::core::{Chart, EntityId, Scale, Series};
use egui::{Color32, FontId, Rect, Response, RichText, Shape, Stroke, Ui, Vec2, pos2, vec2};
use egui_plot::{GridMark, Plot, PlotTransform, PlotUi};
use item::{Look, SeriesItem};
use std::cell::RefCell;
use std::rc::Rc;

/// A chart of one setup.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// The data.
    pub chart: &'a Chart,
    /// Which setup: 0 is A.
    pub slot: usize,
    /// The setup's name.
    pub label: &'a str,
}

/// What charts share with each other and with the main picture; a chart that stands alone has the
/// default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Link {
    /// Moment shown by the main picture.
    pub playhead: f64,
    /// Position of the reading cursor on the timeline; set by the chart under the pointer.
    pub cursor: Option<f64>,
    /// A playhead asked for by a click or drag.
    pub seek: Option<f64>,
    /// A position chosen by a click or Enter in a chart that is not on the timeline.
    pub picked: Option<f64>,
    /// The entity under the pointer.
    pub hovered: Option<EntityId>,
    /// The pinned entity.
    pub selected: Option<EntityId>,
}

/// How a line is broken, so that colour never stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dash(usize);

impl Dash {
    /// Dash of series `i`; repeats after six.
    pub fn of(i: usize) -> Self {
        Self(i % 6)
    }

    /// Dash and gap lengths in points; `None` for a solid line.
    pub fn pattern(self) -> Option<(&'static [f32], &'static [f32])> {
        match self.0 {
            0 => None,
            1 => Some((&[7.0], &[4.0])),
            2 => Some((&[2.0], &[3.0])),
            3 => Some((&[8.0, 2.0], &[3.0, 3.0])),
            4 => Some((&[14.0], &[5.0])),
            _ => Some((&[4.0], &[2.5])),
        }
    }

    /// Marker of a point series.
    fn marker(self, at: egui::Pos2, radius: f32, color: Color32) -> Shape {
        let r = radius * 1.15;
        match self.0 {
            0 => Shape::circle_filled(at, radius, color),
            1 => Shape::rect_filled(
                Rect::from_center_size(at, Vec2::splat(2.0 * radius)),
                0.0,
                color,
            ),
            2 => polygon(at, r, 3, color),
            3 => polygon(at, r, 4, color),
            4 => Shape::circle_stroke(at, radius, Stroke::new(1.5, color)),
            _ => polygon(at, r, 5, color),
        }
    }
}

fn polygon(at: egui::Pos2, r: f32, corners: u8, color: Color32) -> Shape {
    let points = (0..corners)
        .map(|i| {
            let turn = std::f32::consts::TAU * f32::from(i) / f32::from(corners);
            at + r * Vec2::angled(turn - std::f32::consts::FRAC_PI_2)
        })
        .collect();
    Shape::convex_polygon(points, color, Stroke::NONE)
}

/// Room that the ticks and the title of the x axis take, about.
const X_AXIS: f32 = 32.0;

/// A series of a layer with its looks.
#[derive(Clone, Copy)]
struct Drawn<'a> {
    series: &'a Series,
    layer: &'a Layer<'a>,
    look: Look,
}

impl Drawn<'_> {
    /// Name in legends and read-outs.
    fn name(&self, layers: usize) -> String {
        words::series_name(self.layer, self.series, layers)
    }
}

/// Draws one chart, or the charts of several setups on the same axes.
///
/// With one layer the colour tells the series, with several the setup (and the dash the series).
/// On the timeline the playhead and the linked cursor are shown; hovering sets `link.cursor`, a
/// click or drag sets `link.seek`. With the focus, arrows move the cursor.
pub fn chart_ui(ui: &mut Ui, layers: &[Layer<'_>], link: &mut Link, size: Vec2) -> Response {
    let Some(first) = layers.first() else {
        return ui.allocate_response(size, egui::Sense::hover());
    };
    let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
    let mut child = ui.new_child(
        egui::UiBuilder::new()
            .id_salt(("chart", first.chart.id))
            .max_rect(rect)
            .layout(egui::Layout::top_down(egui::Align::Min)),
    );
    child.set_clip_rect(ui.clip_rect().intersect(rect.expand(2.0)));
    chart_in(&mut child, layers, link, rect)
}

/// Draws `b - a` with a zero line.
pub fn difference_ui(ui: &mut Ui, a: &Chart, b: &Chart, link: &mut Link, size: Vec2) -> Response {
    let chart = data::difference(a, b);
    let layer = Layer {
        chart: &chart,
        slot: 0,
        label: "B − A",
    };
    chart_ui(ui, &[layer], link, size)
}

fn chart_in(ui: &mut Ui, layers: &[Layer<'_>], link: &mut Link, rect: Rect) -> Response {
    let chart = layers[0].chart;
    let drawn = drawn(layers, link, Palette::of(ui.ctx()));
    let menu = title_ui(ui, layers, rect);
    let extent = extent(layers);
    let gutter = overlay::gutter(ui, &drawn, layers.len(), rect.width());
    if gutter == 0.0 {
        overlay::legend_ui(ui, &drawn, layers.len());
    }
    // Half of the last tick's text reaches past the right edge.
    let width = rect.width() - gutter.max(14.0);
    let response = plot_ui(ui, layers, &drawn, extent, width);
    let transform = response.transform;
    let response = response.response;
    input::pointer(ui, &response, &transform, chart, &drawn, link);
    let cursor = input::cursor(ui, &response, layers, link);
    overlay::paint(ui, &response, &transform, layers, &drawn, link, cursor);
    if gutter > 0.0 {
        overlay::end_labels(ui, &transform, &drawn, layers.len(), gutter);
    }
    words::describe(ui, &response, layers, cursor);
    menu::attach(&response, &menu, layers, rect);
    response
}

/// Title, with the sentence about the chart as its tooltip, and the menu button.
fn title_ui(ui: &mut Ui, layers: &[Layer<'_>], rect: Rect) -> Response {
    let chart = layers[0].chart;
    ui.horizontal(|ui| {
        ui.set_min_width(rect.width());
        ui.add_space(4.0);
        let title = if layers[0].label == "B − A" {
            format!("{}: B − A", chart.title)
        } else {
            chart.title.to_owned()
        };
        ui.add(egui::Label::new(theme::strong(ui, title)).truncate())
            .on_hover_text(chart.doc);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            super::icon::icon_button(
                ui,
                super::icon::Icon::More,
                &format!("{} menu", chart.title),
                "Export and copy",
                None,
            )
        })
        .inner
    })
    .inner
}

/// Looks of every series: with more colours than six all are grey but the linked ones.
fn drawn<'a>(layers: &'a [Layer<'a>], link: &Link, palette: &Palette) -> Vec<Drawn<'a>> {
    let layered = layers.len() > 1;
    let crowded = !layered && layers.iter().any(|l| l.chart.colours() > 6);
    let linked =
        |s: &Series| s.entity.is_some() && (s.entity == link.hovered || s.entity == link.selected);
    let any_linked = layers.iter().any(|l| l.chart.series.iter().any(linked));
    let mut out = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        for (series, rank) in layer.chart.ranked() {
            let own = if layered { layer.slot } else { rank };
            let mut color = match (series.reference, crowded && !linked(series)) {
                (true, _) => palette.ink,
                (_, true) => mix(palette.background, palette.ink, 0.4),
                _ => palette.series_at(own),
            };
            if any_linked && !linked(series) && !series.reference {
                color = mix(palette.background, color, 0.45);
            }
            let width = if linked(series) {
                3.0
            } else if series.reference {
                1.25
            } else {
                1.75
            };
            out.push(Drawn {
                series,
                layer,
                look: Look {
                    color,
                    dash: Dash::of(rank),
                    width,
                    layer: at,
                    layers: layers.len(),
                },
            });
        }
    }
    out
}

/// Ranges of x and y on the axes' own scales, with zero where it belongs.
fn extent(layers: &[Layer<'_>]) -> [[f64; 2]; 2] {
    let chart = layers[0].chart;
    let all = layers.iter().flat_map(|l| &l.chart.series);
    let mut e = data::extent(chart, all).unwrap_or([[0.0, 1.0], [0.0, 1.0]]);
    for (range, axis) in e.iter_mut().zip([&chart.x, &chart.y]) {
        if axis.from_zero && axis.scale == Scale::Linear {
            *range = [range[0].min(0.0), range[1].max(0.0)];
        }
        if range[0] == range[1] {
            let half = match axis.scale {
                Scale::Log => 0.5,
                // A line at 0 stands at the foot of an axis that begins there.
                Scale::Linear if range[0] == 0.0 && axis.from_zero => {
                    *range = [0.0, 1.0];
                    continue;
                }
                Scale::Linear if range[0] == 0.0 => 1.0,
                Scale::Linear => range[0].abs() * 0.1,
            };
            *range = [range[0] - half, range[1] + half];
        }
    }
    e
}

fn plot_ui<'a>(
    ui: &mut Ui,
    layers: &'a [Layer<'a>],
    drawn: &'a [Drawn<'a>],
    extent: [[f64; 2]; 2],
    width: f32,
) -> egui_plot::PlotResponse<()> {
    let palette = Palette::of(ui.ctx());
    let chart = layers[0].chart;
    let styles = [
        axis::Style::new(&chart.x, extent[0]),
        axis::Style::new(&chart.y, extent[1]),
    ];
    let height = ui.available_height().max(60.0);
    let id = ui.scope_id().with("plot");
    let has_focus = ui.memory(|m| m.has_focus(id));
    let font = FontId::proportional(11.0);
    let caption = |text: String| RichText::new(text).size(11.5).color(palette.muted);
    // Beside a low chart a long title would run into what is above it: the unit alone then, or as
    // much of the title as there is room for.
    let font_of_titles = FontId::proportional(11.5);
    let fits = |title: &str| {
        let text = title.to_owned();
        let galley = ui
            .painter()
            .layout_no_wrap(text, font_of_titles.clone(), palette.muted);
        galley.size().x <= height - X_AXIS
    };
    let titles = [
        styles[0].title(),
        match (styles[1].title(), styles[1].unit()) {
            (title, _) if fits(&title) => title,
            (title, "") => cut(&title, fits),
            (_, unit) => unit.to_owned(),
        },
    ];
    let shown: [Shown; 2] = Default::default();
    let tick_axis = |i: usize, hints: egui_plot::AxisHints<'a>| {
        let shown = Rc::clone(&shown[i]);
        hints
            .label(caption(titles[i].clone()))
            .tick_label_font(font.clone())
            .tick_label_color(palette.muted)
            .label_spacing(egui::Rangef::new(1.0, 2.0))
            .formatter(move |mark, _| tick_text(&shown, mark))
    };
    let gaps = [72.0, 24.0];
    let mut plot = Plot::new("plot")
        .id(id)
        .width(width)
        .height(height)
        .show_background(false)
        .grid_color(palette.grid)
        .grid_fade(0.5)
        .grid_spacing(egui::Rangef::new(LEAST, gaps[1] as f32))
        .cursor_color(Color32::TRANSPARENT)
        .show_x(false)
        .show_y(false)
        .show_crosshair(false)
        .label_formatter(|_| None)
        .allow_scroll(false)
        .allow_drag(!chart.on_timeline && has_focus)
        .set_margin_fraction(vec2(0.0, 0.06))
        .include_x(extent[0][0])
        .include_x(extent[0][1])
        .include_y(extent[1][0])
        .include_y(extent[1][1])
        .x_grid_spacer(spacer(styles[0].clone(), gaps[0], &shown[0]))
        .y_grid_spacer(spacer(styles[1].clone(), gaps[1], &shown[1]))
        .custom_x_axes(vec![tick_axis(0, egui_plot::AxisHints::new_x())])
        .custom_y_axes(vec![
            tick_axis(1, egui_plot::AxisHints::new_y()).min_thickness(36.0),
        ]);
    if chart.on_timeline {
        plot = plot.link_axis(egui::Id::unique(("timeline", chart.x.name)), [true, false]);
    }
    plot.show(ui, move |plot| {
        if has_focus {
            input::view_keys(plot);
        }
        let range = visible_range(plot, extent[0]);
        let columns = (width.max(16.0)) as usize;
        for d in drawn {
            plot.add(SeriesItem::new(
                d.layer.chart,
                d.series,
                d.look,
                range,
                columns,
            ));
        }
    })
}

/// As much of the beginning of a text as fits, with an ellipsis.
fn cut(text: &str, fits: impl Fn(&str) -> bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    let shorter = |n: usize| -> String { letters[..n].iter().chain(['…'].iter()).collect() };
    let most = (1..letters.len()).rev().map(shorter).find(|t| fits(t));
    most.unwrap_or_default()
}

/// The shown range of x, for thinning: all of it until the view was changed.
fn visible_range(plot: &PlotUi<'_>, all: [f64; 2]) -> [f64; 2] {
    let bounds = plot.plot_bounds();
    if plot.auto_bounds().x || !bounds.is_valid() {
        all
    } else {
        [bounds.min()[0], bounds.max()[0]]
    }
}

/// Ticks of the last grid, from which the labels take their texts.
type Shown = Rc<RefCell<Vec<axis::Tick>>>;

/// Least distance of grid lines on screen, in points.
const LEAST: f32 = 8.0;

/// Grid lines at our ticks. `gap` is the least distance of named ticks on screen, in points.
fn spacer<'a>(
    style: axis::Style,
    gap: f64,
    shown: &Shown,
) -> impl Fn(egui_plot::GridInput) -> Vec<GridMark> + 'a {
    let shown = Rc::clone(shown);
    move |input| {
        let point = input.base_step_size / f64::from(LEAST);
        let ticks = style.ticks([input.bounds.0, input.bounds.1], point * gap);
        let marks = ticks
            .iter()
            .map(|tick| GridMark {
                value: tick.at,
                // The plot draws lines the fainter the closer they say they are.
                step_size: point * if tick.text.is_empty() { 12.0 } else { gap },
            })
            .collect();
        shown.replace(ticks);
        marks
    }
}

/// Text of the tick at a mark.
fn tick_text(shown: &Shown, mark: GridMark) -> String {
    shown
        .borrow()
        .iter()
        .find(|t| t.at == mark.value)
        .map(|t| t.text.clone())
        .unwrap_or_default()
}

/// Horizontal position of `x` (a raw value) on screen.
fn screen_x(chart: &Chart, transform: &PlotTransform, x: f64) -> f32 {
    transform.position_from_point_x(data::to_axis(&chart.x, x))
}

/// A vertical line across the plot.
fn vertical(transform: &PlotTransform, x: f32, stroke: Stroke) -> Shape {
    let frame = transform.frame();
    Shape::line_segment([pos2(x, frame.top()), pos2(x, frame.bottom())], stroke)
}
