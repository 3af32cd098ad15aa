//! Reading every page of a list.

use std::future::Future;

use crate::refused::Error;

/// No list has more pages than this; one that repeats its own token would never end.
const MOST_PAGES: usize = 1_000_000;

/// Reads page after page until the last, each from the token of the one before.
pub async fn pages<T, F, Fut>(mut page: F) -> Result<Vec<T>, Error>
where
    F: FnMut(String) -> Fut,
    Fut: Future<Output = Result<(Vec<T>, String), Error>>,
{
    let mut found = Vec::new();
    let mut token = String::new();
    for _ in 0..MOST_PAGES {
        let (items, next) = page(token.clone()).await?;
        found.extend(items);
        if next.is_empty() {
            return Ok(found);
        }
        if next == token {
            break;
        }
        token = next;
    }
    Err(Error::Broken("a list of pages has no end".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[tokio::test]
    async fn every_page_is_read_once() {
        let all = pages(|token| async move {
            Ok(match token.as_str() {
                "" => (vec![1, 2], "a".to_owned()),
                "a" => (vec![3], "b".to_owned()),
                _ => (vec![], String::new()),
            })
        });
        assert_eq!(all.await.unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_list_that_goes_in_a_circle_is_refused() {
        let circle = pages(|_| async { Ok((vec![1], "again".to_owned())) });
        assert!(circle.await.is_err());
    }
}
