//! Small multiples of the load: a panel for each layer of a file, batch, or measurement of a
//! training.

use crate::labs::routing::{Along, Entity, LoadPanels};
use crate::ui::chart::multiples::{Multiples, Panel, multiples_ui};
use crate::ui::{Stage, format};
use egui::{Align, Layout, Rect, RichText, Ui, UiBuilder, vec2};

/// In which order the experts of a panel stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::labs::routing) enum Order {
    /// The busiest first.
    Sorted,
    /// By their numbers.
    Numbered,
}

/// Draws the panels into `body`, with the one of `marked` in use; returns the panel that was chosen.
pub(in crate::labs::routing) fn show(
    panels: &LoadPanels,
    marked: usize,
    order: &mut Option<Order>,
    body: Rect,
    stage: &mut Stage<'_>,
    ui: &mut Ui,
) -> Option<usize> {
    // Expert 3 of a layer has nothing to do with expert 3 of the next; of a batch it has.
    let sorted = match order {
        None => panels.along == Along::Layers,
        Some(order) => *order == Order::Sorted,
    };
    let mut inner = ui.new_child(
        UiBuilder::new()
            .id_salt(("multiples", stage.slot))
            .max_rect(body.shrink2(vec2(4.0, 2.0)))
            .layout(Layout::top_down(Align::Min)),
    );
    inner.horizontal_wrapped(|ui| {
        for (own, name) in [
            (Order::Sorted, "Busiest first"),
            (Order::Numbered, "By number"),
        ] {
            let on = sorted == (own == Order::Sorted);
            if ui
                .selectable_label(on, RichText::new(name).small())
                .clicked()
            {
                *order = Some(own);
            }
        }
        let noise = if panels.panels.iter().any(|p| p.chance.is_some()) {
            "; grey: 5-95 % of a perfectly balanced router"
        } else {
            ""
        };
        let words = format!(
            "Pairs by expert in times the fair share (dashed){noise}. One scale, to {}×.",
            format::number(panels.top)
        );
        ui.label(RichText::new(words).small().color(stage.palette.muted));
    });
    inner.add_space(4.0);
    let pinned = match stage.hovered.or(*stage.selected).map(Entity::of) {
        Some(Entity::Expert(e)) => Some(e),
        _ => None,
    };
    let all = Multiples {
        id: "loads",
        count: panels.panels.len(),
        top: panels.top,
        line: 1.0,
        unit: "×",
        palette: stage.palette,
        click: match panels.along {
            Along::Layers => "Click to route this layer",
            Along::Batches => "Click to show this batch",
            Along::Updates => "Click to show this measurement",
        },
    };
    // An expert that is pointed at is the same one in all panels but those of other layers.
    let same = |number: usize| panels.along != Along::Layers || number == marked;
    let pointed = multiples_ui(&mut inner, &all, |i| {
        let p = &panels.panels[i];
        let chance = p.chance.as_deref();
        let place = |e: usize| {
            if sorted {
                p.order.iter().position(|&own| own == e)
            } else {
                (e < p.loads.len()).then_some(e)
            }
        };
        Panel {
            title: &p.title,
            notes: [&p.notes[0], &p.notes[1]],
            words: &p.words,
            values: if sorted { &p.sorted } else { &p.loads },
            band: match chance {
                None => &[],
                Some(c) if sorted => &c.ranks,
                Some(c) => std::slice::from_ref(&c.each),
            },
            marked: p.number() == marked,
            focus: pinned.filter(|_| same(p.number())).and_then(place),
        }
    });
    if let Some((i, bar)) = pointed.hovered {
        let p = &panels.panels[i];
        let expert = if sorted {
            p.order.get(bar).copied()
        } else {
            Some(bar)
        };
        if let Some(e) = expert.filter(|_| same(p.number())) {
            *stage.hovered = Some(Entity::Expert(e).id());
        }
    }
    pointed.clicked
}
