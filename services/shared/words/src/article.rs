//! 条款编号: how Chinese law numbers its articles. What is written so says nothing else.

/// The longest number, in digits: `一千二百六十` has six.
const MOST_DIGITS: usize = 9;

/// True of `第八十三条`, also with `之一`, a paragraph (款), an item (项) and a point (目) behind it; and of `全文`, which
/// stands for a document without articles.
#[must_use]
pub fn is_article(text: &str) -> bool {
    if text == "全文" {
        return true;
    }
    let mut rest = Rest(text);
    let is_numbered = rest.takes("第") && rest.takes_number() && rest.takes("条");
    if !is_numbered || (rest.takes("之") && !rest.takes_number()) {
        return false;
    }
    for sign in ["款", "项", "目"] {
        rest.takes_part(sign);
    }
    rest.0.is_empty()
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        self.0.strip_prefix(sign).map(|rest| self.0 = rest).is_some()
    }

    fn takes_number(&mut self) -> bool {
        let is_digit = |c: char| c.is_ascii_digit() || "〇零一二三四五六七八九十百千".contains(c);
        let digits = self.0.chars().take_while(|c| is_digit(*c)).count();
        self.0 = self.0.trim_start_matches(is_digit);
        (1..=MOST_DIGITS).contains(&digits)
    }

    /// `第…款`, where the number may stand in brackets; nothing is taken where it is not there.
    fn takes_part(&mut self, sign: &str) {
        let mut ahead = *self;
        if !ahead.takes("第") {
            return;
        }
        let is_bracketed = ahead.takes("（") || ahead.takes("(");
        let is_number = ahead.takes_number();
        let is_closed = !is_bracketed || ahead.takes("）") || ahead.takes(")");
        if is_number && is_closed && ahead.takes(sign) {
            *self = ahead;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn an_article_is_a_number_and_nothing_else_fits() {
        for article in [
            "第八十三条",
            "第83条",
            "第一千二百六十条",
            "第十七条之一",
            "第十条第一款",
            "第十条第二款第三项",
            "第十条第（四）项",
            "第十条第一款第(四)项第2目",
            "全文",
        ] {
            assert!(is_article(article), "{article}");
        }
        for other in [
            "",
            "八十三条",
            "第条",
            "第八十三",
            "第八十三条举报人张三",
            "张三第八十三条",
            "第八十三条 ",
            "第十条之",
            "第十条第三项第一款",
            "第十条第（四项",
            "第13800001111条",
            "第八十三条、第八十四条",
            "全文见附件",
        ] {
            assert!(!is_article(other), "{other}");
        }
    }
}
