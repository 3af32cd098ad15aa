//! Texts of other people on a terminal: nothing in them may move the cursor, turn the line around or hide.

/// True of what a terminal obeys, or a reader does not see.
fn is_unseen(character: char) -> bool {
    character.is_control() || vocab::text::is_hidden(character)
}

/// A text as it may be printed: its lines stay, a tab is a space, what hides or commands a terminal goes.
#[must_use]
pub fn clean(text: &str) -> String {
    let spaced = text.chars().map(|character| if character == '\t' { ' ' } else { character });
    spaced.filter(|character| *character == '\n' || !is_unseen(*character)).collect()
}

/// A text in one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    clean(&text.replace(char::is_control, " "))
}

/// A JSON document that says the same and shows it: such characters stand only inside its texts, where JSON may write them as
/// numbers.
#[must_use]
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_unseen(character) {
            text.push(character);
        } else {
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn a_written_text_keeps_its_lines_and_loses_what_hides() {
        assert_eq!(clean("一\n二\u{1b}[2J\u{202e}三\u{9b}2J"), "一\n二[2J三2J");
        assert_eq!(clean("5\t天\r\n"), "5 天\n", "words stay apart");
        assert_eq!(one_line("一\n二\t三\u{200b}四"), "一 二 三四");
    }

    #[test]
    fn json_says_the_same_with_what_hides_as_numbers() {
        let told = serde_json::json!({ "title": "一\u{202e}\u{9b}2J\u{e0041}\n二\u{1b}" });
        let pretty = serde_json::to_string_pretty(&told).unwrap();
        let shown = escaped(&pretty);
        assert!(shown.contains("\\u202e\\u009b2J\\udb40\\udc41"), "{shown}");
        assert!(shown.chars().all(|character| character == '\n' || !is_unseen(character)));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), told);
    }
}
