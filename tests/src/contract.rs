//! The contract's descriptors as a test walks them.

use anyhow::{Context, anyhow};
use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, Value};

/// An event of the contract.
#[derive(Debug, Clone)]
pub struct EventMessage {
    /// Its body.
    pub message: MessageDescriptor,
    /// The middle of its subject.
    pub subject: String,
    /// True where nobody acts on it.
    pub terminal: bool,
}

/// The whole contract.
#[derive(Debug, Clone)]
pub struct Contract {
    /// Every file, message, enum and service.
    pub pool: DescriptorPool,
    action: ExtensionDescriptor,
    event: ExtensionDescriptor,
    personal: ExtensionDescriptor,
}

impl Contract {
    /// Reads the descriptors that are compiled into the product.
    pub fn load() -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(xiezhi_proto::DESCRIPTORS)?;
        let option = |name: &str| pool.get_extension_by_name(name).with_context(|| format!("{name} is not declared"));
        let action = option("xiezhi.options.v1.action")?;
        let event = option("xiezhi.options.v1.event")?;
        let personal = option("xiezhi.options.v1.personal")?;
        Ok(Self { pool, action, event, personal })
    }

    /// Packages of ours, without those of Google.
    pub fn packages(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.pool.files().map(|file| file.package_name().to_owned()).filter(|name| is_ours(name)).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Every RPC of ours.
    pub fn methods(&self) -> Vec<prost_reflect::MethodDescriptor> {
        let ours = self.pool.services().filter(|service| is_ours(service.package_name()));
        ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
    }

    /// Every message of ours, nested ones too.
    pub fn messages(&self) -> Vec<MessageDescriptor> {
        self.pool.all_messages().filter(|message| is_ours(message.package_name())).collect()
    }

    /// The action an RPC declares; empty where it declares none.
    pub fn action_of(&self, method: &prost_reflect::MethodDescriptor) -> String {
        match method.options().get_extension(&self.action).as_ref() {
            Value::String(action) => action.clone(),
            _ => String::new(),
        }
    }

    /// True where the field may identify a person.
    pub fn is_personal(&self, field: &FieldDescriptor) -> bool {
        matches!(field.options().get_extension(&self.personal).as_ref(), Value::Bool(true))
    }

    /// Every event, in the order of the files.
    pub fn events(&self) -> anyhow::Result<Vec<EventMessage>> {
        let mut events = Vec::new();
        for message in self.messages() {
            let options = message.options();
            if !options.has_extension(&self.event) {
                continue;
            }
            let Value::Message(event) = options.get_extension(&self.event).into_owned() else {
                return Err(anyhow!("{}: the event option cannot be read", message.full_name()));
            };
            events.push(EventMessage {
                subject: text(&event, "subject"),
                terminal: matches!(event.get_field_by_name("terminal").as_deref(), Some(Value::Bool(true))),
                message,
            });
        }
        Ok(events)
    }

    /// Every field that a message can hold, through all messages within it: path and field.
    pub fn fields_within(&self, message: &MessageDescriptor) -> Vec<(String, FieldDescriptor)> {
        let mut found = Vec::new();
        gather(message, "", &mut Vec::new(), &mut found);
        found
    }

    /// Everything that has no comment of its own: messages, fields, enums, their values, services and RPCs.
    pub fn uncommented(&self) -> Vec<String> {
        let mut silent = Vec::new();
        for file in self.pool.files().filter(|file| is_ours(file.package_name())) {
            let proto = file.file_descriptor_proto();
            let commented: Vec<&[i32]> = proto
                .source_code_info
                .iter()
                .flat_map(|info| &info.location)
                .filter(|place| !place.leading_comments().trim().is_empty())
                .map(|place| place.path.as_slice())
                .collect();
            let mut check = |name: &str, path: &[i32]| {
                if !commented.contains(&path) {
                    silent.push(name.to_owned());
                }
            };
            for message in file.messages() {
                check_message(&message, &mut check);
            }
            for value in file.enums() {
                check_enum(&value, &mut check);
            }
            for service in file.services() {
                check(service.full_name(), service.path());
                for method in service.methods() {
                    check(method.full_name(), method.path());
                }
            }
        }
        silent
    }
}

fn check_message(message: &MessageDescriptor, check: &mut impl FnMut(&str, &[i32])) {
    if message.is_map_entry() {
        return;
    }
    check(message.full_name(), message.path());
    for field in message.fields() {
        check(field.full_name(), field.path());
    }
    for child in message.child_messages() {
        check_message(&child, check);
    }
    for child in message.child_enums() {
        check_enum(&child, check);
    }
}

fn check_enum(value: &prost_reflect::EnumDescriptor, check: &mut impl FnMut(&str, &[i32])) {
    check(value.full_name(), value.path());
    for entry in value.values() {
        check(entry.full_name(), entry.path());
    }
}

fn gather(
    message: &MessageDescriptor,
    prefix: &str,
    above: &mut Vec<String>,
    found: &mut Vec<(String, FieldDescriptor)>,
) {
    if above.iter().any(|name| name == message.full_name()) {
        return;
    }
    above.push(message.full_name().to_owned());
    for field in message.fields() {
        let path = if prefix.is_empty() { field.name().to_owned() } else { format!("{prefix}.{}", field.name()) };
        if let prost_reflect::Kind::Message(inner) = field.kind() {
            gather(&inner, &path, above, found);
        }
        found.push((path, field));
    }
    above.pop();
}

fn is_ours(package: &str) -> bool {
    package.starts_with("xiezhi.")
}

fn text(message: &DynamicMessage, field: &str) -> String {
    match message.get_field_by_name(field).as_deref() {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

/// The service a package or action begins with: `intake` of `xiezhi.intake.v1`.
#[must_use]
pub fn service_of(package: &str) -> &str {
    package.split('.').nth(1).unwrap_or_default()
}
