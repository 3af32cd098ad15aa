//! 隐名: takes names, numbers and addresses of persons out of a text, by rule. What a rule cannot know a clerk takes out; so a text
//! masked here counts as unconfirmed. Rather a word too much is taken out than one too few.

use crate::mask::rules::{Span, Text};

mod rules;

/// What is known of the complainant, to be taken out wherever it stands.
#[derive(Clone, Copy, Default)]
pub struct Known<'text> {
    /// 姓名.
    pub name: &'text str,
    /// 电话.
    pub phone: &'text str,
    /// 证件号码.
    pub id_number: &'text str,
    /// 住址.
    pub address: &'text str,
}

/// What stands in place of what was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Name,
    Phone,
    Document,
    Address,
    Number,
    Mail,
    Account,
    Plate,
}

impl Label {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "〔姓名〕",
            Self::Phone => "〔电话〕",
            Self::Document => "〔证件号〕",
            Self::Address => "〔住址〕",
            Self::Number => "〔号码〕",
            Self::Mail => "〔邮箱〕",
            Self::Account => "〔账号〕",
            Self::Plate => "〔车牌〕",
        }
    }
}

/// The text without what would tell who a person is.
#[must_use]
pub fn mask(text: &str, known: Known<'_>) -> String {
    let read = Text::new(text);
    let mut spans: Vec<Span> = Vec::new();
    rules::known(&read, known, &mut spans);
    rules::numbers(&read, &mut spans);
    rules::spoken_numbers(&read, &mut spans);
    rules::mails(&read, &mut spans);
    rules::accounts(&read, &mut spans);
    rules::plates(&read, &mut spans);
    rules::named(&read, &mut spans);
    rules::addressed(&read, &mut spans);
    rules::homes(&read, &mut spans);
    rules::rooms(&read, &mut spans);
    replace(&read, spans)
}

/// Where spans overlap, all of them go, under the label of the first.
fn replace(read: &Text, mut spans: Vec<Span>) -> String {
    spans.sort_by(|one, other| one.from.cmp(&other.from).then(other.to.cmp(&one.to)));
    let mut masked = String::with_capacity(read.chars.len() * 3);
    let mut place = 0;
    let mut spans = spans.into_iter().peekable();
    while let Some(mut span) = spans.next() {
        while let Some(next) = spans.next_if(|next| next.from < span.to) {
            span.to = span.to.max(next.to);
        }
        masked.extend(read.slice(place, span.from));
        masked.push_str(span.label.as_str());
        place = span.to;
    }
    masked.extend(read.slice(place, read.chars.len()));
    masked
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        mask(text, Known::default())
    }

    #[test]
    fn numbers_of_persons_go_whatever_way_they_are_written() {
        for (text, expected) in [
            ("请打13805731234。", "请打〔电话〕。"),
            ("请打138-0573-1234。", "请打〔电话〕。"),
            ("13805731234x", "〔电话〕"),
            ("请打+86 138 0573 1234。", "请打〔电话〕。"),
            ("电话１３８０５７３１２３４", "电话〔电话〕"),
            ("座机0573-84021234转", "座机〔电话〕转"),
            ("身份证33042119800101123X", "身份证〔证件号〕"),
            ("身份证330421 19800101 1234", "身份证〔证件号〕"),
            ("电话84021234", "电话〔号码〕"),
            ("卡号6222 0212 0300 4567 891", "卡号〔号码〕"),
            ("一三八零五七三一二三四打我", "〔号码〕打我"),
            ("邮箱 zhang.san@example.cn 可联系", "邮箱 〔邮箱〕 可联系"),
            ("微信号：zhangsan_88", "微信号：〔账号〕"),
            ("QQ12345", "QQ〔账号〕"),
            ("车牌浙F12A45占道", "车牌〔车牌〕占道"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn dates_times_amounts_and_house_numbers_of_the_problem_stay() {
        for text in [
            "2026-03-01 22-23点, 烧烤摊在解放路12号门前",
            "20260301晚上10点半",
            "罚款500元, 面积120.5平方米, 3月2日",
            "西塘镇塘东街158号二楼烧烤店",
            "到村委会办公室反映过",
            "噪声65分贝, 超标10分贝",
            "2026-03-01 2026-03-02 两晚都有",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn names_go_where_something_says_they_are_names() {
        for (text, expected) in [
            ("我叫张三, 住在附近", "我叫〔姓名〕, 〔住址〕"),
            ("联系人：欧阳小明，电话", "联系人：〔姓名〕，电话"),
            ("隔壁的王先生也受影响", "隔壁的〔姓名〕先生也受影响"),
            ("李小红女士说", "〔姓名〕女士说"),
            ("烧烤店老板不听", "烧烤店老板不听"),
            ("许老板不听", "〔姓名〕老板不听"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn homes_go_and_the_place_of_the_problem_stays() {
        for (text, expected) in [
            ("南苑小区3幢2单元502室噪声很大", "南苑小区〔住址〕噪声很大"),
            ("家住罗星街道某路8号，楼下烧烤", "〔住址〕，楼下烧烤"),
            ("我住址：魏塘街道施家路1号。", "我〔住址〕。"),
            ("5号楼1203也听得到", "〔住址〕也听得到"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn what_is_known_of_the_complainant_goes_wherever_it_stands() {
        let known =
            Known {
                name: "陈某某", phone: "8402 123", id_number: "33042119800101123x", address: "西塘镇朝南埭1号"
            };
        let text = "陈某某反映: 西塘镇朝南埭1号门口油烟, 打8402123, 证件33042119800101123X, 陈某某。";
        let masked = mask(text, known);
        for gone in ["陈某某", "朝南埭", "8402123", "3304211980"] {
            assert!(!masked.contains(gone), "{masked}");
        }
        assert!(masked.contains("门口油烟"));
    }

    #[test]
    fn nothing_known_takes_nothing_out() {
        assert_eq!(masked(""), "");
        assert_eq!(mask("油烟很大", Known { name: "", phone: "", id_number: "", address: "" }), "油烟很大");
        // A name of one character would take half the text with it.
        assert_eq!(mask("高楼下的高音喇叭", Known { name: "高", ..Known::default() }), "高楼下的高音喇叭");
    }

    proptest! {
        #[test]
        fn no_mobile_number_survives(
            before in "[油烟噪声,。 a-z]{0,12}", after in "[油烟噪声,。 a-z]{0,12}",
            number in "1[3-9][0-9]{9}", gap in prop_oneof![Just(""), Just("-"), Just(" ")],
        ) {
            let written = format!("{}{gap}{}{gap}{}", &number[..3], &number[3..7], &number[7..]);
            let masked = masked(&format!("{before}{written}{after}"));
            prop_assert!(!masked.contains(&number[3..7]), "{}", masked);
            prop_assert!(masked.contains('〔'));
        }

        #[test]
        fn masking_never_fails_and_twice_is_once(text in "\\PC{0,80}") {
            let once = masked(&text);
            prop_assert_eq!(masked(&once), once);
        }

        #[test]
        fn the_complainants_name_never_survives(before in "\\PC{0,20}", name in "[张王李赵陈][一-龥]{1,2}", after in "\\PC{0,20}") {
            let text = format!("{before}{name}{after}");
            let masked = mask(&text, Known { name: &name, ..Known::default() });
            prop_assert!(!masked.contains(&name), "{}", masked);
        }
    }
}
