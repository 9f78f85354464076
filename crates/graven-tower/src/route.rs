//! Route templates such as `/v1/sessions/{id}`: which one a path matches, and the values of its parameters.

/// The values of a template's parameters in a path, by name: the raw text, as the client sent it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Params<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Params<'a> {
    /// Matches a path with a template: `{name}` takes one segment that is not empty, a last `{*name}` takes the rest.
    pub(crate) fn of(template: &'a str, path: &'a str) -> Option<Params<'a>> {
        let mut params = Vec::new();
        lay_over(template, path, |name, value| params.push((name, value))).then_some(Params(params))
    }

    /// Puts the values into a text that has their names in braces. Other text in braces stays.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len() + 32);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let found = after.split_once('}').and_then(|(name, behind)| {
                let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
                Some((value, behind))
            });
            rest = match found {
                Some((value, behind)) => {
                    filled.push_str(value);
                    behind
                }
                None => {
                    filled.push('{');
                    after
                }
            };
        }
        filled.push_str(rest);
        filled
    }
}

/// Whether a path matches a template. Hands out each parameter's name and value as it finds them.
fn lay_over<'a>(template: &'a str, path: &'a str, mut tell: impl FnMut(&'a str, &'a str)) -> bool {
    let (mut wanted, mut given) = (template, path);
    loop {
        let (pattern, wanted_rest) = first_segment(wanted);
        let (segment, given_rest) = first_segment(given);
        match place(pattern) {
            Some(name) if name.starts_with('*') => {
                tell(&name[1..], given);
                return wanted_rest.is_none() && !given.is_empty();
            }
            Some(name) if !segment.is_empty() => tell(name, segment),
            None if pattern == segment => {}
            _ => return false,
        }
        match (wanted_rest, given_rest) {
            (Some(wanted_rest), Some(given_rest)) => (wanted, given) = (wanted_rest, given_rest),
            (wanted_rest, given_rest) => return wanted_rest.is_none() && given_rest.is_none(),
        }
    }
}

/// The text up to the next `/`, and what comes after it. Segments are short, so byte by byte is fastest.
fn first_segment(path: &str) -> (&str, Option<&str>) {
    match path.bytes().position(|byte| byte == b'/') {
        Some(end) => (&path[..end], Some(&path[end + 1..])),
        None => (path, None),
    }
}

/// The name in a segment that is a parameter.
fn place(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The first template that a path matches.
pub(crate) fn find<'a>(templates: &'a [String], path: &str) -> Option<&'a str> {
    templates.iter().map(String::as_str).find(|template| lay_over(template, path, |_, _| {}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_a_template_or_not() {
        let cases = [
            ("/", "/", true),
            ("/v1/{id}", "/v1/7", true),
            ("/v1/{id}", "/v1/", false),
            ("/v1/{id}", "/v1/7/x", false),
            ("/v1/{id}/x", "/v1/7", false),
            ("/v1/{id}/x", "/v1/7/x", true),
            ("/files/{*rest}", "/files/a/b/c", true),
            ("/files/{*rest}", "/files/", false),
            ("/files/{*rest}", "/file/a", false),
            ("/a", "/a/", false),
        ];
        for (template, path, expected) in cases {
            assert_eq!(Params::of(template, path).is_some(), expected, "{template} {path}");
        }
    }

    #[test]
    fn the_first_template_that_fits_is_found() {
        let templates = ["/a", "/a/{id}", "/a/b", "/{*rest}"].map(str::to_owned);
        for (path, expected) in
            [("/a", "/a"), ("/a/b", "/a/{id}"), ("/a/b/c", "/{*rest}"), ("/ab", "/{*rest}")]
        {
            assert_eq!(find(&templates, path), Some(expected), "{path}");
        }
        assert_eq!(find(&templates[..3], "/ab"), None);
    }

    #[test]
    fn values_are_filled_in_and_braces_that_name_nothing_stay() {
        let params = Params::of("/v1/{kind}/{*rest}", "/v1/tool/a/b").unwrap();
        assert_eq!(params.fill("{kind}: {rest} of {kind}"), "tool: a/b of tool");
        assert_eq!(params.fill("{other} {"), "{other} {");
    }
}
