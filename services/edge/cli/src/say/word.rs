//! Fixed words and sentences: headings, prefixes, hints. One line each, both languages side by side.

use super::Lang;

macro_rules! words {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        /// A word or sentence with nothing to fill in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word {
            $(#[doc = $zh] $name,)*
        }

        impl Word {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The words in a language.
            #[must_use]
            pub const fn text(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Self::$name, Lang::Zh) => $zh, (Self::$name, Lang::En) => $en,)*
                }
            }
        }
    };
}

words! {
    ColumnCase: "案号", "case";
    ColumnMatter: "事项", "matter";
    ColumnStage: "阶段", "stage";
    ColumnPlace: "地点", "place";
    ColumnRegistered: "登记时间", "registered";
    ColumnChannel: "渠道", "channel";
    ColumnUnit: "单位", "unit";
    ColumnOrder: "工单", "order";
    ColumnRole: "角色", "role";
    ColumnDuty: "职责", "duty";
    ColumnPerson: "承办人", "person";
    ColumnDue: "期限", "due";
    ColumnClock: "时钟", "clock";
    ColumnState: "状态", "state";
    ColumnPosition: "表态", "position";
    ColumnCitation: "依据", "citation";
    ColumnOperation: "联合执法", "operation";
    ColumnTime: "时间", "time";
    ColumnOfficers: "人员", "officers";
    ColumnCertificate: "执法证", "certificate";
    MayAct: "可以执法", "may act";
    ColumnCheck: "检查项", "check";
    ColumnResult: "结果", "result";
    ColumnCount: "数量", "count";
    ColumnService: "服务", "service";
    ColumnReason: "原因", "reason";
    ColumnPos: "位置", "position";
    ColumnConsumer: "听者", "consumer";
    ColumnProducer: "说者", "producer";
    Skip: "跳过", "skipping";
    DoctorWell: "一切正常", "all is well";
    AcceptLoss: "放弃已无处可寻的事件", "giving up what is nowhere:";
    ColumnItem: "事项编码", "item";
    ColumnName: "名称", "name";
    ColumnValidity: "有效期", "valid";
    ColumnRate: "比率", "rate";
    ColumnRound: "轮次", "round";
    ColumnNumerator: "分子", "numerator";
    ColumnDenominator: "分母", "denominator";
    ColumnPercent: "百分比", "percent";
    ColumnId: "编号", "id";
    ColumnTitle: "标题", "title";
    ColumnConsultation: "会商", "consultation";
    ColumnRung: "档次", "rung";
    AnswerBy: "答复期限", "answer by";
    ClockSuspect: "时间可疑, 计时器已停: xiezhi clock confirm", "the time is in doubt, timers stand still: xiezhi clock confirm";
    ConfirmTime: "确认时间", "confirming the time";
    TownOfThePlace: "属地镇（街道）", "town of the place";
    WithoutClerk: "登记即受理", "accepted on registration";
    Responded: "已响应", "responded";
    NotResponded: "未响应", "not responded";
    Resolved: "已解决", "resolved";
    NotResolved: "未解决", "not resolved";
    Satisfied: "满意", "satisfied";
    NotSatisfied: "不满意", "not satisfied";
    Shares: "份额", "Shares";
    Matched: "符合的事项", "Items that matched";
    NearMisses: "只差一点的事项", "Near misses";
    MissingFacts: "会改变结论的未知事实", "Unknown facts that would change the answer";
    Positions: "各单位意见", "Positions";
    Notices: "告知书", "Notices";
    MaskedText: "隐名文字", "the masked text";
    Inspection: "现场记录", "the inspection record";
    Evidence: "证据", "Evidence";
    Texts: "文字记录", "Texts";
    Explanation: "计算步骤", "Step by step";
    Excluded: "不计入的案件", "Left out";
    Nothing: "没有", "nothing";
    NotAllOfIt: "有的内容暂时没有取到, 请稍后再看", "not all of it could be had just now; look again a little later";
    More: "还有更多, 请加 --limit 或者筛选条件", "there are more; use --limit or a filter";
    Error: "错误", "error";
    Hint: "提示", "hint";
    NoCentre: "不知道连哪个中心", "which centre is meant?";
    NoCentreHint: "加 --data 目录 或 --server 网址, 或者设置 XIEZHI_DATA", "use --data DIR or --server URL, or set XIEZHI_DATA";
    UnreachableHint: "中心是否在运行? scripts/up 启动", "is the centre running? scripts/up starts one";
    AccountNeedsKey: "--account 和 --key 要一起用", "--account and --key go together";
    NoPack: "中心还没有配置包: xiezhi pack apply 目录", "the centre has no pack yet: xiezhi pack apply DIR";
    JourneyNeedsSimulated: "剧本要拨动时间, 只能在模拟时间的中心运行", "the journey turns time, which only a simulated centre allows";
    NotDone: "没有执行", "nothing was done";
    NeedsYes: "这一步不能撤销, 请加 --yes", "this cannot be undone; say --yes";
    NeedsYesText: "请先读过上面的文字, 无误再加 --yes", "read the text above; where it is right, say --yes";
    ConfirmText: "以上文字没有可识别个人的内容, 确认吗? [y/N] ", "nothing above tells who a person is. Right? [y/N] ";
    TextChanged: "文字刚刚被他人改动, 没有确认, 请再看一遍", "somebody has just changed the text; nothing was confirmed, look again";
    AccountKey: "账号公钥", "the public key of";
    ReplaceKey: "取代现有公钥, 账号", "replacing any public key of";
    ColumnTask: "待办", "task";
    ColumnSince: "起自", "since";
    ColumnAccount: "账号", "account";
    ColumnPurpose: "用途", "purpose";
    ColumnText: "含正文", "text";
    ColumnClosed: "办结时间", "closed";
    NotClosed: "未办结", "not closed yet";
    ColumnOrders: "工单数", "orders";
    ColumnBreaches: "超期数", "overdue";
    Usage: "命令写法有误", "the command line does not read";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::say::tests::is_chinese;

    #[test]
    fn every_word_speaks_both_languages() {
        for word in Word::ALL {
            assert!(is_chinese(word.text(Lang::Zh)), "{word:?}");
            assert!(!word.text(Lang::En).is_empty() && !is_chinese(word.text(Lang::En)), "{word:?}");
        }
    }
}
