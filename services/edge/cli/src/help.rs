//! Help in the reader's language: the words beside the verbs are English, their Chinese is here.

use clap::{Arg, ArgAction, Command};

use crate::say::Lang;

/// The English of a help text and its Chinese.
const CHINESE: &[(&str, &str)] = &[
    ("Cases: from registration to the answer", "案件: 从登记到答复"),
    ("The centre's diagnosis before acceptance", "受理前的门诊诊断"),
    ("What the lists say of a case, with the proof", "清单对案件的认定, 附依据"),
    ("Disputes about who is responsible", "会商: 职责有争议时"),
    ("Work orders: each unit's share of a case", "工单: 各单位在案件中的份额"),
    ("Joint operations", "联合执法"),
    ("Officers and their certificates", "执法人员与执法证"),
    ("Reminders, urgings and supervision orders", "提醒、催办与督办单"),
    ("Clocks of cases, and the time of a simulated centre", "案件时钟, 以及模拟中心的时间"),
    ("Closing proofs", "结案证明"),
    ("Call-backs to complainants", "回访信访人"),
    ("Response, resolution and satisfaction", "三率: 响应率、解决率、满意率"),
    ("The power and responsibility lists", "权力清单与责任清单"),
    ("Stories that run through the public API", "剧本: 通过公开接口走完的故事"),
    ("Check the invariants through public APIs", "通过公开接口核验不变量"),
    ("Say in words what is wrong with the centre and what to do", "体检: 用文字说明中心哪里不对, 该怎么办"),
    ("The bus behind the services", "服务背后的消息总线"),
    ("County packs", "县域配置包"),
    ("Accounts of departments, towns and the centre", "部门、镇街与中心的账号"),
    (
        "No token of it counts any more, and its open streams end within a minute",
        "停用: 令牌一律失效, 已开的数据流一分钟内断开",
    ),
    ("The account, e.g. ZF.handler", "账号, 如 ZF.handler"),
    ("Completions for a shell, on stdout", "命令行补全脚本, 输出到标准输出"),
    ("The shell", "哪种 shell"),
    ("The case: JS-2026-000123, or its UUID", "案号 JS-2026-000123, 或者 UUID"),
    ("At most so many", "最多多少条"),
    ("A page of cases, newest first", "案件列表, 新的在前"),
    ("One case as it stands", "一件案件的现状"),
    ("Register a complaint", "登记一件诉求"),
    ("Take a case on, and with a head every member of its cluster", "受理; 牵头件连同同一问题的各件一并受理"),
    ("Decline a case by a rule of the pack", "按配置包的规则不予受理"),
    ("Hand a case to the authority whose it is", "转送有权处理的机关"),
    ("Note the other authority's receipt", "登记对方的回执"),
    ("The other authority's own number", "对方的文号"),
    ("Take a case back from the authority it was handed to", "对方退回, 重新登记"),
    ("Why it came back", "退回的原因"),
    ("The complainant takes the request back", "信访人撤回"),
    ("Join a later case to an earlier one", "把后来的案件并入先前的案件"),
    ("The earlier case", "先前的案件"),
    ("How they relate", "两件的关系"),
    ("Answer open questions of a determination", "补充认定所缺的事实"),
    ("Facts, e.g. premises.licensed=true", "事实, 如 premises.licensed=true"),
    ("Earlier cases that may belong together with this one", "可能属于同一件的先前案件"),
    ("Title and body with persons taken out", "隐名的标题与正文"),
    (
        "Confirm the text with persons taken out, or correct it; what is not typed is shown and asked for",
        "确认隐名文字, 或者更正; 没有写明的先显示再询问",
    ),
    ("The corrected title; as it stands where it is left out", "更正后的标题; 不写则照现有文字"),
    ("The corrected body; as it stands where it is left out", "更正后的正文; 不写则照现有文字"),
    ("A file with the corrected body", "更正后的正文所在的文件"),
    (
        "Destroy the complainant's key: identity and written text can never be read again",
        "销毁信访人的密钥: 身份与原文永远不能再读",
    ),
    ("What the complainant was told", "给信访人的告知"),
    ("Open the complainant's identity; the audit is written first", "查看信访人身份; 先记审计"),
    ("What for", "用途"),
    ("Why, in words", "文字说明原因"),
    ("Title and body as they were written, too", "连同原始标题与正文"),
    ("All that happened, over all five services", "五个服务里发生的一切"),
    ("Clocks that stop and other small print, too", "连同停止计时等细节"),
    ("Progress by tracking code, as the public sees it", "按查询码查进度, 即公众看到的"),
    ("The tracking code", "查询码"),
    ("Only this stage", "只看这个阶段"),
    ("Only this town (9 digits) or village (12 digits)", "只看这个镇 (9 位) 或者村 (12 位)"),
    ("Only this matter", "只看这个事项"),
    ("Only this way in", "只看这个渠道"),
    ("Only cases that stand alone or are heads", "只看单独件与牵头件"),
    ("The title", "标题"),
    ("The body", "正文"),
    ("A file with the body", "正文所在的文件"),
    ("A matter of the pack; may be repeated", "配置包里的事项; 可以重复"),
    ("Town (9 digits) or village (12 digits) of the problem", "问题所在的镇 (9 位) 或者村 (12 位)"),
    ("The kind of object, from the pack", "配置包里的对象类型"),
    ("A fact, e.g. dwelling.above=true; may be repeated", "事实, 如 dwelling.above=true; 可以重复"),
    ("The way in", "渠道"),
    ("How urgent", "紧急程度"),
    ("The day of the act; today where it is left out", "行为发生日; 不写为今天"),
    ("The complainant's name", "信访人姓名"),
    ("The complainant's telephone number", "信访人电话"),
    ("The complainant's identity document", "信访人证件号码"),
    ("The complainant's address", "信访人住址"),
    ("The title with persons taken out; made by rule where it is left out", "隐名标题; 不写由规则生成"),
    ("The body with persons taken out; made by rule where it is left out", "隐名正文; 不写由规则生成"),
    ("The unit accused, of a denunciation", "检举控告的被反映单位"),
    ("How it will be handled; the diagnosis's where it is left out", "办理方式; 不写按诊断"),
    ("On which track; the diagnosis's where it is left out", "办理途径; 不写按诊断"),
    ("The pack's rule", "配置包里的规则"),
    ("What a person weighed, where the rule asks for it", "人工研判的理由, 规则要求时填写"),
    ("The item of the list", "清单事项"),
    ("The law", "法律名称"),
    ("The article", "条款"),
    ("What the lists and the asked units say", "清单与被询单位的意见"),
    ("An asked unit answers", "被询单位答复"),
    ("Whose it is", "是否属于本单位"),
    ("The reasons", "理由"),
    ("End the diagnosis; silence is recorded", "结束诊断; 未答复的记为未答复"),
    ("A note", "备注"),
    ("Who owes what, and what that rests on", "谁负什么责, 依据是什么"),
    ("Consultations, newest first", "会商列表, 新的在前"),
    ("Only open ones", "只看未完结的"),
    ("One consultation with the positions taken", "一次会商与各方表态"),
    ("The consultation, or its case", "会商编号, 或者案件"),
    ("Take a position", "表态"),
    ("End a consultation with a binding ruling", "以有约束力的裁定结束会商"),
    (
        "A share, the lead first: UNIT:DUTY:ITEM, e.g. ZF:punish:PI012; may be repeated",
        "份额, 牵头的写在前: 单位:职责:事项, 如 ZF:punish:PI012; 可以重复",
    ),
    ("The grounds", "理由"),
    ("How far it reaches as a precedent", "作为先例的适用范围"),
    ("The order: CASE/UNIT, e.g. JS-2026-000123/HB, or its UUID", "工单: 案号/单位, 如 JS-2026-000123/HB, 或者 UUID"),
    ("Work orders in the order of dispatch", "工单列表, 按派单先后"),
    ("Only of this case", "只看这件案件的"),
    ("Only of this unit", "只看这个单位的"),
    ("One work order with what was written about it", "一件工单与往来文字"),
    (
        "Every change of a unit's orders, and then as they happen; as JSON one document a line",
        "单位工单的每次变化, 随后实时显示; JSON 为每行一份",
    ),
    ("The last position that was seen", "已经看到的位置"),
    ("End after so many changes; goes on for ever where it is left out", "看到这么多次变化就结束; 不写则一直看下去"),
    ("Another person of the same unit answers for it", "改派给本单位的另一人"),
    ("The person, a code of the pack", "承办人, 配置包里的代码"),
    ("That person's post; the first where it is left out", "承办人的岗位; 不写为其第一个岗位"),
    ("Acknowledge", "签收"),
    ("Object, with a cited reason, within five working days", "五个工作日内提出异议, 须引用依据"),
    ("Decide an objection", "审查异议"),
    ("The unit is right", "单位的异议成立"),
    (
        "Give what an operation left to a unit, and cannot be sent to it, to another one, or end it",
        "后续处置了结: 联合行动留给某单位而派不出去的处置, 改交其他单位, 或者予以终止",
    ),
    (
        "Whose: the case and the unit it was meant for, e.g. JS-2026-000123/WL",
        "谁的: 案号与原定的单位, 如 JS-2026-000123/WL",
    ),
    (
        "The operation that left it, its UUID; the one that waits where it is left out",
        "留下该处置的联合行动, 写 UUID; 不写为尚在等待的那一次",
    ),
    ("The unit that takes it; it is ended where this is left out", "接办的单位; 不写则予以终止"),
    (
        "An item on which that unit acts, where not on those it was meant to rest on; may be repeated",
        "接办单位所依据的事项, 与原定事项不同时写明; 可以重复",
    ),
    ("Report progress", "报告进展"),
    ("What was done", "做了什么"),
    ("Complete, with evidence", "办结, 附证据"),
    ("What came of it", "办理结果"),
    ("A file of evidence; may be repeated", "证据文件; 可以重复"),
    ("The lead cannot solve the case alone", "牵头单位提请联合执法"),
    ("several_duties, duties_connect or one_object_checks", "several_duties、duties_connect 或者 one_object_checks"),
    ("Why", "原因"),
    ("Another unit to invite; may be repeated", "另外邀请的单位; 可以重复"),
    ("The lead concludes the case and writes the reply", "牵头单位作出结论并写答复"),
    ("supported, explained or not_supported", "supported、explained 或者 not_supported"),
    ("The reply to the complainants", "给信访人的答复"),
    ("The operation, or its case", "联合行动编号, 或者案件"),
    ("What is done on the spot", "现场做什么"),
    ("An urgent situation", "情况紧急"),
    ("How many minutes it takes; the pack's default where it is left out", "用时多少分钟; 不写按配置包"),
    ("Not before this moment, Beijing time", "不早于此刻 (北京时间)"),
    ("Exactly at this moment, Beijing time", "恰在此刻 (北京时间)"),
    ("Why, a code", "原因代码"),
    ("Operations, newest proposal first", "联合行动列表, 新提出的在前"),
    ("Only with this unit", "只看有这个单位的"),
    ("One operation with its record", "一次联合行动与现场记录"),
    ("What an approval would fix now; changes nothing", "如果批准会怎样排; 不作任何改变"),
    ("Approve, and fix the earliest lawful slot", "批准, 并排定最早的合法时段"),
    ("Reject; the case goes back to a person", "不予批准; 案件交回人工"),
    ("A unit will come", "单位确认参加"),
    ("The unit, where the centre speaks for it", "单位代码, 中心代为操作时填写"),
    ("A unit will not come", "单位不参加"),
    ("Send other officers; every hard rule is checked", "调整人员; 硬性规则逐条核对"),
    ("Who comes; may be repeated, the planner chooses where it is left out", "参加人员; 可以重复, 不写由系统挑选"),
    ("Plan again, and ask every unit again", "改期: 重新排定, 重新征求各单位确认"),
    ("Officers and assistants with their certificates", "执法人员与辅助人员及其执法证"),
    ("The officer, a person of the pack, e.g. ZF-O01", "执法人员, 配置包里的代码, 如 ZF-O01"),
    (
        "Note a certificate as it is from now on; it counts at the next check-in",
        "登记执法证现况; 下次到场登记即据此核对",
    ),
    ("Its number", "执法证号"),
    ("From now on the officer is refused everywhere", "暂停执法; 从现在起一律不得参加"),
    ("The officer may act again", "恢复执法"),
    ("Note who is there; the hard rules are checked again", "登记到场人员; 硬性规则再次核对"),
    ("An officer who is there; may be repeated", "到场人员; 可以重复"),
    ("Begin, once every enforcing body is there", "各执法主体到齐后开始"),
    ("Add an entry to the record of what happened on the spot", "增加一条现场记录"),
    (
        "What a body found: UNIT:violation, UNIT:no_violation or UNIT:rectified_on_spot; may be repeated",
        "各主体的发现: 单位:violation、no_violation 或者 rectified_on_spot; 可以重复",
    ),
    ("A form that was filled in; may be repeated", "填写的文书; 可以重复"),
    ("What was seen and done", "看到什么、做了什么"),
    ("End it; each body gets its own follow-up", "结束; 各主体各自后续处理"),
    (
        "A follow-up, UNIT:DUTY:ITEM, e.g. ZF:punish:PI012; may be repeated",
        "后续处理, 单位:职责:事项, 如 ZF:punish:PI012; 可以重复",
    ),
    ("A summary", "小结"),
    ("Cancel; everybody is free again", "取消; 人员车辆全部释放"),
    ("What was served, newest first", "已送达的督办, 新的在前"),
    ("Only on this unit", "只看对这个单位的"),
    ("Only those that wait for an answer", "只看等待答复的"),
    ("Answer one", "答复一件"),
    ("The supervision order", "督办单编号"),
    ("The answer", "答复内容"),
    ("Clocks that run, the nearest first", "在走的时钟, 先到期的在前"),
    ("Only this unit's", "只看这个单位的"),
    ("Every clock of a case, with how its due date was counted", "案件的全部时钟与到期日的算法"),
    ("Extend once, as the head of the unit that owes it", "延期一次, 由承办单位负责人批准"),
    ("By how much, in the unit of the rule's extension", "延长多少, 单位按规则"),
    ("Why; the complainant reads it", "原因; 信访人会看到"),
    ("Pause, for one of the reasons the rule lists", "中止计时, 须是规则列明的原因"),
    ("Let a paused clock run again", "恢复计时"),
    (
        "Which clock: its rule, its name or its kind, as `clock show` shows them",
        "哪个时钟: 规则、名称或者种类, 见 clock show",
    ),
    ("What time it is in each service, and what is due next", "各服务现在几点, 下一个到期在何时"),
    (
        "A person has found the time right after it jumped; timers fire again",
        "时间跳变之后, 人工核对无误, 计时器恢复触发",
    ),
    ("Turn the time of a simulated centre", "拨动模拟中心的时间"),
    (
        "To this moment, Beijing time: 2026-03-06, or \"2026-03-06 20:00\"",
        "拨到此刻 (北京时间): 2026-03-06, 或者 \"2026-03-06 20:00\"",
    ),
    ("By so much: 3d, 4h, \"2 workdays\"", "往后拨: 3d、4h、\"2 workdays\""),
    ("A due date and its explanation; needs no centre", "到期日与说明; 不需要中心"),
    ("The day, or the moment, it counts from", "起算的日期或者时刻"),
    ("How many; the rule's where it is left out", "数量; 不写按规则"),
    (
        "Of what: minute, hour, workhour, day, workday; the rule's where it is left out",
        "单位: minute、hour、workhour、day、workday; 不写按规则",
    ),
    ("A clock rule of the pack", "配置包里的期限规则"),
    ("The pack with calendar and rules", "提供日历与规则的配置包"),
    ("Closing proofs, the longest waiting first", "结案证明列表, 等得最久的在前"),
    ("Only this state; the undecided ones where it is left out", "只看这个状态; 不写为未决的"),
    ("One closing proof", "一份结案证明"),
    ("Approve, as a second unit", "以第二单位身份通过"),
    ("Refuse; a share goes back to its holder", "退回; 一个份额回到承办单位"),
    ("The share: a unit of the case, or the order's UUID", "退回的份额: 案件里的单位, 或者工单 UUID"),
    (
        "evidence_insufficient, not_resolved, place_differs, reply_incomplete or procedure",
        "evidence_insufficient、not_resolved、place_differs、reply_incomplete 或者 procedure",
    ),
    ("Whom to call, in the order of the draw", "回访名单, 按抽签次序"),
    ("Only this state; those that wait where it is left out", "只看这个状态; 不写为待回访的"),
    ("Record a call", "登记一次回访"),
    ("The call-back, or its case", "回访编号, 或者案件"),
    ("Nobody could be reached", "未接通"),
    ("The complainant was contacted", "已联系信访人"),
    ("The problem is solved", "问题已解决"),
    ("The complainant is satisfied", "信访人满意"),
    ("Decide a second dissatisfaction", "甄别第二次不满意"),
    ("The complainant is right", "信访人有理"),
    ("The three rates with their denominators", "三率及其分母"),
    ("Only this unit", "只看这个单位"),
    ("The first day", "第一天"),
    ("The last day", "最后一天"),
    ("Items of the lists", "清单事项列表"),
    ("Only about this matter", "只看有关这个事项的"),
    ("Valid on this day", "在这一天有效"),
    ("Only this list", "只看这份清单"),
    ("The journeys of the pack", "配置包里的剧本"),
    ("Play a journey and check its outcome", "走一个剧本并核对结果"),
    ("Its name", "剧本名称"),
    ("On the running centre, even if the journey turns its time", "在正在运行的中心走, 即使要拨动时间"),
    ("Read it from this file instead of the pack", "从这个文件读, 不从配置包读"),
    ("How long the centre may take to come to rest, in seconds", "等中心静下来最多多少秒"),
    (
        "A file of commands that clients know to be answered, one \"service command_id\" a line",
        "客户端确知已获答复的命令, 每行 \"服务 命令编号\"",
    ),
    ("Events that wait for an earlier fact or for a person", "等待先前事实或者等人处理的事件"),
    ("How far each consumer has come", "各消费者听到哪里"),
    ("Bring a service forward whose database was restored to an earlier time", "恢复数据库被还原到早先时刻的服务"),
    ("Cases that wait for a person after a recovery", "恢复之后待人工核对的事项"),
    ("The service", "服务"),
    (
        "Go on without the events that are nowhere; every case that rests on them waits for a person",
        "放弃已无处可寻的事件, 与之有关的事项一律待人工核对",
    ),
    ("Settled ones as well", "连同已核对的"),
    ("Say that a case was put right; the bus goes on with it", "报告某件已核对, 总线继续处理它"),
    ("CONSUMER/PRODUCER/KEY, as `bus diverged list` shows it", "消费者/生产者/键, 见 bus diverged list"),
    ("What was done about it; kept in the audit", "如何处理的; 记入审计"),
    ("What waits, and why", "谁在等, 为什么"),
    ("Decided ones as well", "连同已处理的"),
    ("Try one again now", "现在重试"),
    ("Leave one out for ever", "永远跳过"),
    ("CONSUMER/PRODUCER/POSITION, as `bus parked list` shows it", "消费者/生产者/位置, 见 bus parked list"),
    ("Why; kept in the audit", "原因; 记入审计"),
    ("Read a pack and tell every mistake; needs no centre", "读配置包并指出每一处错误; 不需要中心"),
    ("Its directory", "目录"),
    ("Put a pack in force in all five services", "让配置包在五个服务生效"),
    ("What a pack would change", "配置包会改变什么"),
    (
        "Another directory to compare with; the pack in force where it is left out",
        "与另一个目录比较; 不写则与生效的配置包比较",
    ),
    (
        "Make a key pair: the private half into a new file, the public half on the screen; needs no centre",
        "生成密钥对: 私钥存入新文件, 公钥显示在屏幕上; 不需要中心",
    ),
    ("The file that is made for the private key, readable by its owner alone", "存放私钥的新文件, 仅本人可读"),
    ("Enrol an account's public key, in place of an earlier one", "登记账号的公钥, 取代原有的"),
    (
        "The Ed25519 public key, 64 hexadecimal digits, as `account new-key` prints it",
        "Ed25519 公钥, 64 位十六进制, 见 account new-key",
    ),
    ("Who opened which complainant's identity, newest first", "谁查看过哪位信访人的身份, 新的在前"),
    ("Only by this account", "只看这个账号的"),
    ("The reply that the lead wrote", "牵头单位写的答复"),
    ("The round of handling; the latest where it is left out", "第几轮办理; 不写为最近一轮"),
    ("One call-back with what was found out", "一次回访与结果"),
    ("The call-back", "回访编号"),
    (
        "The rounds of handling that stand behind the rates; where no day is named, also those that are not closed yet",
        "三率背后的每一轮办理; 不写日期则连同未办结的",
    ),
    ("Only rounds that this unit led", "只看这个单位牵头的"),
    ("Only rounds that ended on or after this day", "只看这一天及以后办结的"),
    ("Only rounds that ended on or before this day", "只看这一天及以前办结的"),
    ("Whose time is taken, in the order of beginning", "谁的时间已被占用, 按开始先后"),
    ("Only of this unit's people and things", "只看这个单位的人员和车辆器材"),
    ("Only of this officer or thing, a code of the pack", "只看这名人员或者这件器材, 配置包里的代码"),
    (
        "Only those that end after this moment, Beijing time; now where it is left out",
        "只看此刻 (北京时间) 以后结束的; 不写为现在",
    ),
    ("Only those that begin before this moment, Beijing time", "只看此刻 (北京时间) 以前开始的"),
    ("Those that were released, too", "连同已释放的"),
    ("What the lists would say of these facts; changes nothing", "按这些事实试算; 不作任何改变"),
    (
        "The day on which the items must be valid; the day of the act where it is left out",
        "事项须在哪一天有效; 不写为行为发生日",
    ),
    ("Rulings that route like cases", "先例: 同类案件照此分流"),
    ("Rulings that route like cases, newest first", "先例列表, 新的在前"),
    ("Only those that still route cases", "只看仍在适用的"),
    ("What people have to do next", "待办: 接下来该由谁做什么"),
    ("Open tasks over all services, what is due first", "各服务的待办, 先到期的在前"),
    ("The centre's address, e.g. http://127.0.0.1:7000", "中心的网址, 如 http://127.0.0.1:7000"),
    ("The data directory of a centre on this machine", "本机中心的数据目录"),
    ("A token to call with", "调用所用的令牌"),
    ("The account to call as, with its key", "以哪个账号调用, 须有密钥"),
    ("The account's Ed25519 private key", "账号的 Ed25519 私钥"),
    (
        "Act as an account of the pack, where this machine may give out its token",
        "以配置包里的账号行事, 本机能发令牌时可用",
    ),
    ("The authority that signed the centre's certificate", "签发中心证书的机构"),
    ("The language of the screen", "界面语言"),
    ("How answers are printed", "答复的输出方式"),
    ("Answer every question with yes", "所有询问都答是"),
    ("Joint enforcement coordination of a county", "县级联合执法指挥协调"),
    ("For people", "给人看"),
    ("One JSON document; where answers come over time, one a line", "一份 JSON; 答复陆续到来的, 每行一份"),
];

/// The Chinese of an English help text, where there is one.
fn chinese(english: &str) -> Option<&'static str> {
    CHINESE.iter().find(|(known, _)| *known == english).map(|(_, chinese)| *chinese)
}

/// How help is laid out in Chinese; clap's own headings are English.
const LAYOUT: &str = "{about-with-newline}\n用法: {usage}\n\n{all-args}{after-help}";

/// A command with its help, and that of everything below it, in a language.
#[must_use]
pub fn localised(command: Command, lang: Lang) -> Command {
    if lang == Lang::En {
        return command;
    }
    let version = command.get_version().is_some().then(|| {
        Arg::new("version").short('V').long("version").action(ArgAction::Version).help("显示版本").help_heading("选项")
    });
    let command = in_chinese(command);
    match version {
        Some(version) => command.disable_version_flag(true).arg(version),
        None => command,
    }
}

fn in_chinese(command: Command) -> Command {
    let about = command.get_about().and_then(|about| chinese(&about.to_string()));
    let command = match about {
        Some(about) => command.about(about),
        None => command,
    };
    let command = command.mut_args(|argument| {
        let heading = if argument.is_positional() { "参数" } else { "选项" };
        let help = argument.get_help().and_then(|help| chinese(&help.to_string()));
        let argument = argument.help_heading(heading);
        match help {
            Some(help) => argument.help(help),
            None => argument,
        }
    });
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help("显示帮助").help_heading("选项");
    command
        .help_template(LAYOUT)
        .subcommand_help_heading("命令")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .arg(help)
        .mut_subcommands(in_chinese)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::say::tests::is_chinese;

    /// What a command tree says that is not Chinese.
    fn foreign(command: &Command, found: &mut BTreeSet<String>) {
        let texts = command
            .get_about()
            .into_iter()
            .chain(command.get_arguments().filter_map(clap::Arg::get_help))
            .map(ToString::to_string);
        // Lists of codes are the same in every language.
        found.extend(texts.filter(|text| !is_chinese(text)));
        command.get_subcommands().for_each(|inner| foreign(inner, found));
    }

    #[test]
    fn every_help_text_has_its_chinese() {
        let mut found = BTreeSet::new();
        foreign(&localised(crate::Cli::command(), Lang::Zh), &mut found);
        assert_eq!(found, BTreeSet::new());
    }

    #[test]
    fn help_is_laid_out_in_chinese() {
        let command = localised(crate::Cli::command(), Lang::Zh);
        let help = command.try_get_matches_from(["xiezhi", "case", "accept", "--help"]).unwrap_err().to_string();
        for expected in ["用法: ", "参数:", "选项:", "显示帮助", "办理方式"] {
            assert!(help.contains(expected), "{help}");
        }
        for foreign in ["Usage", "Options", "Arguments", "Print help"] {
            assert!(!help.contains(foreign), "{help}");
        }
    }

    #[test]
    fn every_help_text_has_its_english() {
        let mut found = BTreeSet::new();
        foreign(&localised(crate::Cli::command(), Lang::En), &mut found);
        assert!(found.len() > 150, "only {} texts are English", found.len());
        let known: BTreeSet<&str> = CHINESE.iter().map(|(english, _)| *english).collect();
        assert_eq!(known.len(), CHINESE.len(), "a text stands twice");
        let unused: Vec<&&str> = known.iter().filter(|text| !found.contains(**text)).collect();
        assert!(unused.iter().all(|text| is_general(text)), "{unused:?}");
    }

    /// Words that stand beside values, which a walk over arguments does not meet.
    fn is_general(text: &str) -> bool {
        ["For people", "One JSON document; where answers come over time, one a line"].contains(&text)
    }
}
