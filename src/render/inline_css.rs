//! Puts the style sheets of HTML templates into `style` attributes, once when templates are loaded: many mail programs
//! drop a `<style>`, which stays for those that know `@media`.
//!
//! A template is never parsed and written again as HTML: that moves `{% for %}` out of tables and writes `a > 0` as `a
//! &gt; 0`. A copy without template tags is inlined, each of its elements with a number, and only the styles that it
//! comes to are put into the original.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use css_inline::CSSInliner;

use super::scan::{end_of_tag, is_tag};
use super::{RenderCause, RenderError, TemplateOrigin};

/// Numbers the elements of the copy.
const NUMBER: &str = "data-place";

/// The most steps from a template to the outermost one that it extends.
const DEEPEST: usize = 16;

/// Inlines the style sheets of every HTML template: its own, and those of the templates that it extends.
pub(super) fn inline_css(sources: &mut BTreeMap<String, (String, TemplateOrigin)>, problems: &mut Vec<RenderError>) {
    let sheets: BTreeMap<String, InlinedHtml> = sources
        .iter()
        .filter(|(path, _)| path.ends_with(".html"))
        .map(|(path, (text, _))| (path.clone(), InlinedHtml::of(text)))
        .collect();
    for (path, copied) in &sheets {
        let mut inherited = String::new();
        let mut next = copied.extends.as_deref();
        for _ in 0..DEEPEST {
            let Some(above) = next.and_then(|above| sheets.get(above)) else { break };
            inherited.insert_str(0, &above.css);
            next = above.extends.as_deref();
        }
        if inherited.is_empty() && copied.css.is_empty() {
            continue;
        }
        let Some((text, _)) = sources.get_mut(path) else { continue };
        match copied.styles(inherited) {
            Ok(styles) => *text = copied.put_into(text, &styles),
            Err(error) => problems.push(RenderError {
                template: path.clone(),
                line: None,
                problem: format!(
                    "has a style sheet that cannot be put into style attributes ({error}); mend it or leave it out"
                ),
                cause: RenderCause::Template,
            }),
        }
    }
}

/// A template as HTML alone.
#[derive(Debug, Default)]
struct InlinedHtml {
    html: String,
    elements: Vec<Element>,
    /// The content of its own `<style>` elements.
    css: String,
    extends: Option<String>,
}

/// Where in the original a style can be put.
#[derive(Debug)]
struct Element {
    name_end: usize,
    /// The values of its `style` attributes; more than one where template tags choose.
    styles: Vec<Range<usize>>,
}

impl InlinedHtml {
    fn of(source: &str) -> Self {
        let mut copied = Self::default();
        let mut at = 0;
        while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
            if is_tag(rest) {
                let end = after_tag(source, at);
                copied.note_extends(&source[at..end]);
                at = end;
            } else if rest.starts_with("<!--") {
                at += rest.find("-->").map_or(rest.len(), |end| end + 3);
            } else if rest.starts_with('<') && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
                at = copied.element(source, at);
            } else {
                let character = rest.chars().next().unwrap_or_default();
                copied.html.push(character);
                at += character.len_utf8();
            }
        }
        copied
    }

    fn note_extends(&mut self, tag: &str) {
        let words = tag.trim_start_matches(['{', '%', '-', '+']).trim_start();
        if let Some(path) = words.strip_prefix("extends").and_then(|rest| rest.split(['"', '\'']).nth(1)) {
            self.extends = Some(path.to_owned());
        }
    }

    /// Copies an opening tag, and the content of an element that holds no HTML; gives the offset behind it.
    fn element(&mut self, source: &str, start: usize) -> usize {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name_end = source[start + 1..].find(|c| !is_name(c)).map_or(source.len(), |end| start + 1 + end);
        let name = source[start + 1..name_end].to_ascii_lowercase();
        self.html.push_str(&format!("<{name} {NUMBER}=\"{}\"", self.elements.len()));
        let mut element = Element { name_end, styles: Vec::new() };
        let mut at = name_end;
        while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty() && !rest.starts_with('>')) {
            if is_tag(rest) {
                at = after_tag(source, at);
            } else if rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '/' | '=' | '"' | '\'')) {
                at += rest.chars().next().map_or(1, char::len_utf8);
            } else {
                at = self.attribute(source, at, &mut element);
            }
        }
        self.html.push('>');
        self.elements.push(element);
        at = (at + 1).min(source.len());
        if matches!(name.as_str(), "style" | "script" | "title" | "textarea") {
            let close = format!("</{name}");
            let lower = source[at..].to_ascii_lowercase();
            let end = lower.find(&close).map_or(source.len(), |end| at + end);
            if name == "style" {
                let css = without_tags(source, at..end);
                self.html.push_str(&css);
                self.css.extend([&css, "\n"]);
            }
            at = end;
        }
        at
    }

    /// Copies an attribute, but not `style`; gives the offset behind it.
    fn attribute(&mut self, source: &str, start: usize, element: &mut Element) -> usize {
        let mut end = start;
        while let Some(c) = source[end..].chars().next() {
            if c.is_whitespace() || matches!(c, '=' | '>' | '/' | '"' | '\'') || is_tag(&source[end..]) {
                break;
            }
            end += c.len_utf8();
        }
        let name = &source[start..end];
        let after = source[end..].trim_start();
        let quote = after.strip_prefix('=').map(str::trim_start).filter(|value| value.starts_with(['"', '\'']));
        let Some(quoted) = quote else {
            // A bare one, or a value without quotation marks, which matters to no usual selector.
            self.html.extend([" ", name]);
            return if end == start { start + 1 } else { end };
        };
        let from = source.len() - quoted.len() + 1;
        let mut to = from;
        while let Some(c) = source[to..].chars().next().filter(|c| !quoted.starts_with(*c)) {
            to = if is_tag(&source[to..]) { after_tag(source, to) } else { to + c.len_utf8() };
        }
        if name.eq_ignore_ascii_case("style") {
            element.styles.push(from..to);
        } else {
            let value = without_tags(source, from..to).replace('"', "&quot;");
            self.html.extend([" ", name, "=\"", &value, "\""]);
        }
        (to + 1).min(source.len())
    }

    /// The inlined style of each element, by its number.
    fn styles(&self, inherited: String) -> Result<BTreeMap<usize, String>, css_inline::InlineError> {
        let options = CSSInliner::options().load_remote_stylesheets(false).extra_css(Some(Cow::Owned(inherited)));
        let inlined = options.build().inline(&self.html)?;
        let mut styles = BTreeMap::new();
        let mut rest = inlined.as_str();
        let mark = format!(" {NUMBER}=\"");
        while let Some((_, from)) = rest.split_once(&mark) {
            rest = from;
            let Some((number, mut attributes)) = from.split_once('"') else { break };
            // Written anew, every attribute has the form ` name="value"`.
            while let Some((name, value)) = attributes.strip_prefix(' ').and_then(|next| next.split_once("=\"")) {
                let Some((value, next)) = value.split_once('"') else { break };
                if let ("style", Ok(number)) = (name, number.parse()) {
                    styles.insert(number, value.trim().trim_end_matches(';').replace("&quot;", "'"));
                }
                attributes = next;
            }
        }
        Ok(styles)
    }

    /// The original with the styles: before those that it has, so that these win.
    fn put_into(&self, source: &str, styles: &BTreeMap<usize, String>) -> String {
        let mut out = String::with_capacity(source.len() * 2);
        let mut done = 0;
        for (number, element) in self.elements.iter().enumerate() {
            let Some(style) = styles.get(&number).filter(|style| !style.is_empty()) else { continue };
            if element.styles.is_empty() {
                out.extend([&source[done..element.name_end], " style=\"", style, "\""]);
                done = element.name_end;
            }
            for own in &element.styles {
                let style =
                    if source[..own.start].ends_with('\'') { style.replace('\'', "&quot;") } else { style.clone() };
                let between = if own.is_empty() { "" } else { "; " };
                out.extend([&source[done..own.start], &style, between]);
                done = own.start;
            }
        }
        out + &source[done..]
    }
}

fn after_tag(source: &str, at: usize) -> usize {
    let tag = &source[at..];
    let (close, quotes) = match tag.as_bytes().get(1) {
        Some(b'#') => ("#}", false),
        Some(b'%') => ("%}", true),
        _ => ("}}", true),
    };
    (at + end_of_tag(tag, close, quotes) + 2).min(source.len())
}

fn without_tags(source: &str, range: Range<usize>) -> String {
    let mut out = String::new();
    let mut at = range.start;
    while let Some(c) = source[at.min(range.end)..range.end].chars().next() {
        if is_tag(&source[at..]) {
            at = after_tag(source, at);
        } else {
            out.push(c);
            at += c.len_utf8();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::inline_css;
    use crate::render::TemplateOrigin;

    fn inlined(files: &[(&str, &str)]) -> Vec<String> {
        let source = |(path, text): &(&str, &str)| ((*path).to_owned(), ((*text).to_owned(), TemplateOrigin::Folder));
        let mut sources: BTreeMap<_, _> = files.iter().map(source).collect();
        let mut problems = Vec::new();
        inline_css(&mut sources, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        sources.into_values().map(|(text, _)| text).collect()
    }

    const SHEET: &str = "<style>p { color: red } .total { font: 700 1em \"PingFang SC\", sans-serif } td.total { \
        color: blue !important }\
        @media (max-width: 9em) { p { color: green } }</style>";

    #[test]
    fn template_tags_stay_where_and_as_they_are() {
        let body = "<table>{% for one in installments %}\n{% if one.sequence > 0 and one.of < 9 %}<tr><td \
            class=\"total {{ phase }}\">\
            {{ one.outstanding }}</td></tr>{% endif %}{% endfor %}</table>\n<!--[if mso]><p>{{ x }}</p><![endif]-->\n\
            <p{% if link %} title='{{ link | default(\"a > b\") }}'{% endif %}>a &amp; b</p><br>{# <p> #}";
        let html =
            format!("<!doctype html><html><head>{SHEET}<title>{{{{ a }}}}<p></title></head><body>{body}</body></html>");
        let text = inlined(&[("a.html", &html)]).remove(0);
        let total =
            "<td style=\"font: 700 1em 'PingFang SC', sans-serif;color: blue !important\" class=\"total {{ phase }}\">";
        let expected =
            html.replace("<td class=\"total {{ phase }}\">", total).replace("<p{% if", "<p style=\"color: red\"{% if");
        assert_eq!(text, expected);
    }

    #[test]
    fn an_elements_own_style_wins() {
        let html = format!("{SHEET}<p style=\"color: {{{{ c }}}}\">x</p><p style=''>x</p><i style=\"top: 0\">x</i>");
        let text = inlined(&[("a.html", &html)]).remove(0);
        assert!(
            text.ends_with(
                "<p style=\"color: red; color: {{ c }}\">x</p><p style='color: red'>x</p><i style=\"top: 0\">x</i>"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_template_has_the_style_sheets_of_what_it_extends() {
        let layout = format!("<html><head>{SHEET}</head><body>{{% block lead %}}{{% endblock %}}</body></html>");
        let child = "{% extends '_layout.html' %}\n{% block lead %}<p>x</p>{% endblock %}\n";
        let files = [("_layout.html", layout.as_str()), ("a.html", child), ("b.html", "<p>no sheet</p>")];
        let texts = inlined(&files);
        assert_eq!(texts[0], layout, "nothing in it is styled");
        assert_eq!(texts[1], child.replace("<p>", "<p style=\"color: red\">"));
        assert_eq!(texts[2], "<p>no sheet</p>");
    }

    proptest::proptest! {
        #[test]
        fn no_template_is_damaged(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "<p>", "</p>", "<td \
                class=\"total\">", "<table>", "<tr>", "{% if a > 0 \
                    %}", "{{ x }}", "{#", "#}", "<", ">", "\"", "'", "<p ",
            "style=\"", "style='a'", "=", "<!--", "-->", "<style>", "</style>", "<title>", "{%", "%}", "还款", " ", "{{ \"<p>\" }}",
        ]), 0..24)) {
            let html = format!("{SHEET}{}", pieces.concat());
            let text = inlined(&[("a.html", &html)]).remove(0);
            // Removing the inserted styles restores the original text.
            let mut rest = text.as_str();
            for character in html.chars() {
                let at = rest.find(character);
                assert!(at.is_some(), "{html}\n{text}");
                rest = &rest[at.unwrap_or_default() + character.len_utf8()..];
            }
        }
    }
}
