//! Reads the names that a template uses, branch by branch: what a sample does not reach, a borrower will.
//!
//! Own code: minijinja's `undeclared_variables` gives variables without their lines, and neither filters, tests nor
//! branches; its syntax tree is behind the feature `unstable_machinery`.

use std::collections::HashSet;

/// A name that a template uses, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use<'a> {
    pub(super) line: usize,
    pub(super) name: Name<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// `merchant.support.phone`; the first part is a name, the others fields.
    Path(Vec<&'a str>),
    /// `|upper`
    Filter(&'a str),
    /// `is divisibleby`
    Test(&'a str),
    /// `{% include "_footer.txt" %}`
    Template(&'a str),
}

/// The names that a template's tags use and define.
#[derive(Debug, Default)]
pub(super) struct Uses<'a> {
    pub(super) uses: Vec<Use<'a>>,
    /// Names that the template itself gives to something, anywhere.
    pub(super) own: HashSet<&'a str>,
    /// The variables of loops over `installments`.
    pub(super) installments: HashSet<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Sign(char),
}

/// Scans a template that the engine has parsed already, so its tags are known to be well formed.
pub(super) fn scan(source: &str) -> Uses<'_> {
    let mut found = Uses::default();
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        let tag = &rest[start..];
        let (close, inside) = match tag.as_bytes().get(1) {
            Some(b'#') => ("#}", false),
            Some(b'%') => ("%}", true),
            Some(b'{') => ("}}", true),
            _ => {
                rest = &tag[1..];
                continue;
            }
        };
        let end = end_of_tag(tag, close, inside);
        if inside {
            let tokens = tokens(&tag[2..end], line_of(source, tag));
            if matches!(tokens[..], [(_, Token::Word("raw"))] | [(_, Token::Sign('-')), (_, Token::Word("raw")), ..]) {
                let after = &tag[end..];
                rest = after.find("endraw").map_or("", |raw_end| &after[raw_end..]);
                continue;
            }
            if close == "%}" {
                declarations(&tokens, &mut found);
            }
            names(&tokens, &mut found);
        }
        rest = &tag[(end + 2).min(tag.len())..];
    }
    found
}

fn line_of(source: &str, tail: &str) -> usize {
    1 + source[..source.len() - tail.len()].matches('\n').count()
}

/// Whether a template tag begins here.
pub(super) fn is_tag(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.starts_with(open))
}

/// The offset of the closing sign, passing over those inside quoted text.
pub(super) fn end_of_tag(tag: &str, close: &str, quotes: bool) -> usize {
    let mut quote = None;
    for (offset, character) in tag.char_indices().skip(2) {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if quotes && matches!(character, '"' | '\'') => quote = Some(character),
            None if tag[offset..].starts_with(close) => return offset,
            None => {}
        }
    }
    tag.len()
}

fn tokens(inside: &str, first_line: usize) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    let mut line = first_line;
    let mut rest = inside;
    while let Some(character) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if matches!(character, '"' | '\'') {
            let text = &rest[1..];
            let end = text.find(character).unwrap_or(text.len());
            tokens.push((line, Token::Text(&text[..end])));
            (end + 2).min(rest.len())
        } else if word(character) {
            let end = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
            tokens.push((line, Token::Word(&rest[..end])));
            end
        } else {
            if !character.is_whitespace() {
                tokens.push((line, Token::Sign(character)));
            }
            character.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// Notes the names that `set`, `for`, `with`, `macro`, `import` and their like give.
fn declarations<'a>(tokens: &[(usize, Token<'a>)], found: &mut Uses<'a>) {
    let words: Vec<&Token<'a>> =
        tokens.iter().map(|(_, token)| token).skip_while(|token| !matches!(token, Token::Word(_))).collect();
    let own: Vec<&'a str> = match words[..] {
        [Token::Word("for"), ..] => words_before(&words[1..], "in"),
        [Token::Word("set"), ..] => {
            words[1..].iter().take_while(|token| ***token != Token::Sign('=')).filter_map(|token| word(token)).collect()
        }
        [Token::Word("with" | "macro" | "import" | "from" | "call"), ..] => {
            words[1..].iter().filter_map(|token| word(token)).collect()
        }
        _ => return,
    };
    if let [Token::Word("for"), Token::Word(variable), Token::Word("in"), Token::Word("installments"), ..] = words[..] {
        found.installments.insert(variable);
    }
    found.own.extend(own);
}

fn words_before<'a>(tokens: &[&Token<'a>], end: &str) -> Vec<&'a str> {
    tokens.iter().take_while(|token| word(token) != Some(end)).filter_map(|token| word(token)).collect()
}

fn word<'a>(token: &Token<'a>) -> Option<&'a str> {
    match token {
        Token::Word(word) => Some(word),
        Token::Text(_) | Token::Sign(_) => None,
    }
}

fn names<'a>(tokens: &[(usize, Token<'a>)], found: &mut Uses<'a>) {
    let at = |index: usize| tokens.get(index).map(|(_, token)| *token);
    let mut index = 0;
    while let Some((line, token)) = tokens.get(index).copied() {
        let before = index.checked_sub(1).and_then(at);
        let name = match (before, token) {
            (Some(Token::Word("include" | "extends" | "import" | "from")), Token::Text(path)) => Name::Template(path),
            (Some(Token::Sign('|')), Token::Word(filter)) => Name::Filter(filter),
            (Some(Token::Word("is")), Token::Word(test)) if test != "not" => Name::Test(test),
            (Some(Token::Word("not")), Token::Word(test)) if at(index.wrapping_sub(2)) == Some(Token::Word("is")) => {
                Name::Test(test)
            }
            // A field of something that is not a plain name: `installments[0].amount`.
            (Some(Token::Sign('.')), Token::Word(_)) => {
                index += 1;
                continue;
            }
            (_, Token::Word(root)) if !root.starts_with(|c: char| c.is_ascii_digit()) => {
                let mut path = vec![root];
                while let (Some(Token::Sign('.')), Some(Token::Word(field))) = (at(index + 1), at(index + 2)) {
                    path.push(field);
                    index += 2;
                }
                Name::Path(path)
            }
            _ => {
                index += 1;
                continue;
            }
        };
        found.uses.push(Use { line, name });
        index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, scan};

    #[test]
    fn every_name_is_found_with_its_line() {
        let source = "{# {{ no.such }} #}{ x }{% raw %}{{ none.such }}{% endraw %}\n\
            {% for one in installments -%}\n{{ one.amount|upper }}{% endfor %}\n\
            {%- if days is not divisibleby 3 and\n merchant.support.phone == \"}} a.b\" %}{% set x = 1.5 %}{% endif %}\
            {% include '_a.txt' %}";
        let found = scan(source);
        let uses: Vec<_> = found.uses.iter().map(|found| (found.line, found.name.clone())).collect();
        for expected in [
            (3, Name::Path(vec!["one", "amount"])),
            (3, Name::Filter("upper")),
            (4, Name::Test("divisibleby")),
            (5, Name::Path(vec!["merchant", "support", "phone"])),
            (5, Name::Template("_a.txt")),
        ] {
            assert!(uses.contains(&expected), "{expected:?} in {uses:?}");
        }
        let hidden = ["no", "none", "a"];
        assert!(
            !uses.iter().any(|(_, name)| matches!(name, Name::Path(path) if hidden.contains(&path[0]))),
            "{uses:?}"
        );
        assert!(found.installments.contains("one") && found.own.contains("x") && found.own.contains("one"));
    }
}
