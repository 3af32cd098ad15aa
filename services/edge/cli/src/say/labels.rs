//! Short words for codes: one line a code, both languages side by side.

use crate::say::Lang;

/// Every code with its words. Enumerations under their protobuf names, events under their subjects.
pub const LABELS: &[(&str, &str, &str)] = &[
    // Channels, urgency, modes, tracks, duties, roles
    ("CHANNEL_LETTER", "来信", "letter"),
    ("CHANNEL_VISIT", "来访", "visit"),
    ("CHANNEL_WEB", "网上", "web"),
    ("CHANNEL_PHONE", "来电", "phone"),
    ("CHANNEL_GRID_PATROL", "网格巡查", "grid patrol"),
    ("CHANNEL_OPINION", "舆情", "public opinion"),
    ("CHANNEL_TRANSFER", "转办", "transfer"),
    ("URGENCY_NORMAL", "一般", "normal"),
    ("URGENCY_URGENT", "紧急", "urgent"),
    ("URGENCY_MAJOR", "重大", "major"),
    ("HANDLING_MODE_FAST", "快办", "fast"),
    ("HANDLING_MODE_CAREFUL", "细办", "careful"),
    ("HANDLING_MODE_DEDICATED", "专办", "dedicated"),
    ("HANDLING_MODE_ASSISTED", "协办", "assisted"),
    ("HANDLING_MODE_JOINT", "联办", "joint"),
    ("TRACK_DIRECT", "直办", "direct"),
    ("TRACK_ASSIGNED", "交办", "assigned"),
    ("TRACK_SUPERVISED", "督办", "supervised"),
    ("DUTY_INVESTIGATE", "调查", "investigate"),
    ("DUTY_IDENTIFY", "认定", "identify"),
    ("DUTY_PUNISH", "处罚", "punish"),
    ("DUTY_RECTIFY", "整改", "rectify"),
    ("DUTY_ASSIST", "协助", "assist"),
    ("ROLE_LEAD", "主办", "lead"),
    ("ROLE_SUPPORT", "协办", "support"),
    // Intake
    ("CASE_STAGE_REGISTERED", "已登记", "registered"),
    ("CASE_STAGE_ACCEPTED", "已受理", "accepted"),
    ("CASE_STAGE_HANDLED", "已答复, 待结案", "answered, closing"),
    ("CASE_STAGE_DECLINED", "不予受理", "declined"),
    ("CASE_STAGE_ROUTED_AWAY", "已转送", "routed away"),
    ("CASE_STAGE_CLOSED", "已办结", "closed"),
    ("CASE_STAGE_WITHDRAWN", "已撤回", "withdrawn"),
    ("LINK_KIND_DUPLICATE", "重复件", "duplicate"),
    ("LINK_KIND_REPEAT", "重复访", "repeat"),
    ("LINK_KIND_CLUSTER_MEMBER", "同一问题", "same problem"),
    ("NOTICE_KIND_RECEIPT", "登记告知", "receipt"),
    ("NOTICE_KIND_ACCEPTANCE", "受理告知书", "notice of acceptance"),
    ("NOTICE_KIND_DECLINE", "不予受理告知书", "notice of declining"),
    ("NOTICE_KIND_ROUTE", "转送告知书", "notice of transfer"),
    ("NOTICE_KIND_REPLY", "答复", "reply"),
    ("NOTICE_KIND_EXTENSION", "延期告知书", "notice of extension"),
    ("DELIVERY_ON_THE_SPOT", "当场告知", "on the spot"),
    ("DELIVERY_PUBLIC_QUERY", "公众查询", "public query"),
    ("CANDIDATE_REASON_SAME_COMPLAINANT", "同一信访人", "same complainant"),
    ("CANDIDATE_REASON_SAME_MATTER", "同一事项", "same matter"),
    ("CANDIDATE_REASON_SAME_TOWN", "同一镇（街道）", "same town"),
    ("CANDIDATE_REASON_SAME_VILLAGE", "同一村（社区）", "same village"),
    ("CANDIDATE_REASON_SAME_OBJECT", "同类对象", "same kind of object"),
    ("RETURN_REASON_NOT_THEIRS", "不属其职权", "not theirs"),
    ("RETURN_REASON_NOT_FILED", "不予立案", "not filed there"),
    ("RETURN_REASON_PROCEDURE_ENDED", "程序终结", "procedure ended"),
    ("RETURN_REASON_SENT_BY_MISTAKE", "误转", "sent by mistake"),
    ("REVEAL_PURPOSE_CALLBACK", "回访", "call-back"),
    ("REVEAL_PURPOSE_SERVE_NOTICE", "送达", "serving a notice"),
    ("REVEAL_PURPOSE_VERIFY_FACTS", "核实情况", "verifying facts"),
    ("REVEAL_PURPOSE_RECEPTION", "接待来访", "reception"),
    ("REVEAL_PURPOSE_EMERGENCY", "紧急情况", "emergency"),
    // Assignment
    ("DETERMINATION_KIND_SOLE", "单一主体", "one body"),
    ("DETERMINATION_KIND_LEAD_WITH_SUPPORT", "主办加协办", "lead with support"),
    ("DETERMINATION_KIND_OVERLAP", "职责交叉", "overlap"),
    ("DETERMINATION_KIND_GAP", "监管盲区", "gap"),
    ("STANCE_MINE", "属于本部门", "ours"),
    ("STANCE_NOT_MINE", "不属于本部门", "not ours"),
    ("STANCE_SHARED", "共同职责", "shared"),
    ("STANCE_SILENT", "未答复", "silent"),
    ("OUTCOME_RECTIFIED", "已整改", "rectified"),
    ("OUTCOME_PUNISHED", "已处罚", "punished"),
    ("OUTCOME_IDENTIFIED", "已认定", "identified"),
    ("OUTCOME_ASSISTED", "已协助", "assisted"),
    ("OUTCOME_EXPLAINED", "解释说明", "explained"),
    ("OUTCOME_UNFOUNDED", "查无实据", "unfounded"),
    ("SETTLING_REASON_ITEM_NOT_LISTED", "事项不在清单", "an item is on no list"),
    ("SETTLING_REASON_NOBODY_TO_ANSWER", "单位无人承办", "nobody to answer"),
    ("SETTLING_REASON_DONE_OTHERWISE", "已另行处理", "done otherwise"),
    ("SETTLING_REASON_NOT_NEEDED", "无须处置", "not needed"),
    ("SETTLING_REASON_CASE_LINKED", "并案", "answered with another case"),
    ("SETTLING_REASON_CASE_ENDED", "案件终结", "the case is over"),
    ("ITEM_KIND_POWER", "权力清单", "power list"),
    ("ITEM_KIND_RESPONSIBILITY", "责任清单", "responsibility list"),
    ("ITEM_KIND_KEPT_DUTY", "保留职责", "kept duty"),
    ("MISS_REASON_REGION", "区域不符", "another region"),
    ("MISS_REASON_OBJECT_TYPE", "对象类型不符", "another kind of object"),
    ("MISS_REASON_FACT", "事实不符", "a fact differs"),
    ("MISS_REASON_FACT_UNKNOWN", "事实不明", "a fact is unknown"),
    ("MISS_REASON_VALIDITY", "不在有效期", "not valid then"),
    ("CONSULTATION_STAGE_OPEN", "征求意见", "open"),
    ("CONSULTATION_STAGE_ANSWERED", "待裁定", "awaits a ruling"),
    ("CONSULTATION_STAGE_RULED", "已裁定", "ruled"),
    ("CONSULTATION_STAGE_WITHDRAWN", "已撤销", "withdrawn"),
    ("PRECEDENT_SCOPE_TOWN", "本镇（街道）", "this town"),
    ("PRECEDENT_SCOPE_COUNTY", "全县", "the county"),
    ("WORK_ORDER_STAGE_DISPATCHED", "已派单", "dispatched"),
    ("WORK_ORDER_STAGE_ACKNOWLEDGED", "已签收", "acknowledged"),
    ("WORK_ORDER_STAGE_OBJECTED", "异议中", "objected"),
    ("WORK_ORDER_STAGE_COMPLETED", "已办结", "completed"),
    ("WORK_ORDER_STAGE_WITHDRAWN", "已撤单", "withdrawn"),
    ("change.dispatched", "派单", "dispatched"),
    ("change.acknowledged", "签收", "acknowledged"),
    ("change.objected", "异议", "objected"),
    ("change.objection_upheld", "异议成立", "objection upheld"),
    ("change.objection_rejected", "异议不成立", "objection rejected"),
    ("change.reported", "进展报告", "progress"),
    ("change.completed", "工单办结", "completed"),
    ("change.withdrawn", "撤单", "withdrawn"),
    ("change.reassigned", "改派", "reassigned"),
    ("change.deadline_changed", "期限调整", "deadline moved"),
    ("change.deadline_seen", "期限已知", "deadline known"),
    ("change.pressed", "督办", "pressed"),
    ("change.bound", "裁定约束", "bound by ruling"),
    ("conclusion.supported", "支持", "supported"),
    ("conclusion.explained", "解释", "explained"),
    ("conclusion.not_supported", "不支持", "not supported"),
    ("ground.several_duties", "涉及多个部门职责", "several duties"),
    ("ground.duties_connect", "职责需要衔接", "duties connect"),
    ("ground.one_object_checks", "同一对象多项检查", "several checks of one object"),
    ("cause.overlap", "职责交叉", "overlap"),
    ("cause.gap", "监管盲区", "gap"),
    ("cause.objection", "异议成立", "objection upheld"),
    ("objection.rejected", "异议不成立", "objection rejected"),
    // Scheduling
    ("OPERATION_STAGE_PROPOSED", "待批准", "proposed"),
    ("OPERATION_STAGE_REJECTED", "未获批准", "rejected"),
    ("OPERATION_STAGE_FIXED", "已排定", "fixed"),
    ("OPERATION_STAGE_STARTED", "进行中", "under way"),
    ("OPERATION_STAGE_CONCLUDED", "已结束", "concluded"),
    ("OPERATION_STAGE_CANCELLED", "已取消", "cancelled"),
    ("OPERATION_KIND_INSPECTION", "检查", "inspection"),
    ("OPERATION_KIND_COMPULSORY", "强制执行", "compulsory enforcement"),
    ("PARTICIPATION_ANSWER_ASKED", "待确认", "asked"),
    ("PARTICIPATION_ANSWER_CONFIRMED", "已确认", "confirmed"),
    ("PARTICIPATION_ANSWER_DECLINED", "不参与", "declined"),
    ("PARTICIPATION_ANSWER_SILENT", "未答复", "silent"),
    ("finding.violation", "发现违法", "violation"),
    ("finding.no_violation", "未发现违法", "no violation"),
    ("finding.rectified_on_spot", "当场改正", "rectified on the spot"),
    // Supervision
    ("RUNG_REMIND", "提醒", "reminder"),
    ("RUNG_URGE", "催办", "urging"),
    ("RUNG_SUPERVISION_ORDER", "督办单", "supervision order"),
    ("CLOCK_STATE_RUNNING", "计时中", "running"),
    ("CLOCK_STATE_PAUSED", "已中止", "paused"),
    ("CLOCK_STATE_STOPPED", "已停止", "stopped"),
    ("CLOCK_STATE_BREACHED", "已超期", "breached"),
    ("CLOSING_STATE_CHECKING", "机器校验中", "machine checks"),
    ("CLOSING_STATE_AWAITING_SECOND_UNIT", "待第二单位审核", "awaits a second unit"),
    ("CLOSING_STATE_APPROVED", "已通过", "approved"),
    ("CLOSING_STATE_REFUSED", "已退回", "refused"),
    ("check.evidence", "证据", "evidence"),
    ("check.shares_closed", "各份额办结", "every share closed"),
    ("check.operations_finished", "联合执法结束", "operations finished"),
    ("check.notice_served", "答复送达", "reply served"),
    ("check.second_unit", "第二单位核查", "second unit's check"),
    // Tasks
    ("task.intake.decide", "决定是否受理", "decide on it"),
    ("task.intake.receipt", "等待移送回执", "await the receipt"),
    ("task.diagnosis.answer", "答复门诊", "answer the diagnosis"),
    ("task.diagnosis.make", "作出诊断", "make the diagnosis"),
    ("task.consultation.position", "会商表态", "take a position"),
    ("task.consultation.rule", "作出裁定", "rule"),
    ("task.order.acknowledge", "签收工单", "acknowledge the order"),
    ("task.order.complete", "办结工单", "complete the order"),
    ("task.objection.decide", "审查异议", "decide the objection"),
    ("task.case.complete", "作出结论并答复", "conclude and reply"),
    ("task.case.reconsider", "重新研究", "reconsider the case"),
    ("task.follow_up.dispatch", "派发后续处置", "send out the follow-up"),
    ("task.operation.approve", "批准联合执法", "approve the operation"),
    ("task.participation.confirm", "确认参加", "confirm taking part"),
    ("task.participation.resolve", "处理不参加", "resolve a refusal to come"),
    ("task.operation.check_in", "到场登记", "check in"),
    ("task.operation.start", "开始行动", "start the operation"),
    ("task.operation.conclude", "结束行动", "conclude the operation"),
    ("task.closing.check", "结案审核", "check the closing"),
    ("task.clock.resume", "恢复计时", "resume the clock"),
    ("task.supervision_order.answer", "答复督办单", "answer the supervision order"),
    ("task.callback.record", "回访", "call back"),
    ("task.adjudication.decide", "甄别", "adjudicate"),
    ("booking.reserved", "已预留", "reserved"),
    ("booking.on_duty", "执勤中", "on duty"),
    ("booking.released", "已释放", "released"),
    ("precedent.active", "有效", "routes cases"),
    ("precedent.item_ended", "事项已失效", "its item ended"),
    ("precedent.boundary_rule_published", "已有边界规则", "a boundary rule was published"),
    // Evaluation
    ("CALLBACK_STATE_DRAWN", "待回访", "to be called"),
    ("CALLBACK_STATE_RECORDED", "已回访", "recorded"),
    ("CALLBACK_STATE_UNREACHED", "未接通", "not reached"),
    ("CALLBACK_STATE_LAPSED", "已失效", "lapsed"),
    ("CALLBACK_STATE_ADJUDICATION", "待甄别", "adjudication"),
    ("CALLBACK_STATE_UPHELD", "甄别成立", "upheld"),
    ("CALLBACK_STATE_EXCLUDED", "甄别不成立", "excluded"),
    ("rate.response", "响应率", "response"),
    ("rate.resolution", "解决率", "resolution"),
    ("rate.satisfaction", "满意率", "satisfaction"),
    // The bus
    ("PARKED_DECISION_RETRY", "重试", "retry"),
    ("PARKED_DECISION_SKIP", "跳过", "skip"),
    ("parked.waiting", "等待", "waiting"),
    ("parked.behind", "排在其后", "behind another"),
    ("parked.resolved", "已处理", "resolved"),
    ("parked.skipped", "已跳过", "skipped"),
    ("affected.open", "待核对", "open"),
    ("affected.settled", "已核对", "settled"),
    ("clock.real", "真实时间", "real time"),
    ("clock.simulated", "模拟时间", "simulated time"),
    ("service.intake", "受理", "intake"),
    ("service.assignment", "责任认定", "assignment"),
    ("service.scheduling", "联合执法", "scheduling"),
    ("service.supervision", "督查", "supervision"),
    ("service.evaluation", "考核评价", "evaluation"),
    // Invariants
    ("N1", "命令恰好生效一次", "every command took effect once"),
    ("N2", "日志稠密, 哈希链完整", "journals are dense and chained"),
    ("N3", "各游标到达队首", "every cursor is at its head"),
    ("N4", "时间线与日志同序", "histories keep the journals' order"),
    ("N5", "受理件都有唯一责任决定", "one responsibility each"),
    ("N6", "未结案件都有人或时钟盯着", "every open case is attended"),
    ("N7", "计时器不早不重", "timers fire once, never early"),
    ("N10", "消息流与日志一致", "streams equal journals"),
    // Events
    ("bundle.published", "发布配置包", "pack published"),
    ("epoch.started", "新纪元开始", "a new epoch begins"),
    ("intake.case.registered", "登记", "registered"),
    ("intake.case.accepted", "受理", "accepted"),
    ("intake.case.declined", "不予受理", "declined"),
    ("intake.case.routed_away", "转送", "routed away"),
    ("intake.case.route_receipted", "移送回执", "receipt of the transfer"),
    ("intake.case.returned_from_route", "退回", "came back"),
    ("intake.case.withdrawn", "撤回", "withdrawn"),
    ("intake.case.facts_added", "补充事实", "facts added"),
    ("intake.case.linked", "关联", "linked"),
    ("intake.notice.served", "送达", "notice served"),
    ("intake.case.closed", "结案", "closed"),
    ("intake.case.reopened", "重新办理", "reopened"),
    ("intake.complainant.left", "信访人退出", "complainant left"),
    ("intake.contact.revealed", "查看身份", "identity opened"),
    ("intake.complainant.forgotten", "删除个人信息", "complainant forgotten"),
    ("assignment.diagnosis.made", "门诊诊断", "diagnosed"),
    ("assignment.organisation.published", "机构发布", "organisation published"),
    ("assignment.list.published", "清单发布", "list published"),
    ("assignment.determination.made", "责任认定", "determined"),
    ("assignment.consultation.opened", "会商", "consultation"),
    ("assignment.consultation.answered", "表态", "position"),
    ("assignment.ruling.made", "裁定", "ruling"),
    ("assignment.work_order.dispatched", "派单", "dispatched"),
    ("assignment.work_order.acknowledged", "签收", "acknowledged"),
    ("assignment.work_order.objected", "异议", "objection"),
    ("assignment.work_order.objection_decided", "异议裁定", "objection decided"),
    ("assignment.work_order.withdrawn", "撤单", "order withdrawn"),
    ("assignment.work_order.reported", "进展报告", "progress"),
    ("assignment.work_order.completed", "工单办结", "order completed"),
    ("assignment.follow_up.settled", "后续处置了结", "follow-up settled"),
    ("assignment.case.escalated", "提请联合执法", "escalated"),
    ("assignment.case.handled", "办理完毕", "handled"),
    ("assignment.account.disabled", "停用账号", "account disabled"),
    ("scheduling.operation.proposed", "建议联合执法", "operation proposed"),
    ("scheduling.operation.rejected", "不予批准", "operation rejected"),
    ("scheduling.operation.approved", "批准", "operation approved"),
    ("scheduling.operation.fixed", "排定", "fixed"),
    ("scheduling.operation.rescheduled", "改期", "rescheduled"),
    ("scheduling.participant.confirmed", "确认参加", "confirmed"),
    ("scheduling.participant.declined", "不参加", "will not come"),
    ("scheduling.participant.checked_in", "到场", "checked in"),
    ("scheduling.operation.started", "行动开始", "started"),
    ("scheduling.operation.concluded", "行动结束", "concluded"),
    ("scheduling.operation.cancelled", "取消", "cancelled"),
    ("scheduling.participant.unanswered", "未答复参与", "no answer"),
    ("scheduling.officers.replaced", "人员调整", "officers replaced"),
    ("scheduling.inspection.recorded", "现场记录", "inspection recorded"),
    ("scheduling.operation.reminded", "催促", "reminded"),
    ("scheduling.officer.changed", "执法证变更", "certificate changed"),
    ("supervision.clocks.started", "起算", "clocks started"),
    ("supervision.clocks.warned", "预警", "warned"),
    ("supervision.clocks.breached", "超期", "overdue"),
    ("supervision.clocks.paused", "中止计时", "clocks paused"),
    ("supervision.clocks.extended", "延期", "extended"),
    ("supervision.clocks.moved", "期限调整", "clocks moved"),
    ("supervision.clocks.stopped", "停止计时", "clocks stopped"),
    ("supervision.supervision_order.issued", "督办", "pressed"),
    ("supervision.supervision_order.answered", "督办回复", "answered"),
    ("supervision.closing.approved", "结案审核通过", "closing approved"),
    ("supervision.closing.refused", "结案审核退回", "closing refused"),
    ("evaluation.callback.drawn", "抽中回访", "call-back drawn"),
    ("evaluation.callback.attempted", "回访未接通", "call not answered"),
    ("evaluation.rating.given", "回访评价", "rated"),
    ("evaluation.rating.dissatisfied", "不满意", "dissatisfied"),
    ("evaluation.adjudication.decided", "甄别", "adjudicated"),
];

/// The word for a code; the code itself where the catalogue is older than the centre.
#[must_use]
pub fn label(code: &str, lang: Lang) -> &str {
    match LABELS.iter().find(|(known, _, _)| *known == code) {
        Some((_, zh, _)) if lang == Lang::Zh => zh,
        Some((_, _, en)) => en,
        None => code,
    }
}

/// The word for the short code of an enumeration, as events and timelines write it: `sole` of `DETERMINATION_KIND`.
#[must_use]
pub fn short<'code>(prefix: &str, code: &'code str, lang: Lang) -> &'code str {
    let full = format!("{prefix}_{}", code.to_uppercase());
    let found = LABELS.iter().find(|(known, _, _)| *known == full);
    match (found, lang) {
        (Some((_, zh, _)), Lang::Zh) => zh,
        (Some((_, _, en)), Lang::En) => en,
        (None, _) => code,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use std::collections::BTreeSet;

    use super::*;
    use crate::reflect;
    use crate::say::tests::is_chinese;

    #[test]
    fn every_word_exists_in_both_languages_and_once() {
        let codes: BTreeSet<&str> = LABELS.iter().map(|(code, _, _)| *code).collect();
        assert_eq!(codes.len(), LABELS.len(), "a code stands twice");
        for (code, zh, en) in LABELS {
            assert!(is_chinese(zh), "{code}: {zh}");
            assert!(!en.is_empty() && !is_chinese(en), "{code}: {en}");
        }
    }

    #[test]
    fn every_event_of_the_contract_has_a_word() {
        let missing: Vec<&str> = xiezhi_proto::EVENTS
            .iter()
            .map(|event| event.subject)
            .filter(|subject| LABELS.iter().all(|(code, _, _)| code != subject))
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn every_value_of_an_enumeration_has_a_word() {
        let pool = reflect::pool().unwrap();
        let missing: Vec<String> = pool
            .all_enums()
            .filter(|kind| kind.full_name().starts_with("xiezhi."))
            // What the contract says of itself stands in no answer.
            .filter(|kind| !kind.full_name().starts_with("xiezhi.options."))
            .flat_map(|kind| kind.values().map(|value| value.name().to_owned()).collect::<Vec<_>>())
            .filter(|name| !name.ends_with("_UNSPECIFIED"))
            .filter(|name| LABELS.iter().all(|(code, _, _)| code != name))
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn a_code_from_a_newer_centre_is_shown_as_it_is() {
        assert_eq!(label("scheduling.whistle.blown", Lang::Zh), "scheduling.whistle.blown");
        assert_eq!(short("DETERMINATION_KIND", "sole", Lang::Zh), "单一主体");
        assert_eq!(short("DETERMINATION_KIND", "new_kind", Lang::En), "new_kind");
    }
}
