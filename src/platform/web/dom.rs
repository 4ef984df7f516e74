//! The accessible mirror: real elements over the canvas, invisible and not in the pointer's way,
//! that assistive technology, the keyboard and the end-to-end tests can use.

use super::super::{Checked, MirrorAction, MirrorKind, MirrorNode};
use js_sys::Reflect;
use std::cell::RefCell;
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Event, HtmlElement, KeyboardEvent};

/// Element of the page that holds the mirror.
const ROOT: &str = "schedlab-mirror";

type Handler = fn(&Event);

struct Dom {
    document: Document,
    root: Element,
    nodes: Vec<MirrorNode>,
    elements: BTreeMap<u64, Element>,
    focus: Option<u64>,
    actions: Vec<MirrorAction>,
}

thread_local! {
    static DOM: RefCell<Option<Dom>> = const { RefCell::new(None) };
}

/// Shows the nodes; what is already shown is left alone.
pub(super) fn show(nodes: Vec<MirrorNode>, focus: Option<u64>) {
    DOM.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Dom::open();
        }
        if let Some(dom) = slot
            && (dom.nodes != nodes || dom.focus != focus)
        {
            dom.update(nodes, focus);
        }
    });
}

pub(super) fn take_actions() -> Vec<MirrorAction> {
    DOM.with_borrow_mut(|slot| {
        slot.as_mut()
            .map(|dom| std::mem::take(&mut dom.actions))
            .unwrap_or_default()
    })
}

/// Forgets everything shown; the next application starts from an empty mirror.
pub(super) fn clear() {
    DOM.with_borrow_mut(|slot| {
        if let Some(dom) = slot {
            dom.root.set_inner_html("");
            dom.nodes.clear();
            dom.elements.clear();
            dom.actions.clear();
            dom.focus = None;
        }
    });
}

fn act(action: MirrorAction) {
    DOM.with_borrow_mut(|slot| {
        if let Some(dom) = slot {
            dom.actions.push(action);
        }
    });
    super::wake();
}

/// The node of an event's target, with its element; `None` while the mirror is being changed: a
/// browser says at once that a removed field has lost its focus and its text, which no user did.
fn target(event: &Event) -> Option<(MirrorNode, Element)> {
    let element: Element = event.target()?.dyn_into().ok()?;
    let id: u64 = element.get_attribute("data-node")?.parse().ok()?;
    DOM.with(|slot| {
        let slot = slot.try_borrow().ok()?;
        let node = slot.as_ref()?.nodes.iter().find(|n| n.id == id)?.clone();
        Some((node, element))
    })
}

fn value_of(element: &Element) -> String {
    Reflect::get(element, &"value".into())
        .ok()
        .and_then(|v| v.as_string())
        .unwrap_or_default()
}

fn set_property(element: &Element, name: &str, value: &JsValue) {
    // The property exists on every element that gets here; a refusal would change nothing else.
    Reflect::set(element, &name.into(), value).ok();
}

fn on_click(event: &Event) {
    if let Some((node, _)) = target(event) {
        // State comes from the application, also that of a check box.
        event.prevent_default();
        act(MirrorAction::Click(node.id));
    }
}

fn on_input(event: &Event) {
    let Some((node, element)) = target(event) else {
        return;
    };
    let text = value_of(&element);
    match node.kind {
        MirrorKind::Slider => {
            if let Ok(value) = text.parse() {
                act(MirrorAction::SetNumber(node.id, value));
            }
        }
        MirrorKind::TextField | MirrorKind::TextArea => {
            act(MirrorAction::SetText(node.id, text));
        }
        _ => {}
    }
}

fn on_change(event: &Event) {
    if let Some((node, element)) = target(event)
        && node.kind == MirrorKind::Number
        && let Ok(value) = value_of(&element).trim().parse()
    {
        act(MirrorAction::SetNumber(node.id, value));
    }
}

fn on_focus(event: &Event) {
    if let Some((node, _)) = target(event)
        && node.focusable
    {
        act(MirrorAction::Focus(node.id));
    }
}

/// Whether the element itself has a use for the key.
fn is_own_key(kind: MirrorKind, key: &str) -> bool {
    match kind {
        _ if key == "Tab" => true,
        MirrorKind::TextField => !matches!(key, "Enter" | "Escape" | "ArrowUp" | "ArrowDown"),
        MirrorKind::TextArea | MirrorKind::Number => key != "Escape",
        MirrorKind::Button
        | MirrorKind::Combo
        | MirrorKind::Link
        | MirrorKind::CheckBox
        | MirrorKind::Radio => matches!(key, "Enter" | " "),
        _ => false,
    }
}

fn step_action(node: &MirrorNode, key: &str) -> Option<MirrorAction> {
    let limit = |pick: fn(&super::super::MirrorNumber) -> Option<f64>| {
        let value = node.number.as_ref().and_then(pick)?;
        Some(MirrorAction::SetNumber(node.id, value))
    };
    match (node.kind, key) {
        (MirrorKind::Slider | MirrorKind::Number, "ArrowUp")
        | (MirrorKind::Slider, "ArrowRight") => Some(MirrorAction::Increment(node.id)),
        (MirrorKind::Slider | MirrorKind::Number, "ArrowDown")
        | (MirrorKind::Slider, "ArrowLeft") => Some(MirrorAction::Decrement(node.id)),
        (MirrorKind::Slider, "Home") => limit(|n| n.min),
        (MirrorKind::Slider, "End") => limit(|n| n.max),
        _ => None,
    }
}

fn on_key(event: &Event) {
    let Some((node, _)) = target(event) else {
        return;
    };
    let event: &KeyboardEvent = event.unchecked_ref();
    let key = event.key();
    let held = event.ctrl_key() || event.meta_key() || event.alt_key();
    if let Some(action) = step_action(&node, &key).filter(|_| !held) {
        event.prevent_default();
        act(action);
    } else if !is_own_key(node.kind, &key) || (held && key.len() == 1 && !is_text(node.kind)) {
        if matches!(
            key.as_str(),
            " " | "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight"
        ) {
            event.prevent_default();
        }
        act(MirrorAction::Key {
            key,
            shift: event.shift_key(),
            ctrl: event.ctrl_key(),
            alt: event.alt_key(),
            meta: event.meta_key(),
        });
    }
}

fn is_text(kind: MirrorKind) -> bool {
    matches!(
        kind,
        MirrorKind::TextField | MirrorKind::TextArea | MirrorKind::Number
    )
}

fn tag_of(kind: MirrorKind) -> (&'static str, &'static str, &'static str) {
    // (tag, input type, role)
    match kind {
        MirrorKind::Text => ("span", "", ""),
        MirrorKind::Heading => ("div", "", "heading"),
        MirrorKind::Status => ("div", "", "status"),
        MirrorKind::Image => ("div", "", "img"),
        MirrorKind::Button => ("button", "", ""),
        MirrorKind::Link => ("button", "", "link"),
        MirrorKind::CheckBox => ("input", "checkbox", ""),
        MirrorKind::Radio => ("button", "", "radio"),
        MirrorKind::Combo => ("button", "", "combobox"),
        MirrorKind::Slider => ("input", "range", ""),
        MirrorKind::Number => ("input", "text", "spinbutton"),
        MirrorKind::TextField => ("input", "text", ""),
        MirrorKind::TextArea => ("textarea", "", ""),
        MirrorKind::Progress => ("progress", "", ""),
    }
}

/// Sets an attribute, or removes it where there is no value.
fn attribute(element: &Element, name: &str, value: Option<&str>) {
    let outcome = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
    if outcome.is_err() {
        log::warn!("the mirror could not set {name}");
    }
}

fn checked_word(checked: Checked) -> &'static str {
    match checked {
        Checked::Off => "false",
        Checked::On => "true",
        Checked::Mixed => "mixed",
    }
}

fn bool_word(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

impl Dom {
    fn open() -> Option<Self> {
        let document = web_sys::window()?.document()?;
        let root = document.get_element_by_id(ROOT)?;
        root.set_inner_html("");
        let handlers: [(&str, Handler); 5] = [
            ("click", on_click),
            ("input", on_input),
            ("change", on_change),
            ("focusin", on_focus),
            ("keydown", on_key),
        ];
        for (name, handler) in handlers {
            let closure = Closure::<dyn Fn(Event)>::new(move |event: Event| handler(&event));
            root.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref())
                .ok()?;
            // The mirror lives as long as the page.
            closure.forget();
        }
        Some(Self {
            document,
            root,
            nodes: Vec::new(),
            elements: BTreeMap::new(),
            focus: None,
            actions: Vec::new(),
        })
    }

    fn update(&mut self, nodes: Vec<MirrorNode>, focus: Option<u64>) {
        let old: BTreeMap<u64, MirrorNode> = std::mem::take(&mut self.nodes)
            .into_iter()
            .map(|n| (n.id, n))
            .collect();
        let kept: BTreeMap<u64, MirrorKind> = nodes.iter().map(|n| (n.id, n.kind)).collect();
        self.remove_vanished(&old, &kept);
        let mut next = self.root.first_child();
        for node in &nodes {
            let before = old.get(&node.id).filter(|o| o.kind == node.kind);
            let Some(element) = self.element(node) else {
                continue;
            };
            if before != Some(node) {
                self.fill(&element, node, before);
            }
            if next.as_ref() == Some(element.as_ref()) {
                next = element.next_sibling();
            } else if self.root.insert_before(&element, next.as_ref()).is_err() {
                log::warn!("the mirror could not place {}", node.name);
            }
        }
        self.nodes = nodes;
        if self.focus != focus {
            self.focus = focus;
            self.point_at(focus);
        }
    }

    fn remove_vanished(
        &mut self,
        old: &BTreeMap<u64, MirrorNode>,
        kept: &BTreeMap<u64, MirrorKind>,
    ) {
        let active = self.document.active_element();
        let mut lost_focus = false;
        self.elements.retain(|id, element| {
            let keep = old.get(id).map(|n| n.kind) == kept.get(id).copied();
            if !keep {
                lost_focus |= active.as_ref() == Some(element);
                element.remove();
            }
            keep
        });
        // Keys must go on to reach the application when the element under them vanishes.
        if lost_focus && let Some(canvas) = self.canvas() {
            canvas.focus().ok();
        }
    }

    fn canvas(&self) -> Option<HtmlElement> {
        self.document
            .query_selector("canvas")
            .ok()??
            .dyn_into()
            .ok()
    }

    fn element(&mut self, node: &MirrorNode) -> Option<Element> {
        if let Some(element) = self.elements.get(&node.id) {
            return Some(element.clone());
        }
        let (tag, input_type, role) = tag_of(node.kind);
        let element = self.document.create_element(tag).ok()?;
        let set = |name: &str, value: &str| {
            if !value.is_empty() {
                attribute(&element, name, Some(value));
            }
        };
        set("type", input_type);
        set("role", role);
        set("data-node", &node.id.to_string());
        set("id", &format!("mirror-{}", node.id));
        match node.kind {
            MirrorKind::Slider => set("step", "any"),
            MirrorKind::Number => set("inputmode", "decimal"),
            MirrorKind::Combo => set("aria-haspopup", "listbox"),
            MirrorKind::Button => set("type", "button"),
            _ => {}
        }
        self.elements.insert(node.id, element.clone());
        Some(element)
    }

    fn fill(&self, element: &Element, node: &MirrorNode, before: Option<&MirrorNode>) {
        match node.kind {
            MirrorKind::Text | MirrorKind::Heading | MirrorKind::Status | MirrorKind::Link => {
                element.set_text_content(Some(&node.name));
            }
            MirrorKind::Button | MirrorKind::Radio => {
                let text = [node.name.as_str(), node.value.as_str()].join(" ");
                element.set_text_content(Some(text.trim()));
            }
            MirrorKind::Combo => element.set_text_content(Some(&node.value)),
            _ => {}
        }
        if !matches!(
            node.kind,
            MirrorKind::Text | MirrorKind::Heading | MirrorKind::Status | MirrorKind::Button
        ) {
            attribute(element, "aria-label", Some(&node.name));
        }
        self.fill_value(element, node, before);
        Self::fill_state(element, node);
        let [x, y, w, h] = node.bounds;
        let (w, h) = (w.max(1), h.max(1));
        let place = format!("left:{x}px;top:{y}px;width:{w}px;height:{h}px");
        // Through the object model: the page's policy refuses style attributes.
        if let Some(element) = element.dyn_ref::<HtmlElement>() {
            element.style().set_css_text(&place);
        }
    }

    fn fill_value(&self, element: &Element, node: &MirrorNode, before: Option<&MirrorNode>) {
        let number = node.number.map(|n| n.value.to_string());
        let min = node.number.and_then(|n| n.min).map(|v| v.to_string());
        let max = node.number.and_then(|n| n.max).map(|v| v.to_string());
        match node.kind {
            MirrorKind::Slider => {
                attribute(element, "min", min.as_deref());
                attribute(element, "max", max.as_deref());
                let value = number.unwrap_or_default();
                set_property(element, "value", &value.as_str().into());
                let spoken = Some(node.value.as_str()).filter(|v| !v.is_empty());
                attribute(element, "aria-valuetext", spoken);
            }
            MirrorKind::Number => {
                attribute(element, "aria-valuenow", number.as_deref());
                attribute(element, "aria-valuemin", min.as_deref());
                attribute(element, "aria-valuemax", max.as_deref());
                let text = number.unwrap_or_else(|| node.value.clone());
                set_property(element, "value", &text.as_str().into());
            }
            MirrorKind::TextField | MirrorKind::TextArea => {
                // While the user types, the browser may be ahead of the application.
                let typing = self.document.active_element().as_ref() == Some(element);
                let ahead = before.is_none_or(|b| b.value != value_of(element));
                if !(typing && ahead) {
                    set_property(element, "value", &node.value.as_str().into());
                }
            }
            MirrorKind::Progress => {
                attribute(element, "max", Some(max.as_deref().unwrap_or("1")));
                attribute(element, "value", number.as_deref());
            }
            MirrorKind::Image => {
                let summary = Some(node.value.as_str()).filter(|v| !v.is_empty());
                attribute(element, "aria-description", summary);
            }
            _ => {}
        }
    }

    fn fill_state(element: &Element, node: &MirrorNode) {
        let checked = node.checked.map(checked_word);
        match node.kind {
            MirrorKind::CheckBox => {
                let on = node.checked == Some(Checked::On);
                set_property(element, "checked", &on.into());
                let mixed = node.checked == Some(Checked::Mixed);
                set_property(element, "indeterminate", &mixed.into());
            }
            MirrorKind::Radio => attribute(element, "aria-checked", checked),
            MirrorKind::Button => attribute(element, "aria-pressed", checked),
            MirrorKind::Heading => attribute(element, "aria-level", Some(&node.level.to_string())),
            MirrorKind::Status => attribute(element, "aria-live", Some("polite")),
            MirrorKind::Text => attribute(element, "aria-live", node.live.then_some("polite")),
            _ => {}
        }
        attribute(element, "aria-expanded", node.expanded.map(bool_word));
        attribute(element, "aria-disabled", node.disabled.then_some("true"));
        let inert = matches!(
            node.kind,
            MirrorKind::Text | MirrorKind::Heading | MirrorKind::Status | MirrorKind::Progress
        );
        let order = match (node.focusable && !node.disabled, inert) {
            (true, _) => Some("0"),
            (false, true) => None,
            (false, false) => Some("-1"),
        };
        attribute(element, "tabindex", order);
    }

    /// Tells assistive technology which element the keyboard in the canvas is at.
    fn point_at(&self, focus: Option<u64>) {
        if let Some(canvas) = self.canvas() {
            let id = focus
                .filter(|id| self.elements.contains_key(id))
                .map(|id| format!("mirror-{id}"));
            attribute(&canvas, "aria-activedescendant", id.as_deref());
        }
    }
}
