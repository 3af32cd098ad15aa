//! 条款编号: how Chinese law numbers its articles. What is written so says nothing else: what is cited travels in events, and
//! a telephone or identity number must not be able to travel as an article.

/// The highest number of an article: four digits. 民法典, the longest code, ends with `第一千二百六十条`.
const LAST_ARTICLE: u32 = 9999;
/// The highest number of what stands behind an article: 之, 款, 项, 目.
const LAST_PART: u32 = 99;
/// The most digits all numbers of a citation have together; a mobile number has eleven.
const MOST_DIGITS: u32 = 8;
/// The longest Chinese numeral, in characters: `九千九百九十九`.
const MOST_SIGNS: usize = 7;

const DIGITS: &str = "零一二三四五六七八九";
const CHINESE: &str = "〇零一二三四五六七八九十百千";
const UNITS: [(u32, &str); 4] = [(1000, "千"), (100, "百"), (10, "十"), (1, "")];

/// True of `第八十三条`, also with `之一`, a paragraph (款), an item (项) and a point (目) behind it; and of `全文`, which
/// stands for a document without articles.
#[must_use]
pub fn is_article(text: &str) -> bool {
    if text == "全文" {
        return true;
    }
    let mut rest = Rest { text, digits: 0 };
    let is_numbered = rest.takes("第") && rest.takes_number(LAST_ARTICLE) && rest.takes("条");
    if !is_numbered || (rest.takes("之") && !rest.takes_number(LAST_PART)) {
        return false;
    }
    for sign in ["款", "项", "目"] {
        rest.takes_part(sign);
    }
    rest.text.is_empty() && rest.digits <= MOST_DIGITS
}

/// What is left to read, and how many digits were read.
#[derive(Clone, Copy)]
struct Rest<'t> {
    text: &'t str,
    digits: u32,
}

impl Rest<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        self.text.strip_prefix(sign).map(|rest| self.text = rest).is_some()
    }

    /// A number from 1 to `last`, in Arabic or in Chinese digits.
    fn takes_number(&mut self, last: u32) -> bool {
        let is_arabic = self.text.starts_with(|c: char| c.is_ascii_digit());
        let is_sign = |c: char| if is_arabic { c.is_ascii_digit() } else { CHINESE.contains(c) };
        let rest = self.text.trim_start_matches(is_sign);
        let number = &self.text[..self.text.len() - rest.len()];
        let number = if is_arabic { arabic(number) } else { chinese(number) };
        self.text = rest;
        self.digits = self.digits.saturating_add(number.and_then(u32::checked_ilog10).map_or(0, |log| log + 1));
        number.is_some_and(|number| (1..=last).contains(&number))
    }

    /// `第…款`, where the number may stand in brackets; nothing is taken where it is not there.
    fn takes_part(&mut self, sign: &str) {
        let mut ahead = *self;
        if !ahead.takes("第") {
            return;
        }
        let is_bracketed = ahead.takes("（") || ahead.takes("(");
        let is_number = ahead.takes_number(LAST_PART);
        let is_closed = !is_bracketed || ahead.takes("）") || ahead.takes(")");
        if is_number && is_closed && ahead.takes(sign) {
            *self = ahead;
        }
    }
}

/// At most four digits, without a zero before them.
fn arabic(number: &str) -> Option<u32> {
    if number.len() > 4 || number.starts_with('0') { None } else { number.parse().ok() }
}

/// A numeral as laws write it, `一百零一`: what reads as a number and is written again the same way.
fn chinese(numeral: &str) -> Option<u32> {
    if numeral.chars().count() > MOST_SIGNS {
        return None;
    }
    let (mut number, mut digit) = (0, None);
    for sign in numeral.chars() {
        match sign {
            '十' => number += 10 * digit.take().unwrap_or(1),
            '百' => number += 100 * digit.take().unwrap_or(1),
            '千' => number += 1000 * digit.take().unwrap_or(1),
            '〇' | '零' => {}
            _ => digit = DIGITS.chars().zip(0..).find(|(one, _)| *one == sign).map(|(_, value)| value),
        }
    }
    number += digit.unwrap_or(0);
    (number > 0 && spelled(number) == numeral.replace('〇', "零")).then_some(number)
}

/// A number below ten thousand as laws write it.
fn spelled(number: u32) -> String {
    let mut numeral = String::new();
    let mut has_gap = false;
    for (unit, sign) in UNITS {
        let digit = number / unit % 10;
        if digit == 0 {
            has_gap = !numeral.is_empty();
            continue;
        }
        if std::mem::take(&mut has_gap) {
            numeral.push('零');
        }
        // Ten to nineteen begin with their ten.
        if !(unit == 10 && digit == 1 && numeral.is_empty()) {
            numeral.extend(DIGITS.chars().nth(digit as usize));
        }
        numeral.push_str(sign);
    }
    numeral
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
            "第1260条第2款第12项第1目",
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
            "第八十三条、第八十四条",
            "全文见附件",
        ] {
            assert!(!is_article(other), "{other}");
        }
    }

    #[test]
    fn no_telephone_and_no_identity_number_can_be_spelled_as_an_article() {
        for number in [
            "第13800001111条",
            "第138000011条第11款",
            "第13800条",
            "第1380条之0001第1122款",
            "第1380条之1300第8000款",
            "第1391条之23第45款第67项第8目",
            "第330421条第19900101项第1234目",
            "第一三八〇〇〇〇一一条第一一款",
            "第一三九一条之二三第四五款",
            "第一千三百九十一条之二十三第四十五款第六十七项第八目",
            "第一千三百九十一条之23第四十五款第六十七项",
        ] {
            assert!(!is_article(number), "{number}");
        }
    }

    #[test]
    fn a_number_is_written_as_laws_write_it_or_it_is_none() {
        for numeral in
            ["十", "十九", "二十", "九十九", "一百", "一百零一", "一百〇一", "一百一十", "一千零一十", "九千九百九十九"]
        {
            assert!(is_article(&format!("第{numeral}条")), "{numeral}");
        }
        for numeral in [
            "零",
            "〇",
            "0",
            "0083",
            "一十",
            "十十",
            "一二",
            "一百一",
            "一百十",
            "一百零十",
            "百",
            "千",
            "一千一",
            "十百",
            "零一",
            "一零",
            "一百零零一",
            "八3",
            "8三",
            "九千九百九十九千",
            "一万",
        ] {
            assert!(!is_article(&format!("第{numeral}条")), "{numeral}");
        }
    }

    #[test]
    fn every_number_of_an_article_reads_back_as_it_is_written() {
        for number in 1..=LAST_ARTICLE {
            let numeral = spelled(number);
            assert_eq!(chinese(&numeral), Some(number), "{numeral}");
            assert!(is_article(&format!("第{numeral}条")) && is_article(&format!("第{number}条")), "{numeral}");
        }
    }
}
