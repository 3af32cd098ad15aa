//! Lists up to the limit that was asked for, over as many pages as that takes.

use std::future::Future;

use client::Error;

use crate::failure::Failure;
use crate::say::{Lang, Word};

/// A list as far as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What there is, at most as many as were asked for.
    pub items: Vec<T>,
    /// Where it goes on; empty where this is all.
    pub next_page_token: String,
}

/// Reads page after page, each of at most `most`, until there are as many as the limit says or nothing is left. `page` gets
/// the size and the token of the page it is to read.
pub async fn up_to<T, F, Fut>(limit: u32, most: u32, mut page: F) -> Result<Listed<T>, Failure>
where
    F: FnMut(u32, String) -> Fut,
    Fut: Future<Output = Result<(Vec<T>, String), Error>>,
{
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let missing = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let (found, next) = page(missing.clamp(1, most), token.clone()).await?;
        items.extend(found);
        if next.is_empty() || items.len() as u64 >= u64::from(limit) {
            return Ok(Listed { items, next_page_token: next });
        }
        if next == token {
            return Err(Error::Broken("a list of pages has no end".to_owned()).into());
        }
        token = next;
    }
}

/// A list in words: its rows, or that there is nothing, and whether there is more than that.
#[must_use]
pub fn shown(rows: &str, is_empty: bool, next_page_token: &str, lang: Lang) -> String {
    let mut text = if is_empty { Word::Nothing.text(lang).to_owned() } else { rows.to_owned() };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if !next_page_token.is_empty() {
        text.push_str(&format!("{}\n", Word::More.text(lang)));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    /// A service that has the numbers below 450 and gives at most 200 at once, however many are asked for.
    async fn numbers(size: u32, token: String) -> Result<(Vec<u32>, String), Error> {
        let from: u32 = token.parse().unwrap_or(0);
        let to = (from + size.min(200)).min(450);
        Ok(((from..to).collect(), if to < 450 { to.to_string() } else { String::new() }))
    }

    #[tokio::test]
    async fn as_many_are_listed_as_were_asked_for_and_what_is_left_is_said() {
        for (limit, there, next) in
            [(50, 50, "50"), (200, 200, "200"), (300, 300, "300"), (450, 450, ""), (900, 450, "")]
        {
            let listed = up_to(limit, 200, numbers).await.unwrap();
            assert_eq!(listed.items, (0..there).collect::<Vec<_>>(), "{limit}");
            assert_eq!(listed.next_page_token, next, "{limit}");
        }
    }

    #[tokio::test]
    async fn pages_that_are_empty_are_passed_over_and_a_circle_is_refused() {
        let sparse = up_to(2, 200, |_, token| async move {
            Ok(match token.as_str() {
                "" => (vec![], "a".to_owned()),
                "a" => (vec![1], "b".to_owned()),
                _ => (vec![2], String::new()),
            })
        });
        assert_eq!(sparse.await.unwrap().items, [1, 2]);
        let circle = up_to(3, 200, |_, _| async { Ok((vec![1], "again".to_owned())) });
        assert!(circle.await.is_err());
    }

    #[test]
    fn a_list_says_that_there_is_nothing_or_more() {
        assert_eq!(shown("", true, "", Lang::En), "nothing\n");
        assert_eq!(shown("a\n", false, "", Lang::En), "a\n");
        assert_eq!(shown("a\n", false, "x", Lang::En), "a\nthere are more; use --limit or a filter\n");
    }
}
