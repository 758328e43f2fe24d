//! The lender's query, and its parameters `:after`, `:after_key` and `:limit` as each database wants them.

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `postgres://`
    Postgres,
    /// `mysql://`, MariaDB too.
    MySql,
    /// `sqlite:`
    Sqlite,
}

impl Dialect {
    /// The dialect of a URL's scheme.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        match url.split(':').next()? {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }
}

/// A named parameter of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    /// The `updated_at` of the last row before the page.
    After,
    /// Its key.
    AfterKey,
    /// The most rows of the page.
    Limit,
}

impl Parameter {
    const ALL: [Self; 3] = [Self::After, Self::AfterKey, Self::Limit];

    fn name(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::AfterKey => "after_key",
            Self::Limit => "limit",
        }
    }
}

/// A query that has its three parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The text as it was written, with the names of the parameters.
    written: String,
    /// The text in the database's syntax: `$1` to `$3`, `?1` to `?3`, or `?` each time.
    pub(super) text: String,
    /// The parameters to bind, in this order.
    pub(super) binds: Vec<Parameter>,
}

impl Query {
    /// The query as it was written.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Reads a query. Names in strings, quoted names and comments are no parameters, and neither is what follows `::`.
    ///
    /// # Errors
    /// When a parameter is missing or unknown; the text reads on from the key `query`.
    pub fn new(written: &str, dialect: Dialect) -> Result<Self, String> {
        let (text, used) = rewritten(written, dialect)?;
        if let Some(missing) = Parameter::ALL.into_iter().find(|one| !used.contains(one)) {
            return Err(format!("{FORM} (it has no :{})", missing.name()));
        }
        let binds = if dialect == Dialect::MySql { used } else { Parameter::ALL.to_vec() };
        Ok(Self { written: written.trim().to_owned(), text, binds })
    }
}

/// A statement that has no parameter.
///
/// # Errors
/// When it has one; the text reads on from its key.
pub fn checked_statement(written: &str, dialect: Dialect) -> Result<String, String> {
    let (text, used) = rewritten(written, dialect)?;
    match used.first() {
        Some(parameter) => Err(format!("has the parameter :{}; it is asked without any", parameter.name())),
        None if text.trim().is_empty() => Err("is empty; write a query of one row with one column".into()),
        None => Ok(text),
    }
}

/// The text with the database's own placeholders, and the parameters in their order.
fn rewritten(written: &str, dialect: Dialect) -> Result<(String, Vec<Parameter>), String> {
    let mut text = String::with_capacity(written.len());
    let mut used = Vec::new();
    let mut rest = written.trim().trim_end_matches(';');
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest, dialect).unwrap_or_else(|| if rest.starts_with("::") { 2 } else { 0 });
        if skipped > 0 {
            text.push_str(&rest[..skipped]);
            rest = &rest[skipped..];
            continue;
        }
        rest = &rest[first.len_utf8()..];
        let name_end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &rest[..name_end];
        if first != ':' || !name.starts_with(|c: char| c.is_alphabetic()) {
            text.push(first);
            continue;
        }
        let parameter = Parameter::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| {
            format!("has a parameter :{name} that is not known; there are :after, :after_key and :limit")
        })?;
        used.push(parameter);
        let number = parameter as usize + 1;
        text.push_str(&match dialect {
            Dialect::Postgres => format!("${number}"),
            Dialect::Sqlite => format!("?{number}"),
            Dialect::MySql => "?".to_owned(),
        });
        rest = &rest[name_end..];
    }
    Ok((text, used))
}

/// The required form of a query.
const FORM: &str = "must read on from a place and in pages; end it with: where updated_at >= :after and (updated_at > \
    :after or \
                    KEY > :after_key) order by updated_at, KEY limit :limit";

/// How long the string, quoted name or comment is with which `text` begins.
fn skipped(text: &str, dialect: Dialect) -> Option<usize> {
    let until = |opening: usize, closing: &str| {
        Some(text[opening..].find(closing).map_or(text.len(), |at| opening + at + closing.len()))
    };
    let first = text.chars().next()?;
    match first {
        '\'' | '"' | '`' => Some(quoted(text, first, dialect == Dialect::MySql && first != '`')),
        '-' if text.starts_with("--") => until(2, "\n"),
        '#' if dialect == Dialect::MySql => until(1, "\n"),
        '/' if text.starts_with("/*") => until(2, "*/"),
        '$' if dialect == Dialect::Postgres => {
            let tag_end = text[1..].find('$')? + 2;
            let is_tag = text[1..tag_end - 1].chars().all(|c| c.is_alphanumeric() || c == '_');
            if is_tag { until(tag_end, &text[..tag_end]) } else { None }
        }
        _ => None,
    }
}

/// The length of a quoted text; a doubled quote within it begins the next one, which comes to the same.
fn quoted(text: &str, quote: char, with_escapes: bool) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if with_escapes => escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Parameter, Query};

    const QUERY: &str = "select id::text, ':after' as \":limit\" -- :after_key\n from t where u >= :after and (u > \
        :after or \
                         id > :after_key) /* :x */ order by u, id limit :limit;";

    #[test]
    fn each_database_gets_its_own_placeholders() {
        let rewritten = |dialect| Query::new(QUERY, dialect).expect("a query");
        let kept = "select id::text, ':after' as \":limit\" -- :after_key\n from t where ";
        let postgres = rewritten(Dialect::Postgres);
        assert_eq!(postgres.text, format!("{kept}u >= $1 and (u > $1 or id > $2) /* :x */ order by u, id limit $3"));
        let mysql = rewritten(Dialect::MySql);
        assert_eq!(mysql.text, format!("{kept}u >= ? and (u > ? or id > ?) /* :x */ order by u, id limit ?"));
        let [after, key, limit] = Parameter::ALL;
        assert_eq!((postgres.binds, mysql.binds), (vec![after, key, limit], vec![after, after, key, limit]));
        assert!(
            rewritten(Dialect::Sqlite)
                .text
                .ends_with("u >= ?1 and (u > ?1 or id > ?2) /* :x */ order by u, id limit ?3")
        );
    }

    #[test]
    fn strings_of_each_database_are_left_alone() {
        let tail = " :after :after_key :limit";
        for (dialect, text) in [
            (Dialect::MySql, r"'it\'s :x' # :y"),
            (Dialect::MySql, "`a:b` '' ':x'"),
            (Dialect::Postgres, "$$ :x $$ $t$ $$ :y $t$ 'a'':x'"),
            (Dialect::Postgres, r"'\' :limit '' :after"),
        ] {
            let query = Query::new(&format!("{text}\n{tail}"), dialect);
            let end = if dialect == Dialect::MySql { "\n ? ? ?" } else { " $1 $2 $3" };
            let query = query.map(|query| query.text);
            assert!(query.as_ref().is_ok_and(|text| text.ends_with(end)), "{text}: {query:?}");
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_told() {
        let told = |text| Query::new(text, Dialect::Postgres).expect_err("a mistake");
        assert!(told("select :after :limit").ends_with("(it has no :after_key)"));
        assert!(told("select :after :after_key :limt").starts_with("has a parameter :limt that is not known"));
    }
}
