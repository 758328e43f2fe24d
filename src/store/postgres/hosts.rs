//! URLs that name several servers, of which one is the primary: `postgres://user@one:5432,two:5432/name`, or
//! `?host=/one,/two`.

use crate::store::StoreError;

/// The URL parameter for the wanted kind of server.
const TARGET: &str = "target_session_attrs";

/// Which kinds are served: dueherald writes, so every session is one that can.
const SERVED: [&str; 3] = ["read-write", "primary", "any"];

/// The URLs of the servers, one for each, in order.
pub(super) fn one_by_one(url: &str) -> Result<Vec<String>, StoreError> {
    let bad = |reason: &str| StoreError::BadUrl {
        reason: reason.to_owned(),
        example: "postgres://user:password@one:5432,two:5432/name?target_session_attrs=read-write",
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it names no server"))?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) =
        address.split_once('/').map_or((address, String::new()), |(at, path)| (at, format!("/{path}")));
    let (user, hosts) =
        authority.rsplit_once('@').map_or((String::new(), authority), |(user, hosts)| (format!("{user}@"), hosts));
    let mut kept = Vec::new();
    let mut sockets = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some((TARGET, kind)) if SERVED.contains(&kind) => {}
            Some((TARGET, _)) => return Err(bad("target_session_attrs is none of read-write, primary and any")),
            Some(("host", names)) => sockets.extend(names.split(',').map(|name| format!("host={name}"))),
            _ => kept.push(parameter),
        }
    }
    let named: Vec<_> = hosts.split(',').collect();
    if named.len() > 1 && !sockets.is_empty() {
        return Err(bad("it names servers both before the path and by host="));
    }
    let one = |host: &str, socket: Option<&str>| {
        let query: Vec<_> = kept.iter().copied().chain(socket).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{user}{host}{path}{mark}{}", query.join("&"))
    };
    if sockets.is_empty() {
        return Ok(named.iter().map(|host| one(host, None)).collect());
    }
    Ok(sockets.iter().map(|socket| one(hosts, Some(socket))).collect())
}

#[cfg(test)]
mod tests {
    use super::one_by_one;
    use rstest::rstest;

    #[rstest]
    #[case::one("postgres://u:p%40,@h:1/d", &["postgres://u:p%40,@h:1/d"])]
    #[case::two("postgres://u@a:1,b:2/d", &["postgres://u@a:1/d", "postgres://u@b:2/d"])]
    #[case::target(
        "postgresql://u:p@a,b/d?sslmode=require&target_session_attrs=read-write",
        &["postgresql://u:p@a/d?sslmode=require", "postgresql://u:p@b/d?sslmode=require"]
    )]
    #[case::v6("postgres://[::1]:1,[::2]/d", &["postgres://[::1]:1/d", "postgres://[::2]/d"])]
    #[case::sockets("postgres://u@x/d?host=/a,/b", &["postgres://u@x/d?host=/a", "postgres://u@x/d?host=/b"])]
    #[case::no_path("postgres://a,b", &["postgres://a", "postgres://b"])]
    fn each_server_has_a_url_of_its_own(#[case] url: &str, #[case] expected: &[&str]) {
        assert_eq!(one_by_one(url).expect("a sound URL"), expected);
    }

    #[rstest]
    #[case("postgres://a,b/d?target_session_attrs=read-only")]
    #[case("postgres://a,b/d?host=/a")]
    fn what_cannot_be_served_is_refused_without_its_password(#[case] url: &str) {
        let text = one_by_one(&url.replace("://", "://u:geheim@")).expect_err("refused").to_string();
        assert!(!text.contains("geheim"), "{text}");
    }
}
