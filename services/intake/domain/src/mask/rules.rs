//! The rules of masking, each finding the stretches of a text that tell who a person is.

use super::{Known, Label};

/// A stretch to take out, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub from: usize,
    pub to: usize,
    pub label: Label,
}

/// A text as its characters, with full-width letters and digits read as plain ones.
pub(super) struct Text {
    pub chars: Vec<char>,
    plain: Vec<char>,
    /// A bit for each character that may occur: most of the words that are looked for do not.
    occur: [u64; 16],
}

impl Text {
    pub fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let plain: Vec<char> = chars.iter().map(|c| plain(*c)).collect();
        let mut occur = [0; 16];
        for c in &plain {
            let (word, bit) = place_of(*c);
            if let Some(word) = occur.get_mut(word) {
                *word |= bit;
            }
        }
        Self { chars, plain, occur }
    }

    fn may_occur(&self, character: char) -> bool {
        let (word, bit) = place_of(character);
        self.occur.get(word).is_some_and(|word| word & bit != 0)
    }

    pub fn slice(&self, from: usize, to: usize) -> &[char] {
        self.chars.get(from..to).unwrap_or_default()
    }

    fn at(&self, place: usize) -> Option<char> {
        self.plain.get(place).copied()
    }

    fn starts_with(&self, place: usize, word: &str) -> bool {
        word.chars().enumerate().all(|(nth, c)| self.at(place + nth) == Some(c))
    }

    /// The end of the run of such characters that begins here.
    fn run(&self, from: usize, is_part: impl Fn(char) -> bool) -> usize {
        let rest = self.plain.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|c| is_part(**c)).count()
    }

    fn finds(&self, word: &str) -> Vec<usize> {
        if !word.chars().all(|c| self.may_occur(c)) {
            return Vec::new();
        }
        (0..self.plain.len()).filter(|place| self.starts_with(*place, word)).collect()
    }
}

/// Which bit of which word stands for a character, and for others with the same last ten bits.
fn place_of(character: char) -> (usize, u64) {
    let low = u32::from(character) & 1023;
    ((low >> 6) as usize, 1 << (low & 63))
}

/// A full-width letter, digit or sign as the plain one.
fn plain(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '\u{3000}' => ' ',
        '—' | '–' | '‐' | '‑' => '-',
        other => other,
    }
}

/// The complainant's own name, document, address and phone.
pub(super) fn known(text: &Text, known: Known<'_>, spans: &mut Vec<Span>) {
    for (word, least, label) in
        [(known.name, 2, Label::Name), (known.address, 4, Label::Address), (known.id_number, 6, Label::Document)]
    {
        let word: String = word.trim().chars().map(plain).collect();
        if word.chars().count() < least {
            continue;
        }
        let length = word.chars().count();
        for place in 0..text.plain.len() {
            let is_there = word
                .chars()
                .enumerate()
                .all(|(nth, c)| text.at(place + nth).is_some_and(|found| found.eq_ignore_ascii_case(&c)));
            if is_there {
                spans.push(Span { from: place, to: place + length, label });
            }
        }
    }
    let phone: Vec<char> = known.phone.chars().map(plain).filter(char::is_ascii_digit).collect();
    if phone.len() >= 5 {
        spans.extend((0..text.plain.len()).filter_map(|place| digits_at(text, place, &phone)));
    }
}

/// These digits from here on, with spaces and dashes between them.
fn digits_at(text: &Text, from: usize, digits: &[char]) -> Option<Span> {
    let mut place = from;
    for (nth, digit) in digits.iter().enumerate() {
        while nth > 0 && matches!(text.at(place), Some(' ' | '-')) {
            place += 1;
        }
        if text.at(place) != Some(*digit) {
            return None;
        }
        place += 1;
    }
    Some(Span { from, to: place, label: Label::Phone })
}

/// One unbroken run of digits; the last sign of a document's number may be an X.
struct Group {
    from: usize,
    to: usize,
    digits: String,
}

/// Phones, documents, cards: by the number of digits and how they begin.
pub(super) fn numbers(text: &Text, spans: &mut Vec<Span>) {
    let groups = groups(text);
    let mut first = 0;
    while first < groups.len() {
        // The longest row of groups, each one sign apart, that is a number of a person.
        let found = (first..groups.len().min(first + 6)).rev().find_map(|last| {
            let row = groups.get(first..=last)?;
            let is_row = row.windows(2).all(|pair| matches!(pair, [a, b] if a.to + 1 == b.from));
            let digits: String = row.iter().map(|group| group.digits.as_str()).collect();
            let label = is_row.then(|| label_of(&digits, row)).flatten()?;
            Some((last, Span { from: row.first()?.from, to: row.last()?.to, label }))
        });
        match found {
            Some((last, mut span)) => {
                if span.from > 0 && text.at(span.from - 1) == Some('+') {
                    span.from -= 1;
                }
                spans.push(span);
                first = last + 1;
            }
            None => first += 1,
        }
    }
}

fn groups(text: &Text) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut place = 0;
    while place < text.plain.len() {
        let end = text.run(place, |c| c.is_ascii_digit());
        if end == place {
            place += 1;
            continue;
        }
        let mut digits: String = text.plain.get(place..end).unwrap_or_default().iter().collect();
        let mut to = end;
        if digits.len() >= 3 && matches!(text.at(end), Some('X' | 'x')) {
            digits.push('X');
            to += 1;
        }
        // Only spaces and dashes join groups; any other sign between them keeps them apart by more than one place.
        let joined =
            groups.last().is_none_or(|before| before.to + 1 != place || matches!(text.at(before.to), Some(' ' | '-')));
        if !joined {
            groups.push(Group { from: place, to: place, digits: String::new() });
        }
        groups.push(Group { from: place, to, digits });
        place = to;
    }
    groups
}

fn label_of(digits: &str, row: &[Group]) -> Option<Label> {
    let groups = row.len();
    let plain = digits.strip_suffix('X').unwrap_or(digits);
    if digits.len() == 18 && plain.chars().all(|c| c.is_ascii_digit()) {
        return Some(Label::Document);
    }
    // Any other X is a letter that happens to follow a number.
    let digits = plain;
    let length = digits.len();
    if digits.contains('X') {
        return None;
    }
    let mobile =
        |digits: &str| digits.len() == 11 && digits.starts_with('1') && digits.chars().nth(1).is_some_and(|c| c >= '3');
    let inner = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")).unwrap_or(digits);
    if mobile(digits) || mobile(inner) {
        return Some(Label::Phone);
    }
    if digits.starts_with('0') && (10..=12).contains(&length) && groups <= 2 {
        return Some(Label::Phone);
    }
    if groups == 1 && length >= 7 && !is_date(digits) {
        return Some(Label::Number);
    }
    // A card in groups of four; dates beside each other have groups of two.
    let in_fours = row.iter().rev().skip(1).all(|group| group.digits.len() == 4);
    (groups >= 4 && length >= 16 && in_fours).then_some(Label::Number)
}

fn is_date(digits: &str) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok());
    digits.len() == 8
        && part(0, 4).is_some_and(|year| (1900..2100).contains(&year))
        && part(4, 6).is_some_and(|month| (1..=12).contains(&month))
        && part(6, 8).is_some_and(|day| (1..=31).contains(&day))
}

const fn is_spoken_digit(c: char) -> bool {
    matches!(c, '〇' | '零' | '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '幺')
}

/// Numbers written in words: 一三八零….
pub(super) fn spoken_numbers(text: &Text, spans: &mut Vec<Span>) {
    let mut place = 0;
    while place < text.plain.len() {
        let end = text.run(place, is_spoken_digit);
        if end - place >= 7 {
            spans.push(Span { from: place, to: end, label: Label::Number });
        }
        place = end.max(place + 1);
    }
}

/// Mail addresses.
pub(super) fn mails(text: &Text, spans: &mut Vec<Span>) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    for at in text.finds("@") {
        let before = text.plain.get(..at).unwrap_or_default();
        let from = at - before.iter().rev().take_while(|c| is_part(**c)).count();
        let to = text.run(at + 1, is_part);
        if from < at && to > at + 1 {
            spans.push(Span { from, to, label: Label::Mail });
        }
    }
}

/// Accounts of messengers, where the text says that they are.
pub(super) fn accounts(text: &Text, spans: &mut Vec<Span>) {
    for cue in ["微信", "WeChat", "wechat", "QQ", "qq"] {
        for place in text.finds(cue) {
            let from = text.run(place + cue.chars().count(), |c| "号是为: ".contains(c));
            let to = text.run(from, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            if to - from >= 5 {
                spans.push(Span { from, to, label: Label::Account });
            }
        }
    }
}

/// Number plates.
pub(super) fn plates(text: &Text, spans: &mut Vec<Span>) {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
    for (from, province) in text.plain.iter().enumerate() {
        if !text.at(from + 1).is_some_and(|c| c.is_ascii_uppercase()) || !PROVINCES.contains(*province) {
            continue;
        }
        let gap = usize::from(matches!(text.at(from + 2), Some('·' | ' ' | '-')));
        let to = text.run(from + 2 + gap, |c| c.is_ascii_alphanumeric());
        if (5..=6).contains(&(to - from - 2 - gap)) {
            spans.push(Span { from, to, label: Label::Plate });
        }
    }
}

const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余于杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤俞倪庄费计盛凌诸";
const COMPOUND: [&str; 8] = ["欧阳", "上官", "司马", "诸葛", "夏侯", "东方", "皇甫", "慕容"];
/// Characters that follow a name rather than belong to it.
const AFTER_NAMES: &str = "住电的在是家现今因向反投举也说和与及男女岁于手身,。;:、!?. ()“”\n\r\t";

fn is_surname(character: char) -> bool {
    SURNAMES.contains(character)
}

fn is_han(character: char) -> bool {
    matches!(character, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

/// Names behind words that announce them.
pub(super) fn named(text: &Text, spans: &mut Vec<Span>) {
    for cue in ["我叫", "名叫", "姓名", "联系人", "投诉人", "举报人", "反映人", "申请人", "当事人", "业主"]
    {
        for place in text.finds(cue) {
            let from = text.run(place + cue.chars().count(), |c| "是为: ".contains(c));
            let surname = COMPOUND
                .iter()
                .find(|surname| text.starts_with(from, surname))
                .map(|_| 2)
                .or_else(|| text.at(from).filter(|c| is_surname(*c)).map(|_| 1));
            let Some(surname) = surname else { continue };
            let given = text.run(from + surname, |c| is_han(c) && !AFTER_NAMES.contains(c));
            let to = given.min(from + surname + 2);
            if to > from + surname {
                spans.push(Span { from, to, label: Label::Name });
            }
        }
    }
}

/// Names before forms of address: the longest that begins with a surname goes, the form of address stays.
pub(super) fn addressed(text: &Text, spans: &mut Vec<Span>) {
    for address in ["先生", "女士", "小姐", "大爷", "大妈", "大伯", "阿姨", "师傅", "同志", "老板", "某某"]
    {
        for place in text.finds(address) {
            let from = (1..=3.min(place)).rev().map(|back| place - back).find(|from| {
                text.at(*from).is_some_and(is_surname)
                    && text.plain.get(*from..place).unwrap_or_default().iter().all(|c| is_han(*c))
            });
            if let Some(from) = from {
                spans.push(Span { from, to: place, label: Label::Name });
            }
        }
    }
}

/// Homes, where the text says that somebody lives there: up to the next punctuation.
pub(super) fn homes(text: &Text, spans: &mut Vec<Span>) {
    const FARTHEST: usize = 40;
    for cue in ["家住", "住址", "住在", "居住于", "现住", "我家在", "户籍地", "户籍所在地"] {
        // What stands in place of a home that is gone already is not one.
        for from in text.finds(cue).into_iter().filter(|from| *from == 0 || text.at(from - 1) != Some('〔')) {
            let to = text.run(from, |c| !",。;!?\n\r、，；！？".contains(c)).min(from + FARTHEST);
            spans.push(Span { from, to, label: Label::Address });
        }
    }
}

/// Buildings, staircases and rooms: nobody sells barbecue in 3幢2单元502室.
pub(super) fn rooms(text: &Text, spans: &mut Vec<Span>) {
    let is_number =
        |c: char| c.is_ascii_digit() || (is_spoken_digit(c) && c != '幺') || matches!(c, '十' | '百' | '两');
    let is_place =
        |c: char| matches!(c, '幢' | '栋' | '号' | '楼' | '单' | '元' | '层' | '座' | '弄' | '室' | '-' | '#');
    let is_part = |c: char| is_number(c) || c.is_ascii_uppercase() || is_place(c);
    let mut place = 0;
    while place < text.plain.len() {
        let end = text.run(place, is_part);
        let from = (place..end).find(|nth| text.at(*nth).is_some_and(is_number));
        if let Some(from) = from {
            let chain: String = text.plain.get(from..end).unwrap_or_default().iter().collect();
            let is_numbered = |marker: &str| {
                chain.find(marker).is_some_and(|at| chain.get(..at).is_some_and(|before| before.ends_with(is_number)))
            };
            let goes_on = chain.split_once("号楼").is_some_and(|(_, behind)| behind.starts_with(is_number));
            if ["幢", "栋", "单元", "室"].into_iter().any(is_numbered) || (is_numbered("号楼") && goes_on) {
                spans.push(Span { from, to: end, label: Label::Address });
            }
        }
        place = end.max(place + 1);
    }
}
