//! The filters, tests and functions that a template may use. Nothing else of the engine is there: what prints its
//! state, walks objects or takes escaping off has no use in a message.

use minijinja::{Environment, filters, functions, tests};

/// Adds all of them to an empty environment.
pub(super) fn add(env: &mut Environment<'_>) {
    add_text_filters(env);
    add_list_filters(env);
    add_tests(env);
    // Both are bounded: a range has 100,000 numbers at most, and a namespace holds what the template puts into it.
    env.add_function("range", functions::range);
    env.add_function("namespace", functions::namespace);
}

fn add_text_filters(env: &mut Environment<'_>) {
    env.add_filter("abs", filters::abs);
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("d", filters::default);
    env.add_filter("default", filters::default);
    env.add_filter("e", filters::escape);
    env.add_filter("escape", filters::escape);
    env.add_filter("int", filters::int);
    env.add_filter("lower", filters::lower);
    env.add_filter("replace", filters::replace);
    env.add_filter("round", filters::round);
    env.add_filter("spaced", spaced);
    env.add_filter("string", filters::string);
    env.add_filter("title", filters::title);
    env.add_filter("trim", filters::trim);
    env.add_filter("upper", filters::upper);
    env.add_filter("urlencode", filters::urlencode);
}

/// Chinese puts a space between its characters and a Latin name among them: one on each side that is Latin.
fn spaced(name: &str) -> String {
    let is_latin = |edge: Option<char>| edge.is_some_and(|edge| edge.is_ascii_alphanumeric());
    let space = |edge| if is_latin(edge) { " " } else { "" };
    format!("{}{name}{}", space(name.chars().next()), space(name.chars().next_back()))
}

fn add_list_filters(env: &mut Environment<'_>) {
    env.add_filter("count", filters::length);
    env.add_filter("first", filters::first);
    env.add_filter("join", filters::join);
    env.add_filter("last", filters::last);
    env.add_filter("length", filters::length);
    env.add_filter("list", filters::list);
    env.add_filter("map", filters::map);
    env.add_filter("max", filters::max);
    env.add_filter("min", filters::min);
    env.add_filter("reject", filters::reject);
    env.add_filter("rejectattr", filters::rejectattr);
    env.add_filter("reverse", filters::reverse);
    env.add_filter("select", filters::select);
    env.add_filter("selectattr", filters::selectattr);
    env.add_filter("sort", filters::sort);
    env.add_filter("unique", filters::unique);
}

fn add_tests(env: &mut Environment<'_>) {
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("true", tests::is_true);
    env.add_test("false", tests::is_false);
    env.add_test("odd", tests::is_odd);
    env.add_test("even", tests::is_even);
    env.add_test("divisibleby", tests::is_divisibleby);
    env.add_test("number", tests::is_number);
    env.add_test("string", tests::is_string);
    env.add_test("lower", tests::is_lower);
    env.add_test("upper", tests::is_upper);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("in", tests::is_in);
    env.add_test("eq", tests::is_eq);
    env.add_test("equalto", tests::is_eq);
    env.add_test("ne", tests::is_ne);
    env.add_test("lt", tests::is_lt);
    env.add_test("lessthan", tests::is_lt);
    env.add_test("le", tests::is_le);
    env.add_test("gt", tests::is_gt);
    env.add_test("greaterthan", tests::is_gt);
    env.add_test("ge", tests::is_ge);
}
