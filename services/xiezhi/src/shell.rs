//! Words as a person can paste them into a shell.

/// A word in single quotes where a shell would read it as something else.
pub fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_word_stays_as_it_is_and_any_other_is_quoted() {
        assert_eq!(word("/home/值班/centre-1"), "/home/值班/centre-1");
        assert_eq!(word("/my centre"), "'/my centre'");
        assert_eq!(word("a'b$c"), r"'a'\''b$c'");
        assert_eq!(word(""), "''");
    }
}
