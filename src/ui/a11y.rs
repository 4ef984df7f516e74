//! Accessibility. Natively eframe serves assistive technology from egui's tree; on the web it drops
//! that tree, so a plugin turns it into a plain list in reading order, which the platform shows as
//! real elements and whose actions come back as egui events.

use crate::platform::{self, Checked, MirrorAction, MirrorKind, MirrorNode, MirrorNumber};
use egui::accesskit::{
    Action, ActionData, ActionRequest, Live, Node, NodeId, Role, Toggled, TreeId, TreeUpdate,
};
use std::collections::HashMap;

/// Least time between two updates of the mirror after the user did something.
const ANSWER_SECS: f64 = 0.1;

/// The same while something moves by itself: a reader of texts cannot follow an animation.
const PLAYING_SECS: f64 = 0.5;

/// Makes the accessible mirror follow this context. Does nothing natively.
pub fn install_mirror(ctx: &egui::Context) {
    if cfg!(target_arch = "wasm32") {
        ctx.enable_accesskit();
        ctx.add_plugin(Mirror::default());
    }
}

/// Marks a text as a heading of this level.
pub fn heading(response: &egui::Response, level: u8) {
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Heading);
        node.set_level(u32::from(level).try_into().unwrap_or(usize::MAX));
    });
}

/// Marks a text whose changes are read out at once: notices, results, progress.
pub fn live(response: &egui::Response) {
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Status);
        node.set_live(Live::Polite);
    });
}

/// Names a drawing and says in a sentence what it shows.
pub fn picture(response: &egui::Response, name: &str, summary: &str) {
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, name));
    response
        .ctx
        .accesskit_node_builder(response.id, |node| node.set_description(summary));
}

/// The plugin that carries the tree out and the actions in. Only frames whose tree is shown make one.
#[derive(Default)]
struct Mirror {
    /// When the mirror was last renewed, in seconds.
    last: f64,
    /// When the user last did more than move the pointer, in seconds.
    acted: f64,
}

impl Mirror {
    /// Seconds until the mirror is to be renewed; not positive when it is due.
    fn wait(&self, now: f64) -> f64 {
        // What an action changes may show a few frames later.
        let answering = now - self.acted < PLAYING_SECS;
        let pause = if answering { ANSWER_SECS } else { PLAYING_SECS };
        self.last + pause - now
    }
}

/// Whether an event is more than a movement of the pointer.
fn is_act(event: &egui::Event) -> bool {
    use egui::Event::{MouseMoved, PointerGone, PointerMoved};
    !matches!(event, PointerMoved(_) | MouseMoved(_) | PointerGone)
}

impl egui::Plugin for Mirror {
    fn debug_name(&self) -> &'static str {
        "accessible mirror"
    }

    fn input_hook(&mut self, ctx: &egui::Context, input: &mut egui::RawInput) {
        for action in platform::take_mirror_actions() {
            push_events(action, &mut input.events);
        }
        let now = platform::now_secs();
        if input.events.iter().any(is_act) {
            self.acted = now;
        }
        if self.wait(now) > 0.0 {
            ctx.disable_accesskit();
        } else {
            ctx.enable_accesskit();
        }
    }

    fn output_hook(&mut self, ctx: &egui::Context, output: &mut egui::FullOutput) {
        let now = platform::now_secs();
        let Some(update) = output.platform_output.accesskit_update.take() else {
            // The last frame of a movement is shown too.
            let wait = self.wait(now).max(0.0);
            ctx.request_repaint_after(std::time::Duration::from_secs_f64(wait));
            return;
        };
        let (nodes, focus) = reading_list(&update);
        platform::mirror(nodes, focus);
        self.last = now;
    }
}

/// The egui events of an action in the mirror.
fn push_events(action: MirrorAction, events: &mut Vec<egui::Event>) {
    let mut request = |id, action, data| {
        events.push(egui::Event::AccessKitActionRequest(ActionRequest {
            action,
            target_tree: TreeId::ROOT,
            target_node: NodeId(id),
            data,
        }));
    };
    match action {
        MirrorAction::Click(id) => request(id, Action::Click, None),
        MirrorAction::Focus(id) => {
            request(id, Action::Focus, None);
            request(id, Action::ScrollIntoView, None);
        }
        MirrorAction::Increment(id) => request(id, Action::Increment, None),
        MirrorAction::Decrement(id) => request(id, Action::Decrement, None),
        MirrorAction::SetNumber(id, value) => {
            request(id, Action::SetValue, Some(ActionData::NumericValue(value)));
        }
        MirrorAction::SetText(id, text) => {
            request(id, Action::SetValue, Some(ActionData::Value(text.into())));
        }
        MirrorAction::Key {
            key,
            shift,
            ctrl,
            alt,
            meta,
        } => {
            let modifiers = egui::Modifiers {
                alt,
                ctrl,
                shift,
                mac_cmd: meta,
                command: ctrl || meta,
            };
            if let Some(key) = egui::Key::from_name(&key) {
                events.extend([true, false].map(|pressed| egui::Event::Key {
                    key,
                    physical_key: None,
                    pressed,
                    repeat: false,
                    modifiers,
                }));
            }
        }
    }
}

/// The tree as a list in reading order, and the focused node.
fn reading_list(update: &TreeUpdate) -> (Vec<MirrorNode>, Option<u64>) {
    let nodes: HashMap<NodeId, &Node> = update.nodes.iter().map(|(id, n)| (*id, n)).collect();
    let mut list = Vec::new();
    let root = update.tree.as_ref().map(|tree| tree.root);
    let mut stack: Vec<NodeId> = root.into_iter().collect();
    while let Some(id) = stack.pop() {
        let Some(node) = nodes.get(&id) else { continue };
        if node.is_hidden() {
            continue;
        }
        let entry = entry(id, node, &nodes);
        // The inner text runs of a text field are its own business.
        let whole = entry
            .as_ref()
            .is_some_and(|e| matches!(e.kind, MirrorKind::TextField | MirrorKind::TextArea));
        list.extend(entry);
        if !whole {
            stack.extend(node.children().iter().rev());
        }
    }
    let focus = (Some(update.focus) != root).then_some(update.focus.0);
    (list, focus)
}

fn kind_of(node: &Node) -> Option<MirrorKind> {
    Some(match node.role() {
        Role::Heading | Role::TitleBar | Role::Window | Role::Dialog => MirrorKind::Heading,
        Role::Status | Role::Alert | Role::Log => MirrorKind::Status,
        Role::Image | Role::Canvas | Role::Figure => MirrorKind::Image,
        Role::CheckBox | Role::Switch | Role::MenuItemCheckBox => MirrorKind::CheckBox,
        Role::RadioButton | Role::MenuItemRadio => MirrorKind::Radio,
        Role::ComboBox | Role::EditableComboBox => MirrorKind::Combo,
        Role::Slider => MirrorKind::Slider,
        Role::SpinButton | Role::NumberInput => MirrorKind::Number,
        Role::TextInput | Role::SearchInput | Role::PasswordInput | Role::UrlInput => {
            MirrorKind::TextField
        }
        Role::MultilineTextInput => MirrorKind::TextArea,
        Role::ProgressIndicator | Role::Meter => MirrorKind::Progress,
        Role::Link => MirrorKind::Link,
        Role::TextRun | Role::ScrollBar | Role::Splitter | Role::Caret => return None,
        // A text that can be selected takes clicks, but never the focus.
        _ if node.supports_action(Action::Click) && node.supports_action(Action::Focus) => {
            MirrorKind::Button
        }
        _ => MirrorKind::Text,
    })
}

fn entry(id: NodeId, node: &Node, nodes: &HashMap<NodeId, &Node>) -> Option<MirrorNode> {
    let kind = kind_of(node)?;
    let label = node.label().map(str::to_owned).or_else(|| {
        let names: Vec<&str> = node
            .labelled_by()
            .iter()
            .filter_map(|by| nodes.get(by).and_then(|n| n.label().or_else(|| n.value())))
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    });
    let value = node.value().map(str::to_owned);
    let is_text = matches!(
        kind,
        MirrorKind::Text | MirrorKind::Heading | MirrorKind::Status | MirrorKind::Button
    );
    // egui keeps the text of a label in its value.
    let (name, value) = match (label, value) {
        (None, Some(value)) if is_text => (value, String::new()),
        (label, value) => (label.unwrap_or_default(), value.unwrap_or_default()),
    };
    let name = if name.is_empty() {
        node.placeholder().unwrap_or_default().to_owned()
    } else {
        name
    };
    let nameless = name.is_empty() && value.is_empty();
    if nameless && (is_text || kind == MirrorKind::Image) {
        return None;
    }
    Some(MirrorNode {
        id: id.0,
        kind,
        name,
        value: match (kind, node.description()) {
            (MirrorKind::Image, Some(summary)) => summary.to_owned(),
            _ => value,
        },
        number: node.numeric_value().map(|value| MirrorNumber {
            value,
            min: node.min_numeric_value(),
            max: node.max_numeric_value(),
        }),
        checked: node.toggled().map(|t| match t {
            Toggled::False => Checked::Off,
            Toggled::True => Checked::On,
            Toggled::Mixed => Checked::Mixed,
        }),
        expanded: node.is_expanded(),
        disabled: node.is_disabled(),
        live: node.live().is_some_and(|live| live != Live::Off),
        focusable: node.supports_action(Action::Focus),
        level: node.level().and_then(|l| u8::try_from(l).ok()).unwrap_or(2),
        bounds: bounds(node),
    })
}

fn bounds(node: &Node) -> [i32; 4] {
    node.bounds().map_or([0; 4], |b| {
        [b.x0, b.y0, b.width(), b.height()].map(|v| v.round() as i32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(
        ctx: &egui::Context,
        events: Vec<egui::Event>,
        show: impl FnMut(&mut egui::Ui),
    ) -> (Vec<MirrorNode>, Option<u64>) {
        let input = egui::RawInput {
            events,
            ..Default::default()
        };
        let mut output = ctx.run_ui(input, show);
        output.textures_delta.clear();
        reading_list(&output.platform_output.accesskit_update.unwrap())
    }

    fn context() -> egui::Context {
        let ctx = egui::Context::default();
        ctx.enable_accesskit();
        ctx
    }

    fn find<'a>(list: &'a [MirrorNode], name: &str) -> &'a MirrorNode {
        list.iter()
            .find(|n| n.name == name)
            .unwrap_or_else(|| panic!("no {name} in {list:#?}"))
    }

    #[test]
    fn the_mirror_answers_at_once_and_follows_animations_at_leisure() {
        let mirror = Mirror {
            last: 10.0,
            acted: 9.9,
        };
        assert!(mirror.wait(10.05) > 0.0, "not in every frame");
        assert!(mirror.wait(10.15) <= 0.0, "soon after an action");
        let idle = Mirror {
            last: 10.0,
            acted: 0.0,
        };
        assert!(idle.wait(10.15) > 0.0, "not for an animation");
        assert!(idle.wait(10.0 + PLAYING_SECS) <= 0.0, "but in time");
        assert!(
            !is_act(&egui::Event::PointerMoved(egui::Pos2::ZERO)),
            "a movement"
        );
        assert!(is_act(&egui::Event::Copy), "an action");
    }

    #[test]
    fn widgets_appear_in_reading_order_with_names_values_and_ranges() {
        let ctx = context();
        let (mut rate, mut on, mut text) = (4.0, true, "abc".to_owned());
        let (list, focus) = tree(&ctx, vec![], |ui| {
            heading(&ui.label("Serving"), 1);
            ui.label("Why do requests wait?");
            ui.button("Play").on_hover_text("Space");
            ui.checkbox(&mut on, "Loop");
            let label = ui.label("rate");
            ui.add(egui::Slider::new(&mut rate, 0.0..=10.0).show_value(false))
                .labelled_by(label.id);
            let name = ui.label("search");
            ui.text_edit_singleline(&mut text).labelled_by(name.id);
            live(&ui.label("Saved"));
        });
        let names: Vec<&str> = list.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "Serving",
                "Why do requests wait?",
                "Play",
                "Loop",
                "rate",
                "rate",
                "search",
                "search",
                "Saved"
            ],
            "reading order"
        );
        assert_eq!(
            (list[0].kind, list[0].level),
            (MirrorKind::Heading, 1),
            "heading"
        );
        assert_eq!(find(&list, "Play").kind, MirrorKind::Button, "button");
        assert_eq!(find(&list, "Loop").checked, Some(Checked::On), "check box");
        assert_eq!(
            (list[5].kind, list[5].number),
            (
                MirrorKind::Slider,
                Some(MirrorNumber {
                    value: 4.0,
                    min: Some(0.0),
                    max: Some(10.0)
                })
            ),
            "slider"
        );
        assert_eq!(
            (list[7].kind, list[7].value.as_str()),
            (MirrorKind::TextField, "abc"),
            "text field"
        );
        assert!(find(&list, "Saved").live, "live text");
        assert_eq!(focus, None, "nothing is focused");
    }

    #[test]
    fn actions_of_the_mirror_reach_the_widgets() {
        let ctx = context();
        let mut clicks = 0;
        let mut rate = 4.0;
        let mut text = "abc".to_owned();
        let mut show = |ui: &mut egui::Ui| {
            clicks += u32::from(ui.button("Play").clicked());
            ui.add(egui::Slider::new(&mut rate, 0.0..=10.0).text("rate"));
            let name = ui.label("search");
            ui.text_edit_singleline(&mut text).labelled_by(name.id);
        };
        let (list, _) = tree(&ctx, vec![], &mut show);
        let slider = list
            .iter()
            .find(|n| n.kind == MirrorKind::Slider)
            .map(|n| n.id)
            .unwrap();
        let field = list
            .iter()
            .find(|n| n.kind == MirrorKind::TextField)
            .map(|n| n.id)
            .unwrap();
        let play = find(&list, "Play").id;
        let mut events = Vec::new();
        push_events(MirrorAction::Click(play), &mut events);
        push_events(MirrorAction::SetNumber(slider, 7.5), &mut events);
        push_events(
            MirrorAction::SetText(field, "cosine".to_owned()),
            &mut events,
        );
        push_events(MirrorAction::Focus(play), &mut events);
        tree(&ctx, events, &mut show);
        let (_, focus) = tree(&ctx, vec![], &mut show);
        assert_eq!(focus, Some(play), "the focus moved");
        assert_eq!(clicks, 1, "one click");
        assert_eq!(rate, 7.5, "slider value");
        assert_eq!(text, "cosine", "text value");
    }

    #[test]
    fn keys_without_use_in_an_element_become_key_events() {
        let mut events = Vec::new();
        let key = |name: &str| MirrorAction::Key {
            key: name.to_owned(),
            shift: false,
            ctrl: true,
            alt: false,
            meta: false,
        };
        push_events(key("z"), &mut events);
        push_events(key("NoSuchKey"), &mut events);
        assert_eq!(events.len(), 2, "press and release of the known key");
        assert!(
            matches!(&events[0], egui::Event::Key { key: egui::Key::Z, modifiers, pressed: true, .. } if modifiers.command),
            "{events:?}"
        );
    }
}
