//! Resources: the `job` and `instance` of their series, and their `target_info`.

use std::borrow::Cow;

use metric::METRIC_NAME;

use super::super::label_set::LabelSet;
use super::attributes::{self, Attribute};

/// The metric that holds what is known about a resource.
pub(super) const TARGET_INFO: &str = "target_info";
/// Attributes that become `job` and `instance`.
const IDENTITY: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];

/// A resource: the labels that its series have, and what `target_info` says.
pub(super) struct Resource<'a> {
    identity: Vec<(&'static str, String)>,
    attributes: Vec<Attribute<'a>>,
}

impl<'a> Resource<'a> {
    pub(super) fn new(attributes: Vec<Attribute<'a>>) -> Self {
        let [name, namespace, instance] = IDENTITY.map(|key| attributes::find(&attributes, key));
        let mut identity = Vec::new();
        if let Some(name) = name {
            let job = match namespace {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name.to_owned(),
            };
            identity.push(("job", job));
        }
        if let Some(instance) = instance {
            identity.push(("instance", instance.to_owned()));
        }
        Self { identity, attributes }
    }

    /// The labels of a point, without the metric's name.
    pub(super) fn labels<'l>(
        &'l self,
        attributes: &[Attribute<'l>],
    ) -> Result<LabelSet<'l>, String> {
        let mut labels = LabelSet::new();
        attributes::add_labels(&mut labels, attributes)?;
        labels.remove(METRIC_NAME);
        for (name, value) in &self.identity {
            labels.set(*name, value.as_str());
        }
        Ok(labels)
    }

    /// The labels of `target_info`: nothing when there is nothing to tell, or nobody to tell of.
    pub(super) fn info(&self) -> Option<LabelSet<'_>> {
        let known: Vec<Attribute<'_>> = self
            .attributes
            .iter()
            .filter(|(key, _)| !IDENTITY.contains(key))
            .map(|(key, value)| (*key, Cow::Borrowed(value.as_ref())))
            .collect();
        if known.is_empty() || self.identity.is_empty() {
            return None;
        }
        let mut labels = self.labels(&known).ok()?;
        labels.add(METRIC_NAME, TARGET_INFO);
        Some(labels)
    }
}
